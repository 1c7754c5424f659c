//! The card “Session”: sends what the user types and draws, in a session and without one, while connections are cut and the server is
//! killed.

mod act;
mod demonstration;
mod ledger;
mod picture;
mod tally;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use futures_util::{StreamExt, TryStreamExt};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::reconnect::{Backoff, Heartbeat, ReconnectingSender, State, WhenLost};
use wasm_websocket::session::{Lost, Session, SessionOptions, SessionSender};
use wasm_websocket::{Message, ReconnectOptions, Reconnecting};
use web_sys::{Event, HtmlInputElement};

use crate::canvas;
use crate::format::count;
use crate::frame::sleep;
use crate::log::{Kind, Log};
use crate::page::{check, disable, element, on, on_click, selected, set, show, show_badge, show_problem};
use crate::server::{self, url};
use crate::task::Task;
use act::Act;
use picture::Picture;
use tally::Tally;

/// The card.
struct Card {
    log: Log,
    /// The picture of the user, and the two pictures that came back.
    mine: Picture,
    by_session: Picture,
    without: Picture,
    running: RefCell<Option<Running>>,
    tally: RefCell<Tally>,
    is_about_to_show: Cell<bool>,
}

/// Both connections, until this is dropped.
struct Running {
    /// The key of a server that only these connections use.
    key: u64,
    session: SessionSender,
    without: ReconnectingSender,
    _tasks: [Task; 3],
}

const PROBLEM: &str = "session-problem";
const LOST: &str = "session-lost";
const WHEN_LOST: &str = "session-when-lost";

/// The interval of updates of the counts, in milliseconds.
const INTERVAL: i32 = 100;

/// Connects the card's controls.
pub fn start(log: &Log) -> Result<(), JsValue> {
    let card = Rc::new(Card {
        log: log.clone(),
        mine: Picture::new("session-canvas", |text| typed().set_value(text))?,
        by_session: Picture::new("session-picture", |text| show("session-text", text))?,
        without: Picture::new("without-picture", |text| show("without-text", text))?,
        running: RefCell::default(),
        tally: RefCell::default(),
        is_about_to_show: Cell::default(),
    });
    let (drawing, typing, connecting) = (card.clone(), card.clone(), card.clone());
    canvas::let_draw(&card.mine.canvas, move |from, to| drawing.act(&Act::Line { from, to }));
    on(&typed(), "input", move |_: Event| typing.type_text(&typed().value()));
    on_click("session-connect", move || connecting.connect_or_close());
    for fault in ["cut", "stall", "kill", "forget"] {
        let card = card.clone();
        on_click(&format!("session-{fault}"), move || card.strike(fault));
    }
    demonstration::start(&card);
    Ok(())
}

fn typed() -> HtmlInputElement {
    element("session-typed")
}

impl Card {
    // region: session
    /// Begins a session: messages arrive once and in order, even if connections are lost or the server is killed.
    fn begin_session(self: &Rc<Self>, key: u64) -> (SessionSender, Task) {
        let (second, url) = (Duration::from_secs(1), url(&format!("/node/{key}/session")));
        let options =
            SessionOptions::new().connection(server::options()).backoff(quick()).heartbeat(second, 2 * second);
        let session = Session::new(options, async move || Ok(url.clone()));
        let (card, sender, states) = (self.clone(), session.sender(), session.states());
        let task = Task::spawn(async move {
            let states = states.for_each(async |state| card.follow_session(&state));
            let items = session.for_each(async |item| match item {
                Ok(message) => card.came_back(&card.by_session, &message),
                Err(lost) => card.lost(lost),
            });
            join(states, items).await;
        });
        (sender, task)
    }

    /// Called when the server has forgotten the session, and a new one has begun. Sends the messages that were never transmitted:
    /// they cannot arrive twice.
    fn lost(self: &Rc<Self>, lost: Lost) {
        self.tally.borrow_mut().ledger.lost(&lost);
        let cause = lost.cause.to_string();
        let (in_doubt, others): (Vec<_>, Vec<_>) = lost.unacknowledged.into_iter().partition(|lost| lost.transmitted);
        let (in_doubt, sent_again) = (in_doubt.len() as u64, others.len() as u64);
        if let Some(running) = &*self.running.borrow() {
            others.into_iter().for_each(|lost| drop(running.session.try_send(lost.message)));
        }
        self.tally.borrow_mut().lost += in_doubt;
        self.show_lost(&cause, in_doubt, sent_again);
    }
    // endregion

    /// Connects without a session. Messages in doubt are reported, or sent again although they may have arrived.
    fn begin_without(self: &Rc<Self>, key: u64) -> (ReconnectingSender, Task) {
        let (second, url) = (Duration::from_secs(1), url(&format!("/node/{key}/echo")));
        let when_lost = if selected(WHEN_LOST) == "again" { WhenLost::Resend } else { WhenLost::Report };
        let ping = Heartbeat::new("ping", |message| message.as_text() == Some("ping"));
        let options = ReconnectOptions::new()
            .connection(server::options())
            .backoff(quick())
            .heartbeat(ping.interval(second).timeout(2 * second))
            .when_lost(when_lost);
        let stream = Reconnecting::new(options, async move || Ok(url.clone()));
        let (card, sender, states) = (self.clone(), stream.sender(), stream.states());
        let task = Task::spawn(async move {
            let states = states.for_each(async |state| card.follow_without(&state));
            let messages = stream.try_for_each(async |message| {
                card.came_back(&card.without, &message);
                Ok(())
            });
            let _ = join(states, messages).await;
        });
        (sender, task)
    }

    fn connect_or_close(self: &Rc<Self>) {
        match self.running.take() {
            Some(_) => self.closed(),
            None => self.connect(),
        }
    }

    /// Clears everything, and connects.
    fn connect(self: &Rc<Self>) {
        let key = (js_sys::Math::random() * 1e15) as u64;
        for picture in [&self.mine, &self.by_session, &self.without] {
            picture.clear();
        }
        self.tally.take();
        let ((session, one), (without, other)) = (self.begin_session(key), self.begin_without(key));
        let card = self.clone();
        let reports = Task::spawn(async move { card.follow_reports(key).await });
        self.running.replace(Some(Running { key, session, without, _tasks: [one, other, reports] }));
        show_controls(true);
        self.show();
    }

    fn closed(&self) {
        [demonstration::DRAW, demonstration::FAULTS].into_iter().for_each(|switch| check(switch, false));
        ["session-state", "without-state"].into_iter().for_each(|badge| show_badge(badge, "closed"));
        show_controls(false);
    }

    fn type_text(self: &Rc<Self>, text: &str) {
        // Connecting empties the field for a moment, which would move the caret to the end.
        let caret = typed().selection_start().ok().flatten();
        self.connect_if_needed();
        if let Some(act) = Act::between(&self.mine.text(), text) {
            self.act(&act);
        }
        if let Some(caret) = caret {
            let _ = typed().set_selection_range(caret, caret);
        }
    }

    fn connect_if_needed(self: &Rc<Self>) {
        if self.running.borrow().is_none() {
            self.connect();
        }
    }

    /// Applies an action of the user, and sends it on both connections.
    fn act(self: &Rc<Self>, act: &Act) {
        self.connect_if_needed();
        let message = {
            let mut tally = self.tally.borrow_mut();
            tally.messages += 1;
            act.encode(tally.messages)
        };
        // Decodes the message, so that the picture is the one that comes back.
        if let Some(act) = Act::decode(&message) {
            self.mine.act(&act);
        }
        if let Some(running) = &*self.running.borrow() {
            let sent = running.session.try_send(&*message).map(drop);
            let sent = sent.and(running.without.try_send(message).map(drop));
            show_problem(PROBLEM, sent.err().map(|unsent| unsent.error.to_string()).as_deref());
        }
        self.show();
    }

    /// Requests a fault on both connections from the server.
    fn strike(self: &Rc<Self>, fault: &'static str) {
        let Some(key) = self.running.borrow().as_ref().map(|running| running.key) else {
            return show_problem(PROBLEM, Some("There is no connection: connect first."));
        };
        self.log.add(Kind::Problem, None, &format!("session: the page asks the server to {fault}"));
        server::request(&format!("/node/{key}/fault/{fault}"), PROBLEM);
    }

    fn follow_session(self: &Rc<Self>, state: &State) {
        show_state("session-state", state);
        if let (false, Some(running)) = (*state == State::Open, &*self.running.borrow()) {
            self.tally.borrow_mut().ledger.disconnected(&running.session.counts());
        }
        self.show();
    }

    fn follow_without(self: &Rc<Self>, state: &State) {
        show_state("without-state", state);
        if let State::InDoubt { messages } = state {
            self.tally.borrow_mut().in_doubt += messages;
        }
        self.show();
    }

    fn came_back(self: &Rc<Self>, picture: &Picture, message: &Message) {
        if let Some(act) = message.as_text().and_then(Act::decode) {
            picture.act(&act);
            self.show();
        }
    }

    /// Follows the server's reports of what it has processed. Each connection begins with the latest report.
    async fn follow_reports(self: &Rc<Self>, key: u64) {
        let url = url(&format!("/node/{key}/report"));
        let options = ReconnectOptions::new().connection(server::options()).backoff(quick());
        let mut reports = Reconnecting::new(options, async move || Ok(url.clone()));
        while let Ok(Some(message)) = reports.try_next().await {
            if let Some(report) = message.as_text().and_then(server::parse) {
                self.tally.borrow_mut().processed = report;
                self.show();
            }
        }
    }

    fn show_lost(&self, cause: &str, in_doubt: u64, sent_again: u64) {
        let text = format!(
            "The session is lost: {cause}. In doubt: {}. Sent again, as it was never transmitted: {}.",
            count(in_doubt, "message"),
            count(sent_again, "message")
        );
        self.log.add(Kind::Problem, None, &format!("session: {text}"));
        show(LOST, &text);
    }

    /// Shows the counts after a short time, so that many changes are shown at once.
    fn show(self: &Rc<Self>) {
        if self.is_about_to_show.replace(true) {
            return;
        }
        let card = self.clone();
        spawn_local(async move {
            sleep(INTERVAL).await;
            card.is_about_to_show.set(false);
            card.show_counts();
        });
    }

    fn show_counts(self: &Rc<Self>) {
        let Some(running) = &*self.running.borrow() else { return };
        let (in_session, without) = (running.session.counts(), running.without.counts());
        let mut tally = self.tally.borrow_mut();
        if running.session.state() == State::Open {
            tally.ledger.open(&in_session);
        }
        let is_settled = tally.show(&in_session, &without, selected(WHEN_LOST) == "again");
        if !is_settled {
            self.show(); // confirmations have no event
        }
    }
}

/// Short delays, for a demonstration.
fn quick() -> Backoff {
    let second = Duration::from_secs(1);
    Backoff::new().base(second / 4).cap(second).floor(second / 10)
}

/// Names the button. Disables the list while there is a connection, whose options cannot change.
fn show_controls(is_connected: bool) {
    let label = if is_connected { "Close" } else { "Connect" };
    disable(&element(WHEN_LOST), is_connected);
    show("session-connect", label);
    set(&element("session-connect"), "aria-label", &format!("{label} both connections"));
    show(LOST, "");
    show_problem(PROBLEM, None);
}

fn show_state(badge: &str, state: &State) {
    match state {
        State::Connecting { .. } => show_badge(badge, "connecting"),
        State::Open => show_badge(badge, "open"),
        State::Waiting { .. } => show_badge(badge, "waiting"),
        State::Closed { .. } => show_badge(badge, "closed"),
        _ => {} // reports, and states that this card does not cause
    }
}
