//! A message as it is on the wire.

use std::rc::Rc;

use websocket_session::{Incoming, Payload, TEXT, TextFrame, Violation};

use crate::{Blob, Message};

/// A message of the application as a frame: a text begins with [`TEXT`]. A clone is another handle of it.
#[derive(Clone)]
pub(crate) struct Frame(Rc<Whole>);

struct Whole {
    message: Message,
    /// The bytes of the application's message. To ask a Blob is to run code that a page can replace.
    len: u64,
}

impl Frame {
    /// Wraps a message of the application.
    pub fn new(mut message: Message) -> Self {
        let len = message.len();
        if let Message::Text(text) = &mut message {
            text.insert(0, TEXT);
        }
        Self(Rc::new(Whole { message, len }))
    }

    /// Reads what has arrived.
    pub fn read(message: Message) -> Result<Incoming<Self>, Violation> {
        let mut len = message.len();
        if let Message::Text(text) = &message {
            match TextFrame::decode(text)? {
                TextFrame::Message(text) => len = text.len() as u64,
                TextFrame::Control(control) => return Ok(Incoming::Control(control)),
            }
        }
        Ok(Incoming::Message(Self(Rc::new(Whole { message, len }))))
    }

    /// What is sent.
    pub fn on_the_wire(&self) -> &Message {
        &self.0.message
    }

    /// Returns the Blob, if the message is one.
    pub fn blob(&self) -> Option<&Blob> {
        if let Message::Blob(blob) = &self.0.message { Some(blob) } else { None }
    }

    /// Returns the message of the application.
    pub fn into_message(self) -> Message {
        let mut message = match Rc::try_unwrap(self.0) {
            Ok(whole) => whole.message,
            Err(shared) => shared.message.clone(),
        };
        if let Message::Text(text) = &mut message {
            text.remove(0);
        }
        message
    }
}

impl Payload for Frame {
    fn payload_len(&self) -> u64 {
        self.0.len
    }
}
