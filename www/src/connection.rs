//! The section “Connection”: one connection, which drawings and messages go by.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::rc::Rc;

use futures_util::StreamExt;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{
    BinaryType, CloseCode, CloseEvent, CloseReason, Error, Message, Payload, ReadyState, Receiver, Sender,
    WebSocketStream,
};
use web_sys::HtmlInputElement;

use crate::demo::{self, Demo, explain};
use crate::drawing::{self, Sent};
use crate::log::Kind;
use crate::meter::Watched;
use crate::page::{element, is_checked, on_change, on_submit, show, show_badge, show_problem, value};
use crate::peers;
use crate::task::Task;

/// The connection of the page, if there is one.
#[derive(Default)]
pub struct Connection {
    open: RefCell<Option<Open>>,
    /// What was sent and has not come back, in the order in which it was sent: a drawing, or what nothing is done with.
    awaited: RefCell<VecDeque<Option<Sent>>>,
    /// Connects, receives, and says how it ended.
    task: RefCell<Option<Task>>,
}

/// Both halves of the connection.
struct Open {
    sender: Sender,
    /// Shared by the task that receives and the choice of the binary type.
    receiver: Rc<RefCell<Receiver>>,
    _watched: Watched,
}

/// Connects the section's controls.
pub fn start(demo: &Rc<Demo>) {
    element::<HtmlInputElement>("url").set_value(&peers::url("/echo"));
    let on_connect = demo.clone();
    on_submit("connect-form", move || connect(&on_connect));
    let on_close = demo.clone();
    on_submit("close-form", move || show_problem("close-problem", close(&on_close).err().as_deref()));
    for id in ["as-array-buffer", "as-blob"] {
        let demo = demo.clone();
        on_change(id, move || demo.connection.set_binary_type(binary_type()));
    }
}

// region: connect
/// Connects to the URL in the field. Of the connection that there was, everything is dropped, which closes it.
fn connect(demo: &Rc<Demo>) {
    demo.end();
    let (url, protocols) = (value("url"), value("protocols"));
    let protocols = protocols.split(',').map(str::trim).filter(|_| !protocols.is_empty());
    let options = demo::options().binary_type(binary_type()).protocols(protocols);
    demo.begins(&url);
    let (connecting, task) = (options.connect(&url), &demo.connection.task);
    let demo = demo.clone();
    task.replace(Some(Task::spawn(async move { demo.ended(receive(&demo, connecting).await) })));
}

/// Receives until the connection has ended, and says how it has.
async fn receive(
    demo: &Demo,
    connecting: impl Future<Output = Result<WebSocketStream, Error>>,
) -> Result<CloseEvent, Error> {
    let stream = connecting.await?;
    demo.opened(&stream);
    let (sender, receiver) = stream.split();
    let (closed, receiver) = (sender.closed(), Rc::new(RefCell::new(receiver)));
    demo.connection.keep(sender, receiver.clone(), demo);
    // Borrowed while it is polled alone, so that its binary type can be chosen at any time.
    while let Some(message) = poll_fn(|context| receiver.borrow_mut().poll_next_unpin(context)).await {
        match message {
            Err(Error::Unclean(_)) => break, // lost: `closed` has the event
            message => demo.received(message?).await,
        }
    }
    closed.await
}
// endregion

/// Closes with the code and the reason in the fields. How it ends hears the task that receives.
fn close(demo: &Rc<Demo>) -> Result<(), String> {
    let Some(mut sender) = demo.connection.sender() else { return demo.give_up() };
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
    spawn_local(async move {
        let _ = match code {
            None => sender.close().await,
            Some(code) => sender.close_with(code, reason).await,
        };
    });
    demo.log.add(Kind::Closing, None, "waiting for the server’s answer");
    show_state(ReadyState::Closing);
    Ok(())
}

impl Connection {
    fn keep(&self, sender: Sender, receiver: Rc<RefCell<Receiver>>, demo: &Demo) {
        let _watched = demo.meter.watch(&sender);
        self.open.replace(Some(Open { sender, receiver, _watched }));
    }

    /// One more handle of the connection, if it is there.
    fn sender(&self) -> Option<Sender> {
        self.open.borrow().as_ref().map(|open| open.sender.clone())
    }

    fn set_binary_type(&self, binary_type: BinaryType) {
        if let Some(open) = &*self.open.borrow() {
            open.receiver.borrow().set_binary_type(binary_type);
        }
    }

    fn send(&self, message: impl Payload, awaited: Option<Sent>) -> Result<(), Error> {
        let open = self.open.borrow();
        let sender = open.as_ref().map(|open| &open.sender).ok_or(Error::NotOpen(ReadyState::Closed))?;
        sender.try_send(message)?;
        self.awaited.borrow_mut().push_back(awaited);
        Ok(())
    }

    /// How many drawings have not come back.
    pub fn awaited_drawings(&self) -> usize {
        self.awaited.borrow().iter().flatten().count()
    }
}

impl Demo {
    /// Sends a message of so many bytes, if it need not wait, and remembers what is to be done with the answer.
    pub fn send(&self, message: impl Payload, bytes: u64, what: &str, awaited: Option<Sent>) -> Result<(), Error> {
        self.connection.send(message, awaited)?;
        self.meter.sent(bytes);
        self.log.add(Kind::Sent, Some(bytes), what);
        Ok(())
    }

    fn begins(&self, url: &str) {
        self.log.add(Kind::Connect, None, url);
        show_state(ReadyState::Connecting);
        show_problem("connect-problem", None);
        show_problem("close-problem", None);
        show("ended", "–");
    }

    fn opened(&self, stream: &WebSocketStream) {
        let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
        let (protocol, extensions) = (or_none(stream.protocol()), or_none(stream.extensions()));
        self.log.add(Kind::Open, None, &format!("subprotocol: {protocol}, extensions: {extensions}"));
        show("protocol", &protocol);
        show("extensions", &extensions);
        show_state(ReadyState::Open);
        // It may have been chosen anew while this was connecting.
        stream.set_binary_type(binary_type());
    }

    async fn received(&self, message: Message) {
        self.meter.received(message.len());
        self.log.message(Kind::Received, &message);
        let awaited = self.connection.awaited.borrow_mut().pop_front();
        if let Some(Some(sent)) = awaited {
            drawing::came_back(self, sent, message).await;
        }
    }

    fn ended(&self, ended: Result<CloseEvent, Error>) {
        match ended {
            Ok(event) => {
                let text = format!("{event} – {}", if event.was_clean { "clean" } else { "not clean" });
                self.log.add(Kind::Close, None, &text);
                show("ended", &text);
            }
            Err(error) => {
                self.log.add(Kind::Problem, None, &error.to_string());
                show_problem("connect-problem", Some(&explain(&error)));
            }
        }
        self.end();
    }

    /// Drops what there is of a connection.
    fn end(&self) {
        self.connection.open.take();
        self.connection.task.take();
        if self.connection.awaited.take().iter().any(Option::is_some) {
            drawing::never_came_back();
        }
        show_state(ReadyState::Closed);
        show("protocol", "–");
        show("extensions", "–");
    }

    /// Ends a connection that is not yet there.
    fn give_up(&self) -> Result<(), String> {
        if self.connection.task.borrow().is_none() {
            return Err("There is no connection to close.".into());
        }
        self.log.add(Kind::Close, None, "given up while it was connecting");
        self.end();
        Ok(())
    }
}

fn binary_type() -> BinaryType {
    if is_checked("as-blob") { BinaryType::Blob } else { BinaryType::ArrayBuffer }
}

fn show_state(state: ReadyState) {
    show_badge("state", &state.to_string());
}
