use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::test;
use crate::reconnect::ReconnectingSender;
use crate::session::{Lost, Receipt, Session, SessionSender};
use crate::{
    Blob, ByteStream, Chunks, Closed, Error, ListenerGuard, Message, Options, RawMessage, Receiver, Reconnecting,
    SendError, Sender, Slices, States, Typed, WebSocket, WebSocketStream,
};

fn assert_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

fn assert_future_unwind_safe<F: Future + UnwindSafe>(_future: F) {}

#[test]
fn public_types_are_unwind_safe() {
    assert_unwind_safe::<WebSocket>();
    assert_unwind_safe::<ListenerGuard>();
    assert_unwind_safe::<(WebSocketStream, Sender, Receiver, Closed)>();
    assert_unwind_safe::<(ByteStream, Slices, Chunks, RawMessage)>();
    assert_unwind_safe::<Typed<WebSocketStream, Message, Message, ()>>();
    assert_unwind_safe::<(Reconnecting, ReconnectingSender, States)>();
    assert_unwind_safe::<(Session, SessionSender, Receipt, Lost)>();
    assert_unwind_safe::<(Blob, Message, Options, Error, SendError<Message>)>();
    assert_future_unwind_safe(WebSocketStream::connect("about:blank"));
}
