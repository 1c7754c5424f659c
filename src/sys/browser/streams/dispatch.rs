//! From promises back to the socket that waits for them.
//!
//! A promise cannot be told to forget whom it calls. So it calls one closure, which lives for as long as the page and knows
//! by a number whom that was for, and whether there is one still: a socket that was dropped leaves no closure behind.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Function;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::bindings;
use super::inner::Inner;

/// What a promise has to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Opened,
    NotOpened,
    Closed,
    Lost,
    Read,
    NotRead,
    Written,
    NotWritten,
    BlobRead,
    BlobNotRead,
}

const CALLS: [Call; 10] = [
    Call::Opened,
    Call::NotOpened,
    Call::Closed,
    Call::Lost,
    Call::Read,
    Call::NotRead,
    Call::Written,
    Call::NotWritten,
    Call::BlobRead,
    Call::BlobNotRead,
];
/// The bits of a number that say which call it is.
const BITS: u32 = 4;

type Dispatcher = Closure<dyn Fn(u32, JsValue)>;

thread_local! {
    static SOCKETS: RefCell<Sockets> = const { RefCell::new(Sockets { by_id: Vec::new(), last_id: 0 }) };
    static DISPATCHER: Dispatcher = Dispatcher::own_assert_unwind_safe(dispatch);
}

/// The sockets that promises may call, in the order of their numbers.
struct Sockets {
    by_id: Vec<(u32, Weak<Inner>)>,
    last_id: u32,
}

/// A socket's place among those that promises may call. Dropping it gives the place up.
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

    /// A function for a promise to call.
    pub fn function(&self, call: Call) -> Function {
        let number = self.0 << BITS | call as u32;
        let bind = |dispatcher: &Dispatcher| bindings::bind(dispatcher.as_ref(), &JsValue::UNDEFINED, number);
        // It is gone only when the thread ends.
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
