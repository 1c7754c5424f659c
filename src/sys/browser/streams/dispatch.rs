//! Forwards promises that resolve to the socket that waits for them.
//!
//! The callback of a promise cannot be removed. So all promises call one closure, which lives as long as the page, with a
//! number that identifies the socket. A dropped socket leaves no closure behind: calls with its number are ignored.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Function;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::bindings;
use super::inner::Inner;

/// Which promise has resolved, and how; `HasRead` comes after `Read`, and `HasStopped` after `Stops`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Opened,
    NotOpened,
    Closed,
    Lost,
    Read,
    HasRead,
    NotRead,
    Stops,
    HasStopped,
    Written,
    NotWritten,
    BlobRead,
    BlobNotRead,
}

const CALLS: [Call; 13] = [
    Call::Opened,
    Call::NotOpened,
    Call::Closed,
    Call::Lost,
    Call::Read,
    Call::HasRead,
    Call::NotRead,
    Call::Stops,
    Call::HasStopped,
    Call::Written,
    Call::NotWritten,
    Call::BlobRead,
    Call::BlobNotRead,
];
/// The number of low bits that hold the `Call`; the others hold the id of the socket.
const BITS: u32 = 4;

type Dispatcher = Closure<dyn Fn(u32, JsValue)>;

thread_local! {
    static SOCKETS: RefCell<Sockets> = const { RefCell::new(Sockets { by_id: Vec::new(), last_id: 0 }) };
    static DISPATCHER: Dispatcher = Dispatcher::own_assert_unwind_safe(dispatch);
}

/// The sockets that promises may call, each with its id.
struct Sockets {
    by_id: Vec<(u32, Weak<Inner>)>,
    last_id: u32,
}

/// A socket's entry in `SOCKETS`. Dropping it removes the entry.
#[derive(Debug)]
pub struct Place(u32);

impl Place {
    pub fn of(socket: &Weak<Inner>) -> Self {
        let add = |sockets: &RefCell<Sockets>| {
            let mut sockets = sockets.borrow_mut();
            sockets.last_id = (sockets.last_id + 1) % (u32::MAX >> BITS);
            let id = sockets.last_id;
            sockets.by_id.push((id, Weak::clone(socket)));
            id
        };
        Self(SOCKETS.try_with(add).unwrap_or_default())
    }

    /// Returns the function that a promise calls.
    pub fn function(&self, call: Call) -> Function {
        let number = self.0 << BITS | call as u32;
        let bind = |dispatcher: &Dispatcher| bindings::bind(dispatcher.as_ref(), &JsValue::UNDEFINED, number);
        // The dispatcher is destroyed only when the thread ends.
        DISPATCHER.try_with(bind).unwrap_or_else(|_| JsValue::UNDEFINED.unchecked_into())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = SOCKETS.try_with(|sockets| sockets.borrow_mut().by_id.retain(|(id, _)| *id != self.0));
    }
}

fn dispatch(number: u32, value: JsValue) {
    let (id, call) = (number >> BITS, number & ((1 << BITS) - 1));
    let find = |sockets: &RefCell<Sockets>| {
        let sockets = sockets.borrow();
        sockets.by_id.iter().find(|(other, _)| *other == id).and_then(|(_, socket)| socket.upgrade())
    };
    let socket: Option<Rc<Inner>> = SOCKETS.try_with(find).ok().flatten();
    if let (Some(socket), Some(call)) = (socket, CALLS.get(call as usize)) {
        socket.called(*call, value);
    }
}
