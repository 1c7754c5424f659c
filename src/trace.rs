//! Events for the crate `tracing`, with the feature of that name.
//!
//! They contain no message, no subprotocol, and no secret parts of a URL. Without the feature the arguments are not evaluated. A
//! subscriber is foreign code, so callers hold no borrow.

/// Emits an event.
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
