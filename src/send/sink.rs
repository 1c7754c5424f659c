//! The sink of a connection, which is the sink of its sending half.

/// Implements `Sink<Message>` for a type with a field `sender`. The module that calls it imports the types.
macro_rules! sink_of_sender {
    ($(#[$documentation:meta])* $type:ty) => {
        $(#[$documentation])*
        impl Sink<Message> for $type {
            type Error = Error;

            fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
                Pin::new(&mut self.sender).poll_ready(context)
            }

            fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
                Pin::new(&mut self.sender).start_send(message)
            }

            fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
                Pin::new(&mut self.sender).poll_flush(context)
            }

            fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
                Pin::new(&mut self.sender).poll_close(context)
            }
        }
    };
}

pub(crate) use sink_of_sender;
