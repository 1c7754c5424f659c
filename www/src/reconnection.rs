//! The card “Reconnection”: a connection that comes back, and what happens to each message.

mod account;
mod timeline;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::reconnect::{Backoff, Cause, Counts, Heartbeat, ReconnectingSender, State, WhenFull};
use wasm_websocket::{Error, Message, ReconnectOptions, Reconnecting};

use crate::format::{count, number, seconds};
use crate::frame::{now, sleep};
use crate::log::{Kind, Log};
use crate::page::{check, disable, element, is_checked, on_click, selected, set, show, show_badge, show_problem};
use crate::server::{self, url};
use timeline::Timeline;

/// The card's connection, once the user has connected.
#[derive(Default)]
struct Reconnection {
    log: Log,
    /// The key by which the server knows the connections of this page.
    key: u64,
    sender: RefCell<Option<ReconnectingSender>>,
    timeline: Timeline,
    /// When the next attempt is due, if there is one.
    next_attempt: Cell<Option<f64>>,
    /// The name of the last message: its number since the page was opened.
    last: Cell<u64>,
    /// Messages in doubt, until the user decides to send them again or to forget them. Each has the number that the crate gave it, if it
    /// was sent on the latest `Reconnecting`.
    undecided: RefCell<VecDeque<(Option<u64>, Message)>>,
    /// Whether the task that ticks is running.
    is_ticking: Cell<bool>,
}

/// Connects the card's controls.
pub fn start(log: &Log) {
    let key = (js_sys::Math::random() * 1e15) as u64;
    let card = Rc::new(Reconnection { log: log.clone(), key, ..Reconnection::default() });
    card.on_click("connect", Reconnection::connect_or_close);
    card.on_click("send", |card| show_problem(PROBLEM, card.send().err().as_deref()));
    card.on_click("cut", Reconnection::cut);
    card.on_click("again", |card| show_problem(PROBLEM, card.send_again().err().as_deref()));
    card.on_click("forget", |card| card.forget());
    card.on_click("offline", |card| card.sender.borrow().iter().for_each(pause_or_resume));
    card.on_click("repeat", |_| ());
}

const PROBLEM: &str = "reconnection-problem";

/// The interval of automatic messages, and of updates of the counts, in milliseconds.
const INTERVAL: i32 = 200;

impl Reconnection {
    // region: reconnection
    /// Connects, and reconnects when the connection is lost. The delays are long, so that one can watch.
    fn connect(self: &Rc<Self>) {
        let (second, url) = (Duration::from_secs(1), url(&format!("/fault/reset-by/{}", self.key)));
        let when_full = if selected("reconnection-full") == "drop" { WhenFull::DropOldest } else { WhenFull::Reject };
        let options = ReconnectOptions::new()
            .connection(server::options())
            .backoff(Backoff::new().base(4 * second).cap(8 * second).floor(2 * second))
            .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("ping")).interval(2 * second))
            .queue_limit(64 << 10)
            .queue_limit_messages(10)
            .when_full(when_full);
        let stream = Reconnecting::new(options, async move || Ok(url.clone()));
        pause_or_resume(&stream.sender());
        // What the last connection has not sent goes out on this one.
        let queued = self.sender().map(|last| last.take_queued()).unwrap_or_default();
        self.sender.replace(Some(stream.sender()));
        self.timeline.clear();
        for message in queued {
            let name = name_of(&message);
            let _ = self.try_send(message, name);
        }
        self.undecided.borrow_mut().iter_mut().for_each(|(number, _)| *number = None);
        let (card, states) = (self.clone(), stream.states());
        spawn_local(async move {
            let states = states.for_each(async |state| card.follow(&state));
            join(states, stream.for_each(async |_| ())).await; // the echoes are ignored
        });
    }

    /// Follows the states. The user decides what to do with messages in doubt.
    fn follow(self: &Rc<Self>, state: &State) {
        if let (State::InDoubt { .. }, Some(sender)) = (state, &*self.sender.borrow()) {
            let messages = sender.take_in_doubt().messages;
            self.timeline.doubt(messages.iter().map(|(number, _)| *number));
            let messages = messages.into_iter().map(|(number, message)| (Some(number), message));
            self.undecided.borrow_mut().extend(messages);
        }
        self.show_state(state);
    }

    /// Sends the next message. If it is rejected, the next one has the same name.
    fn send(&self) -> Result<(), String> {
        let next = self.last.get() + 1;
        self.try_send(format!("message {next}").into(), next)?;
        self.last.set(next);
        Ok(())
    }

    /// Sends or queues a message, or explains why it cannot.
    fn try_send(&self, message: Message, name: u64) -> Result<(), String> {
        let sender = self.sender().ok_or("There is no connection: connect first.")?;
        let number = sender.try_send(message).map_err(|unsent| {
            self.timeline.rejected(name);
            match unsent.error {
                Error::Full => format!("The queue is full: “message {name}” was handed back."),
                error => format!("“message {name}” was handed back: {error}."),
            }
        })?;
        self.timeline.accepted(number, name);
        Ok(())
    }

    /// Sends the messages in doubt again, until one is refused. The server receives a message twice if it had received it before: only
    /// the user knows whether that does harm.
    fn send_again(&self) -> Result<(), String> {
        let mut undecided = self.undecided.borrow_mut();
        while let Some((number, message)) = undecided.front().cloned() {
            let name = name_of(&message);
            self.try_send(message, name)?;
            self.timeline.decide(number);
            undecided.pop_front();
        }
        Ok(())
    }
    // endregion

    fn forget(&self) {
        self.undecided.take().into_iter().for_each(|(number, _)| self.timeline.decide(number));
    }

    fn connect_or_close(self: &Rc<Self>) {
        match self.sender().filter(|sender| !matches!(sender.state(), State::Closed { .. })) {
            Some(sender) => drop(sender.close()), // the states report how it ends
            None => self.connect(),
        }
    }

    /// Tells the server, on another connection, to reset this one.
    fn cut(self: &Rc<Self>) {
        if self.sender().is_none_or(|sender| sender.state() != State::Open) {
            return show_problem(PROBLEM, Some("There is no open connection for the server to cut."));
        }
        server::request(&format!("/fault/reset-now/{}", self.key), PROBLEM);
    }

    fn sender(&self) -> Option<ReconnectingSender> {
        self.sender.borrow().clone()
    }

    fn counts(&self) -> Counts {
        self.sender().map(|sender| sender.counts()).unwrap_or_default()
    }

    /// Calls `callback` when a button is clicked, and shows its error.
    fn on_click(self: &Rc<Self>, button: &str, callback: fn(&Rc<Self>)) {
        let card = self.clone();
        on_click(&format!("reconnection-{button}"), move || {
            show_problem(PROBLEM, None);
            callback(&card);
            card.show();
        });
    }

    /// Ticks while values change without a click or a new state.
    fn tick_if_needed(self: &Rc<Self>) {
        if !self.is_moving() || self.is_ticking.replace(true) {
            return;
        }
        let card = self.clone();
        spawn_local(async move {
            while card.is_moving() {
                sleep(INTERVAL).await;
                if is_checked("reconnection-repeat") {
                    show_problem(PROBLEM, card.send().err().as_deref());
                }
                card.show_counts();
            }
            card.is_ticking.set(false);
        });
    }

    fn is_moving(&self) -> bool {
        let counts = self.counts();
        let is_open = self.sender().is_some_and(|sender| sender.state() == State::Open);
        is_checked("reconnection-repeat")
            || self.next_attempt.get().is_some()
            || is_open && counts.queued + counts.unconfirmed > 0
    }

    fn show_state(self: &Rc<Self>, state: &State) {
        let (name, kind, why) = describe(state);
        self.log.add(kind, None, &format!("reconnection: {name}, {why}"));
        if let State::InDoubt { .. } | State::Rejected { .. } = state {
            return self.show(); // these are reports
        }
        self.timeline.happened(name);
        show_badge("reconnection-state", name);
        let is_closed = matches!(state, State::Closed { .. });
        let label = if is_closed { "Connect" } else { "Close" };
        show("reconnection-connect", label);
        set(&element("reconnection-connect"), "aria-label", &format!("{label} the connection that comes back"));
        disable(&element("reconnection-full"), !is_closed); // the options of a connection cannot change
        if is_closed {
            check("reconnection-repeat", false); // nothing can be sent any more
        }
        if *state == State::Open {
            show_problem(PROBLEM, None);
        }
        show("reconnection-why", &why);
        let delay = if let State::Waiting { delay, .. } = state { Some(delay.as_secs_f64() * 1e3) } else { None };
        self.next_attempt.set(delay.map(|delay| now() + delay));
        self.show();
    }

    fn show(self: &Rc<Self>) {
        self.show_counts();
        self.tick_if_needed();
    }

    /// Shows the values that change without a new state.
    fn show_counts(&self) {
        let left = self.next_attempt.get().map(|at| seconds((at - now()).max(0.0) / 1e3));
        show("reconnection-next", &left.map(|left| format!("Next attempt in {left}")).unwrap_or_default());
        let (counts, undecided) = (self.counts(), self.undecided.borrow());
        let Counts { queued, unconfirmed, confirmed, rejected, dropped, .. } = counts;
        self.timeline.settle(&counts);
        for (id, messages) in [("queued", queued), ("unconfirmed", unconfirmed), ("confirmed", confirmed)] {
            show(&format!("reconnection-{id}"), &number(messages));
        }
        for (id, messages) in [("in-doubt", undecided.len() as u64), ("rejected", rejected), ("dropped", dropped)] {
            show(&format!("reconnection-{id}"), &number(messages));
        }
        show("reconnection-undecided", &list(&undecided));
    }
}

fn pause_or_resume(sender: &ReconnectingSender) {
    if is_checked("reconnection-offline") { sender.pause() } else { sender.resume() }
}

/// Returns the number in a message's text.
fn name_of(message: &Message) -> u64 {
    message.as_text().and_then(|text| text.strip_prefix("message ")?.parse().ok()).unwrap_or_default()
}

/// Returns the name of a state, the kind of its line in the log, and its description.
fn describe(state: &State) -> (&'static str, Kind, String) {
    match state {
        State::Connecting { attempt, cause: Cause::Requested } => {
            ("connecting", Kind::Connect, format!("attempt {attempt}"))
        }
        State::Connecting { attempt, cause } => ("connecting", Kind::Connect, format!("attempt {attempt}: {cause}")),
        State::Open => ("open", Kind::Open, "messages are sent at once".into()),
        State::InDoubt { messages } => ("in doubt", Kind::Problem, count(*messages, "message")),
        State::Rejected { number, error } => ("rejected", Kind::Problem, format!("message {number}: {error}")),
        State::Waiting { cause, .. } => ("waiting", Kind::Close, cause.to_string()),
        State::Closing => ("closing", Kind::Closing, "waiting for the server’s answer".into()),
        State::Paused => ("paused", Kind::Close, "messages are queued".into()),
        State::Closed { cause: Cause::Requested } => ("closed", Kind::Close, "closed by you".into()),
        State::Closed { cause } => ("closed", Kind::Close, cause.to_string()),
        other => ("unknown", Kind::Problem, format!("{other:?}")),
    }
}

/// Lists the messages in doubt: the last ones, if there are many.
fn list(messages: &VecDeque<(Option<u64>, Message)>) -> String {
    let names: Vec<_> = messages.iter().filter_map(|(_, message)| message.as_text()).collect();
    let last = names[names.len().saturating_sub(10)..].join(", ");
    match names.len() as u64 {
        0 => "No message is in doubt.".into(),
        all => format!("{} in doubt, the last of them: {last}", count(all, "message")),
    }
}
