//! The controls of the live card: the target and the options of its connection.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{BinaryType, CloseCode, CloseReason, Error};
use web_sys::{Element, Event, EventTarget, HtmlElement, HtmlOptionElement};

use crate::address::{self, Target};
use crate::link::{End, Link, State, describe, or_none};
use crate::log::{Kind, Log};
use crate::page::{
    document, element, hide, is_checked, on, on_change, on_click, on_submit, select, selected, set_value, show,
    show_badge, show_problem, value,
};
use crate::server::{self, Peer};

/// The controls.
struct Connection {
    link: Link,
    /// The target of the connection; `None` while there is no connection.
    connected: RefCell<Option<Target>>,
    /// The paths of the server that the list offers.
    peers: RefCell<Vec<Peer>>,
}

/// Connects the controls, and connects to the target of the page's address or to the server's echo.
pub fn start(link: &Link, log: &Log) {
    let connection =
        Rc::new(Connection { link: link.clone(), connected: RefCell::default(), peers: RefCell::default() });
    fill(&address::target().unwrap_or_else(echo));
    let (following, submitting, closing) = (connection.clone(), connection.clone(), connection.clone());
    link.on_state(move |state| following.follow(state));
    connection.connect();
    on_submit("connect-form", move || submitting.connect());
    on_click("disconnect", move || show_problem("close-problem", closing.close().err().as_deref()));
    for id in ["url", "protocols"] {
        let connection = connection.clone();
        on(&element::<EventTarget>(id), "input", move |_: Event| connection.show_target());
    }
    for id in ["as-array-buffer", "as-blob"] {
        let link = link.clone();
        on_change(id, move || link.set_binary_type(binary_type()));
    }
    offer_peers(log, connection);
}

impl Connection {
    /// Connects to the target in the fields.
    fn connect(&self) {
        let target = target();
        let protocols = target.protocols.split(',').map(str::trim).filter(|_| !target.protocols.is_empty());
        let options = server::options().binary_type(binary_type()).protocols(protocols);
        self.link.connect(&target.url, &options);
        address::keep(Some(&target).filter(|target| **target != echo()));
        self.connected.replace(Some(target));
        self.show_target();
    }

    /// Closes with the code and the reason in the fields.
    fn close(&self) -> Result<(), String> {
        let (code, reason) = (value("code"), value("reason"));
        let reason = CloseReason::try_from(&reason).map_err(|error| error.to_string())?;
        let code = match code.as_str() {
            "" if reason.as_str().is_empty() => None,
            "" => Some(CloseCode::NORMAL),
            code => {
                let number: u16 = code.parse().map_err(|_| format!("`{code}` is not a close code"))?;
                Some(CloseCode::try_from(number).map_err(|error| error.to_string())?)
            }
        };
        self.link.close(code.map(|code| (code, reason)));
        Ok(())
    }

    fn follow(&self, state: &State) {
        match state {
            // The user may have changed the binary type while the page was connecting.
            State::Open { .. } => self.link.set_binary_type(binary_type()),
            State::Closed(_) => drop(self.connected.take()),
            State::Connecting | State::Closing => {}
        }
        show_state(state);
        self.show_target();
    }

    /// Shows which peer the target in the fields is. Shows Close while there is a connection, and Connect unless the connection is
    /// to this target.
    fn show_target(&self) {
        let (target, peers, connected) = (target(), self.peers.borrow(), self.connected.borrow());
        let peer = peers.iter().find(|peer| target_of(peer) == target);
        select("peer", peer.map_or(ELSEWHERE, |peer| &*peer.path));
        let [close, connect] = ["disconnect", "connect"].map(element::<HtmlElement>);
        let active = document().active_element();
        hide(&close, connected.is_none());
        hide(&connect, connected.as_ref() == Some(&target));
        // At least one of them is shown, and gets the focus of the other.
        for (hidden, shown) in [(&close, &connect), (&connect, &close)] {
            if hidden.has_attribute("hidden") && active.as_ref() == Some(hidden) {
                let _ = shown.focus();
            }
        }
    }

    /// Fills in the fields with the peer that is selected in the list.
    fn fill_in_peer(&self) {
        let path = selected("peer");
        let target = self.peers.borrow().iter().find(|peer| peer.path == path).map(target_of);
        if let Some(target) = target {
            fill(&target);
        }
        self.show_target();
    }
}

/// The value of the list for a target that is none of the peers.
const ELSEWHERE: &str = "";

/// Returns the target in the fields.
fn target() -> Target {
    Target { url: value("url"), protocols: value("protocols") }
}

fn echo() -> Target {
    Target { url: server::url("/echo"), protocols: String::new() }
}

fn target_of(peer: &Peer) -> Target {
    Target { url: server::url(&peer.path), protocols: peer.protocols.clone() }
}

fn fill(target: &Target) {
    set_value("url", &target.url);
    set_value("protocols", &target.protocols);
}

fn binary_type() -> BinaryType {
    if is_checked("as-blob") { BinaryType::Blob } else { BinaryType::ArrayBuffer }
}

fn show_state(state: &State) {
    let (protocol, extensions) = match state {
        State::Open { protocol, extensions } => (or_none(protocol), or_none(extensions)),
        _ => ("–", "–"),
    };
    show_badge("state", &state.name());
    show("protocol", protocol);
    show("extensions", extensions);
    show_problem("close-problem", None);
    match state {
        State::Closed(End::Closed(event)) => show("ended", &describe(event)),
        State::Closed(End::Failed(error)) => show_problem("connect-problem", Some(&explain(error))),
        _ => {
            show("ended", "");
            show_problem("connect-problem", None);
        }
    }
}

fn explain(error: &Error) -> String {
    match gloo_utils::window().navigator().on_line() {
        true => error.to_string(),
        false => format!("{error}. This browser is offline."),
    }
}

/// Offers the paths of the server to choose from. Choosing one fills in the fields.
fn offer_peers(log: &Log, connection: Rc<Connection>) {
    let log = log.clone();
    spawn_local(async move {
        let Ok(peers) = server::peers().await else {
            return log.add(Kind::Problem, None, "the server that this page comes from has no list of peers");
        };
        let list = element::<Element>("peer");
        for peer in &peers {
            let option = HtmlOptionElement::new_with_text_and_value(&peer.does, &peer.path);
            list.append_child(&option.expect("the arguments are valid")).expect("a list takes an option");
        }
        connection.peers.replace(peers);
        connection.show_target();
        on_change("peer", move || connection.fill_in_peer());
    });
}
