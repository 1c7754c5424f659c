//! One connection for async code.

mod byte_stream;
mod connecting;
pub(crate) mod connection;
pub(crate) mod end;
mod websocket_stream;

pub use byte_stream::ByteStream;
pub use connecting::Connecting;
pub use end::Closed;
pub use websocket_stream::WebSocketStream;
