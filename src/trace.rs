//! What is told to `tracing`, with the feature of that name.
//!
//! Never a message, a subprotocol, or what may be secret in a URL. Without the feature the arguments are not evaluated. Whoever
//! listens is foreign code, so no borrow is held meanwhile.

/// Tells an event on the way of a connection.
#[cfg(feature = "tracing")]
macro_rules! trace {
    ($level:ident, $($event:tt)*) => {
        tracing::event!(target: "wasm_websocket", tracing::Level::$level, $($event)*)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! trace {
    ($($event:tt)*) => {};
}

pub(crate) use trace;
