//! Replaces a session by one connection, which is not reopened when it is lost.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use wasm_bindgen_futures::spawn_local;

use crate::socket::{Connection, handle};
use crate::{CloseEvent, Error, Receiver, Sender, Typed, WebSocketStream};

#[derive(Default)]
pub struct SessionOptions;

impl SessionOptions {
    pub fn new() -> Self {
        Self
    }

    /// Ignores the credentials: the server does not learn who connects.
    pub fn credentials(self, _credentials: impl AsyncFn() -> Result<String, Error> + 'static) -> Self {
        self
    }
}

pub struct Session(Rc<RefCell<State>>);

#[derive(Clone)]
pub struct SessionSender(Rc<RefCell<State>>);

/// A stream that yields each new state once, as text.
pub struct States {
    session: Rc<RefCell<State>>,
    last: &'static str,
}

#[derive(Default)]
struct State {
    connected: Option<Result<(Sender, Receiver), Error>>,
    wakers: Vec<Waker>,
}

impl Session {
    pub fn new(_options: SessionOptions, url: impl AsyncFn() -> Result<String, Error> + 'static) -> Self {
        let state = Rc::new(RefCell::new(State::default()));
        let this = Self(Rc::clone(&state));
        spawn_local(async move {
            let connected = match url().await {
                Ok(url) => WebSocketStream::connect(&url).await.map(WebSocketStream::split),
                Err(error) => Err(error),
            };
            let wakers = {
                let mut state = state.borrow_mut();
                state.connected = Some(connected);
                std::mem::take(&mut state.wakers)
            };
            wakers.into_iter().for_each(Waker::wake);
        });
        this
    }

    pub fn sender(&self) -> SessionSender {
        SessionSender(Rc::clone(&self.0))
    }

    pub fn states(&self) -> States {
        States { session: Rc::clone(&self.0), last: "" }
    }

    pub fn typed<Out, In, C>(self) -> Typed<Self, Out, In, C> {
        Typed::new(self)
    }
}

impl SessionSender {
    pub fn typed<Out, C>(self) -> Typed<Self, Out, (), C> {
        Typed::new(self)
    }
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        self.wakers.push(context.waker().clone());
    }
}

impl Connection for RefCell<State> {
    fn send(&self, text: &str) -> Result<(), Error> {
        match &self.borrow().connected {
            Some(Ok((sender, _))) => sender.send(text),
            _ => Err(Error::NotConnected),
        }
    }

    fn poll_text(&self, context: &mut Context<'_>) -> Poll<Option<String>> {
        let mut state = self.borrow_mut();
        match &state.connected {
            Some(Ok((_, receiver))) => receiver.poll_text(context),
            Some(Err(_)) => Poll::Ready(None),
            None => {
                state.wait(context);
                Poll::Pending
            }
        }
    }

    fn poll_closed(&self, _context: &mut Context<'_>) -> Poll<CloseEvent> {
        Poll::Pending
    }
}

handle! { Session SessionSender }

impl Stream for States {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let state = match &self.session.borrow().connected {
            None => "connecting",
            Some(Ok(_)) => "open",
            Some(Err(_)) => "closed",
        };
        if state != self.last {
            self.last = state;
            return Poll::Ready(Some(state));
        }
        self.session.borrow_mut().wait(context);
        Poll::Pending
    }
}
