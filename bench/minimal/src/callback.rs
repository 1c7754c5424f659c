//! This crate, with events.

use wasm_websocket::{Message, WebSocket};

use crate::{Failure, failure, log};

/// Sends a text and logs the answer.
pub fn ask(url: &str, text: &'static str) -> Result<(), Failure> {
    let socket = WebSocket::new(url).map_err(failure)?;
    let opened = socket.clone();
    socket.on_open(move || drop(opened.send(text))).forget();
    let mut answered = Some(socket.clone());
    let on_message = socket.on_message(move |message| {
        if let Message::Text(answer) = message {
            log(&answer);
        }
        drop(answered.take());
    });
    on_message.forget();
    Ok(())
}
