//! A connection that has just been opened, for the caller's preamble.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_websocket::reconnect::AttemptError;
use wasm_websocket::{Error, Message, WebSocketStream};

use crate::{error, message};

/// A connection for the preamble. Calls after the preamble fail with `notOpen`.
///
/// JavaScript cannot borrow the connection, so each call is a request that [`serve`] answers.
#[wasm_bindgen]
pub struct Opening {
    url: String,
    protocol: String,
    extensions: String,
    requests: Rc<RefCell<Requests>>,
}

#[derive(Default)]
struct Requests {
    sends: VecDeque<(Message, Answer)>,
    receives: VecDeque<Answer>,
    waker: Option<Waker>,
    is_over: bool,
}

/// Settles the promise of a request.
struct Answer {
    resolve: Function,
    reject: Function,
}

impl Answer {
    fn give(self, result: Result<JsValue, Error>) {
        // `resolve` and `reject` of a promise throw nothing.
        let _ = match result {
            Ok(value) => self.resolve.call1(&JsValue::UNDEFINED, &value),
            Err(error) => self.reject.call1(&JsValue::UNDEFINED, &error::to_js(error)),
        };
    }
}

#[wasm_bindgen]
impl Opening {
    /// The URL, as the browser has resolved it.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The subprotocol that the server selected.
    #[wasm_bindgen(getter)]
    pub fn protocol(&self) -> String {
        self.protocol.clone()
    }

    /// The extensions that the server selected.
    #[wasm_bindgen(getter)]
    pub fn extensions(&self) -> String {
        self.extensions.clone()
    }

    /// Sends a message before anything queued.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn send(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | Uint8Array | Blob")] message: JsValue,
    ) -> Promise {
        self.ask(|requests, answer| requests.sends.push_back((message::from_js(message), answer)))
    }

    /// Resolves with the next message, which the stream then does not yield; with `undefined` if the connection has ended.
    #[wasm_bindgen(unchecked_return_type = "Promise<Data | undefined>")]
    pub fn receive(&self) -> Promise {
        self.ask(|requests, answer| requests.receives.push_back(answer))
    }

    fn ask(&self, put: impl FnOnce(&mut Requests, Answer)) -> Promise {
        let mut answer = None;
        let promise = Promise::new(&mut |resolve, reject| answer = Some(Answer { resolve, reject }));
        if let Some(answer) = answer {
            let mut requests = self.requests.borrow_mut();
            if requests.is_over {
                drop(requests);
                answer.give(Err(Error::NotOpen(wasm_websocket::ReadyState::Closed)));
            } else {
                put(&mut requests, answer);
                let waker = requests.waker.take();
                drop(requests);
                waker.into_iter().for_each(Waker::wake);
            }
        }
        promise
    }
}

/// Runs the preamble, and answers its requests.
pub(crate) async fn serve<P>(
    stream: &mut WebSocketStream,
    preamble: impl FnOnce(Opening) -> P,
) -> Result<(), AttemptError>
where
    P: Future<Output = Result<(), AttemptError>>,
{
    let requests = Rc::new(RefCell::new(Requests::default()));
    let _end = End(Rc::clone(&requests));
    let opening = Opening {
        url: stream.url(),
        protocol: stream.protocol(),
        extensions: stream.extensions(),
        requests: Rc::clone(&requests),
    };
    let mut preamble = pin!(preamble(opening));
    poll_fn(|context| {
        requests.borrow_mut().waker = Some(context.waker().clone());
        answer_all(&requests, stream, context);
        preamble.as_mut().poll(context)
    })
    .await
}

fn answer_all(requests: &RefCell<Requests>, stream: &mut WebSocketStream, context: &mut Context<'_>) {
    while !requests.borrow().sends.is_empty() {
        let Poll::Ready(room) = Pin::new(&mut *stream).poll_ready(context) else { break };
        let Some((message, answer)) = requests.borrow_mut().sends.pop_front() else { break };
        let sent = room.and_then(|()| Pin::new(&mut *stream).start_send(message));
        answer.give(sent.map(|()| JsValue::UNDEFINED));
    }
    while !requests.borrow().receives.is_empty() {
        let Poll::Ready(received) = Pin::new(&mut *stream).poll_next(context) else { break };
        let Some(answer) = requests.borrow_mut().receives.pop_front() else { break };
        answer.give(received.transpose().map(|message| message.as_ref().map(message::to_js).unwrap_or_default()));
    }
}

/// Fails all pending requests when the preamble has returned or was dropped.
struct End(Rc<RefCell<Requests>>);

impl Drop for End {
    fn drop(&mut self) {
        let mut requests = self.0.borrow_mut();
        requests.is_over = true;
        let (sends, receives) = (std::mem::take(&mut requests.sends), std::mem::take(&mut requests.receives));
        drop(requests);
        for answer in sends.into_iter().map(|(_, answer)| answer).chain(receives) {
            answer.give(Err(Error::NotOpen(wasm_websocket::ReadyState::Closed)));
        }
    }
}
