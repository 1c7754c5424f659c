//! One connection, and what is expected to come back on it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{Blob, CloseEvent, Error, Message, Options, Payload, ReadyState, WebSocket};
use web_sys::ImageData;

use crate::demo::log_problem;
use crate::page::{self, log, show_problem, show_verdict};
use crate::{canvas, file};

/// One connection. It is closed when this is dropped.
pub struct Connection {
    pub socket: WebSocket,
    /// What was sent and has not come back, in the order in which it was sent.
    expected: RefCell<VecDeque<Expected>>,
}

/// What is done with the answer to a message.
pub enum Expected {
    /// Nothing: it is seen in the log.
    Nothing,
    /// It is painted, and compared.
    Image { image: ImageData, sent_at: f64 },
    /// Its SHA-256 is compared.
    File { blob: Blob, sent_at: f64 },
}

impl Expected {
    /// Shows how it stands with it.
    fn show(&self, text: &str, is_good: Option<bool>) {
        match self {
            Self::Nothing => {}
            Self::Image { .. } => show_verdict("canvas-verdict", text, is_good),
            Self::File { .. } => show_verdict("file-verdict", text, is_good),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for expected in self.expected.take() {
            expected.show("the connection ended before it came back", Some(false));
        }
    }
}

impl Connection {
    /// Begins to connect.
    pub fn open(url: &str, options: &Options, closed: impl FnOnce(CloseEvent) + 'static) -> Result<Rc<Self>, Error> {
        let socket = WebSocket::with_options(url, options)?;
        let this = Rc::new(Self { socket, expected: RefCell::default() });
        // The listeners are forgotten: the socket keeps them. So they must not keep the socket.
        let (opened, received) = (Rc::downgrade(&this), Rc::downgrade(&this));
        this.socket.on_open(move || opened.upgrade().iter().for_each(|this| this.opened())).forget();
        this.socket
            .on_message(move |message| {
                if let Some(this) = received.upgrade() {
                    this.received(message);
                }
            })
            .forget();
        // What the browser blocks ends with this, without a close event.
        let fail = |error: Error| {
            page::show_state("closed", false);
            show_problem(&log_problem(&error));
        };
        this.socket.on_error(fail).forget();
        this.socket.on_close(closed).forget();
        Ok(this)
    }

    /// Sends a message, and remembers what is to be done with the answer.
    pub fn send(&self, message: impl Payload, expected: Expected) -> Result<(), Error> {
        let before = self.socket.buffered_amount();
        self.socket.send(message)?;
        let size = page::size(self.socket.buffered_amount().saturating_sub(before));
        expected.show("on its way …", None);
        self.expected.borrow_mut().push_back(expected);
        log("sent", &size);
        Ok(())
    }

    /// Shows how much of a file is still with the browser, until all of it is with the network.
    pub async fn show_progress(this: Weak<Self>, total: u64) {
        // Without keeping the connection: when it is dropped, it is to be closed.
        while let Some(this) = this.upgrade() {
            let unsent = this.socket.buffered_amount();
            file::show_progress(total.saturating_sub(unsent), total);
            // When the socket is closed, the unsent stays unsent.
            if unsent == 0 || this.socket.ready_state() != ReadyState::Open {
                return;
            }
            drop(this);
            page::next_frame().await;
        }
    }

    fn opened(&self) {
        page::show_state("open", true);
        let (protocol, extensions) = (self.socket.protocol(), self.socket.extensions());
        let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
        log("open", &format!("subprotocol: {}, extensions: {}", or_none(protocol), or_none(extensions)));
    }

    fn received(&self, message: Message) {
        log("message", &describe(&message));
        let expected = self.expected.borrow_mut().pop_front();
        // In a task of its own, since blobs are read asynchronously.
        spawn_local(async move {
            let result = match expected {
                None | Some(Expected::Nothing) => Ok(()),
                Some(Expected::Image { image, sent_at }) => show_image(&image, sent_at, message).await,
                Some(Expected::File { blob, sent_at }) => show_file(&blob, sent_at, &message).await,
            };
            if let Err(error) = result {
                show_problem(&log_problem(&error));
            }
        });
    }
}

fn describe(message: &Message) -> String {
    let size = page::size(message.len());
    match message {
        Message::Text(text) if text.len() <= 200 => format!("text, {size}: {text}"),
        Message::Text(_) => format!("text, {size}"),
        Message::Binary(_) => format!("binary as ArrayBuffer, {size}"),
        Message::Blob(_) => format!("binary as Blob, {size}"),
    }
}

async fn show_image(image: &ImageData, sent_at: f64, message: Message) -> Result<(), Error> {
    let bytes = match message {
        Message::Text(text) => text.into_bytes(),
        Message::Binary(bytes) => bytes,
        Message::Blob(blob) => blob.bytes().await?,
    };
    let time = page::now() - sent_at;
    let (text, is_good) = match canvas::paint_echo(image, &bytes) {
        Some(0) => (format!("every pixel came back, in {time:.0} ms"), true),
        Some(1) => ("1 pixel came back changed".to_owned(), false),
        Some(count) => (format!("{count} pixels came back changed"), false),
        None => (format!("what came back is no such picture: {} bytes", bytes.len()), false),
    };
    show_verdict("canvas-verdict", &text, Some(is_good));
    Ok(())
}

async fn show_file(blob: &Blob, sent_at: f64, message: &Message) -> Result<(), Error> {
    let time = page::now() - sent_at;
    let sent = file::sha256_of_blob(blob).await?;
    page::show("file-hash", &sent);
    let came_back = file::sha256(message).await?;
    page::show("echo-hash", &came_back);
    let is_good = sent == came_back;
    let text =
        if is_good { format!("the same came back, in {time:.0} ms") } else { "not the same came back".to_owned() };
    show_verdict("file-verdict", &text, Some(is_good));
    Ok(())
}
