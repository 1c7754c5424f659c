//! The section “Reconnection”: a connection that comes back, and what becomes of the messages meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::reconnect::{Backoff, Counts, Heartbeat, ReconnectingSender, State, WhenFull};
use wasm_websocket::{Error, Message, ReconnectOptions, Reconnecting};

use crate::demo::{self, Demo};
use crate::format::{count, number, seconds};
use crate::frame::{every, now};
use crate::log::{Kind, Log};
use crate::page::{is_checked, on_click, selected, show, show_badge, show_problem};
use crate::peers::url;

/// The section's connection, if there ever was one.
#[derive(Default)]
struct Reconnection {
    log: Log,
    /// By which the server knows the connections of this page.
    key: u64,
    sender: RefCell<Option<ReconnectingSender>>,
    /// When the next attempt is due, if one is.
    next_attempt: Cell<Option<f64>>,
    /// The number of the last message.
    last: Cell<u64>,
    /// In doubt, until the user has decided what becomes of them.
    undecided: RefCell<Vec<Message>>,
}

/// Connects the section's controls.
pub fn start(demo: &Rc<Demo>) {
    let key = (js_sys::Math::random() * 1e15) as u64;
    let section = Rc::new(Reconnection { log: demo.log.clone(), key, ..Reconnection::default() });
    section.on_click("connect", Reconnection::connect_or_close);
    section.on_click("send", |section| show_problem(PROBLEM, section.send().err().as_deref()));
    section.on_click("cut", Reconnection::cut);
    section.on_click("again", |section| section.send_again());
    section.on_click("forget", |section| drop(section.undecided.take()));
    section.on_click("offline", |section| section.sender.borrow().iter().for_each(pause_or_resume));
    every(200, move || section.tick());
}

const PROBLEM: &str = "reconnection-problem";

impl Reconnection {
    // region: reconnection
    /// Connects, and comes back when the connection is lost: not at once, so that one can see it.
    fn connect(self: &Rc<Self>) {
        let (second, url) = (Duration::from_secs(1), url(&format!("/fault/reset-by/{}", self.key)));
        let when_full = if selected("reconnection-full") == "drop" { WhenFull::DropOldest } else { WhenFull::Reject };
        let options = ReconnectOptions::new()
            .connection(demo::options())
            .backoff(Backoff::new().base(4 * second).cap(8 * second).floor(2 * second))
            .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("ping")).interval(2 * second))
            .queue(64 << 10, 10, when_full);
        let stream = Reconnecting::new(options, async move || Ok(url.clone()));
        pause_or_resume(&stream.sender());
        self.sender.replace(Some(stream.sender()));
        let (section, states) = (self.clone(), stream.states());
        spawn_local(async move {
            let states = states.for_each(async |state| section.follow(&state));
            join(states, stream.for_each(async |_| ())).await; // the echoes are of no use here
        });
    }

    /// Follows the states. What becomes of messages in doubt is for the user to decide.
    fn follow(&self, state: &State) {
        if let (State::InDoubt { .. }, Some(sender)) = (state, &*self.sender.borrow()) {
            let messages = sender.take_in_doubt().messages;
            self.undecided.borrow_mut().extend(messages.into_iter().map(|(_, message)| message));
        }
        self.show_state(state);
    }

    /// Sends the next message. If it is rejected, the next one has the same number.
    fn send(&self) -> Result<(), String> {
        let sender = self.sender.borrow();
        let next = self.last.get() + 1;
        let sender = sender.as_ref().ok_or("There is no connection: connect first.")?;
        sender.try_send(format!("message {next}")).map_err(|unsent| match unsent.error {
            Error::Full => format!("The queue is full: “message {next}” was handed back."),
            error => format!("“message {next}” was handed back: {error}."),
        })?;
        self.last.set(next);
        Ok(())
    }

    /// Sends again what is in doubt. If the server had it, it now has it twice: whether that does harm only the user knows.
    fn send_again(&self) {
        let sender = self.sender.borrow();
        let messages = self.undecided.take().into_iter();
        let refused = messages.filter_map(|message| sender.as_ref()?.try_send(message).err());
        self.undecided.replace(refused.map(|unsent| unsent.message).collect());
    }
    // endregion

    fn connect_or_close(self: &Rc<Self>) {
        match self.sender().filter(|sender| !matches!(sender.state(), State::Closed { .. })) {
            Some(sender) => drop(sender.close()), // how it ends the states tell
            None => self.connect(),
        }
    }

    /// Tells the server, on another connection, to reset this one.
    fn cut(self: &Rc<Self>) {
        if self.sender().is_none_or(|sender| sender.state() != State::Open) {
            return show_problem(PROBLEM, Some("There is no open connection for the server to cut."));
        }
        let told = demo::options().connect(&url(&format!("/fault/reset-now/{}", self.key)));
        spawn_local(async { show_problem(PROBLEM, told.await.err().map(|error| error.to_string()).as_deref()) });
    }

    fn sender(&self) -> Option<ReconnectingSender> {
        self.sender.borrow().clone()
    }

    /// Calls `callback` when a button is clicked, and shows what has become of it.
    fn on_click(self: &Rc<Self>, button: &str, callback: fn(&Rc<Self>)) {
        let section = self.clone();
        on_click(&format!("reconnection-{button}"), move || {
            show_problem(PROBLEM, None);
            callback(&section);
            section.show();
        });
    }

    fn tick(&self) {
        if is_checked("reconnection-repeat") {
            show_problem(PROBLEM, self.send().err().as_deref());
        }
        self.show();
    }

    fn show_state(&self, state: &State) {
        let (name, kind, why) = describe(state);
        self.log.add(kind, None, &format!("reconnection: {name}, {why}"));
        if let State::InDoubt { .. } | State::Rejected { .. } = state {
            return; // these are reports
        }
        show_badge("reconnection-state", name);
        show("reconnection-why", &why);
        show("reconnection-connect", if name == "closed" { "Connect" } else { "Close" });
        let delay = if let State::Waiting { delay, .. } = state { Some(delay.as_secs_f64() * 1e3) } else { None };
        self.next_attempt.set(delay.map(|delay| now() + delay));
        self.show();
    }

    /// Shows what changes without a state.
    fn show(&self) {
        let left = self.next_attempt.get().map(|at| seconds((at - now()).max(0.0) / 1e3));
        show("reconnection-next", &left.map(|left| format!("Next attempt in {left}")).unwrap_or_default());
        let counts = self.sender().map(|sender| sender.counts()).unwrap_or_default();
        let Counts { queued, unconfirmed, confirmed, in_doubt, rejected, dropped, .. } = counts;
        for (id, messages) in [("queued", queued), ("unconfirmed", unconfirmed), ("confirmed", confirmed)] {
            show(&format!("reconnection-{id}"), &number(messages));
        }
        for (id, messages) in [("in-doubt", in_doubt), ("rejected", rejected), ("dropped", dropped)] {
            show(&format!("reconnection-{id}"), &number(messages));
        }
        show("reconnection-undecided", &list(&self.undecided.borrow()));
    }
}

fn pause_or_resume(sender: &ReconnectingSender) {
    if is_checked("reconnection-offline") { sender.pause() } else { sender.resume() }
}

/// The name of a state, what kind of line it is in the log, and what there is to say about it.
fn describe(state: &State) -> (&'static str, Kind, String) {
    match state {
        State::Connecting { attempt, cause } => ("connecting", Kind::Connect, format!("attempt {attempt}: {cause}")),
        State::Open => ("open", Kind::Open, "messages go out at once".into()),
        State::InDoubt { messages } => ("in doubt", Kind::Problem, count(*messages, "message")),
        State::Rejected { number, error } => ("rejected", Kind::Problem, format!("message {number}: {error}")),
        State::Waiting { cause, .. } => ("waiting", Kind::Close, cause.to_string()),
        State::Closing => ("closing", Kind::Closing, "waiting for the server’s answer".into()),
        State::Paused => ("paused", Kind::Close, "messages are queued".into()),
        State::Closed { cause } => ("closed", Kind::Close, format!("for good: {cause}")),
        other => ("unknown", Kind::Problem, format!("{other:?}")),
    }
}

/// What there is to decide about: of many messages the last ones.
fn list(messages: &[Message]) -> String {
    let names: Vec<_> = messages.iter().filter_map(Message::as_text).collect();
    let last = names[names.len().saturating_sub(10)..].join(", ");
    match names.len() as u64 {
        0 => "No message is in doubt.".into(),
        all => format!("{} in doubt, the last of them: {last}", count(all, "message")),
    }
}
