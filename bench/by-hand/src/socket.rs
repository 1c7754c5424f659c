//! The connection: callbacks that fill a queue, and a stream that takes from it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::Typed;

/// The browser's socket, and the state that its callbacks share with tasks.
struct Shared {
    socket: WebSocket,
    state: RefCell<State>,
    callbacks: RefCell<Vec<Closure<dyn FnMut(JsValue)>>>,
}

#[derive(Default)]
struct State {
    is_open: bool,
    texts: VecDeque<String>,
    end: Option<CloseEvent>,
    wakers: Vec<Waker>,
}

/// The end of a connection.
#[derive(Clone)]
pub struct CloseEvent {
    pub code: u16,
    pub reason: String,
}

#[derive(PartialEq)]
pub enum Error {
    /// The message of what the browser threw, or of an error of serde_json.
    Failed(String),
    NotConnected,
    /// Never returned: this socket does not notice that messages are lost.
    #[cfg(feature = "session")]
    SessionLost,
}

pub struct WebSocketStream(Rc<Shared>);

#[derive(Clone)]
pub struct Sender(Rc<Shared>);

pub struct Receiver(Rc<Shared>);

impl WebSocketStream {
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let shared = Shared::new(url)?;
        let is_open = poll_fn(|context| {
            let mut state = shared.state.borrow_mut();
            if state.is_open || state.end.is_some() {
                return Poll::Ready(state.is_open);
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        });
        if !is_open.await {
            return Err(Error::NotConnected);
        }
        Ok(Self(shared))
    }

    pub fn split(self) -> (Sender, Receiver) {
        (Sender(Rc::clone(&self.0)), Receiver(self.0))
    }

    pub fn typed<Out, In, C>(self) -> Typed<Self, Out, In, C> {
        Typed::new(self)
    }
}

impl Sender {
    pub fn typed<Out, C>(self) -> Typed<Self, Out, (), C> {
        Typed::new(self)
    }
}

impl Receiver {
    pub fn typed<In, C>(self) -> Typed<Self, (), In, C> {
        Typed::new(self)
    }
}

/// The methods of a connection that [`Typed`] uses.
pub trait Connection {
    fn send(&self, text: &str) -> Result<(), Error>;
    fn poll_text(&self, context: &mut Context<'_>) -> Poll<Option<String>>;
    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<CloseEvent>;
}

impl Connection for Shared {
    fn send(&self, text: &str) -> Result<(), Error> {
        self.socket.send_with_str(text).map_err(thrown)
    }

    fn poll_text(&self, context: &mut Context<'_>) -> Poll<Option<String>> {
        let mut state = self.state.borrow_mut();
        match state.texts.pop_front() {
            None if state.end.is_none() => {
                state.wakers.push(context.waker().clone());
                Poll::Pending
            }
            text => Poll::Ready(text),
        }
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<CloseEvent> {
        let mut state = self.state.borrow_mut();
        match &state.end {
            Some(end) => Poll::Ready(end.clone()),
            None => {
                state.wakers.push(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Implements `Connection` for handles, through the value that they share.
macro_rules! handle {
    ($($handle:ty)*) => { $(
        impl Connection for $handle {
            fn send(&self, text: &str) -> Result<(), Error> {
                self.0.send(text)
            }

            fn poll_text(&self, context: &mut Context<'_>) -> Poll<Option<String>> {
                self.0.poll_text(context)
            }

            fn poll_closed(&self, context: &mut Context<'_>) -> Poll<CloseEvent> {
                self.0.poll_closed(context)
            }
        }
    )* };
}

#[cfg(feature = "session")]
pub(crate) use handle;

handle! { WebSocketStream Sender Receiver }

impl Shared {
    fn new(url: &str) -> Result<Rc<Self>, Error> {
        let socket = WebSocket::new(url).map_err(thrown)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let this = Rc::new(Self { socket, state: RefCell::default(), callbacks: RefCell::default() });
        let on_open = this.on(|state, _| state.is_open = true);
        let on_message = this.on(|state, event| {
            state.texts.extend(event.unchecked_into::<MessageEvent>().data().as_string());
        });
        let on_close = this.on(|state, event| {
            let event = event.unchecked_into::<web_sys::CloseEvent>();
            state.end = Some(CloseEvent { code: event.code(), reason: event.reason() });
        });
        this.socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        this.socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        this.socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        *this.callbacks.borrow_mut() = vec![on_open, on_message, on_close];
        Ok(this)
    }

    /// Returns a callback that changes the state, and wakes all tasks that wait.
    fn on(self: &Rc<Self>, change: fn(&mut State, JsValue)) -> Closure<dyn FnMut(JsValue)> {
        let this = Rc::downgrade(self);
        Closure::new(move |event| {
            let Some(this) = this.upgrade() else { return };
            let wakers = {
                let mut state = this.state.borrow_mut();
                change(&mut state, event);
                std::mem::take(&mut state.wakers)
            };
            wakers.into_iter().for_each(Waker::wake);
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

fn thrown(thrown: JsValue) -> Error {
    let error = thrown.dyn_into::<js_sys::Error>();
    Error::Failed(error.map_or_else(|_| String::new(), |error| error.message().into()))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) => f.write_str(text),
            Self::NotConnected => f.write_str("it did not connect"),
            #[cfg(feature = "session")]
            Self::SessionLost => f.write_str("messages may be lost"),
        }
    }
}

impl fmt::Display for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}
