//! What the buttons do.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{BinaryType, Blob, CloseEvent, Options};
use web_sys::{Event, EventTarget, HtmlElement, HtmlInputElement};

use crate::connection::{Connection, Expected};
use crate::page::{self, element, log, on, on_click, on_submit, show_problem, show_state, value};
use crate::{canvas, file, peers};

/// The page's state.
pub struct Demo {
    /// The one connection, if there is one.
    connection: RefCell<Option<Rc<Connection>>>,
    file: file::Chosen,
}

/// What a button does, and how it can fail.
type Action = fn(&Rc<Demo>) -> Result<(), Problem>;

/// Something to tell the user.
type Problem = Box<dyn std::error::Error>;

impl Demo {
    /// Sets the page up.
    pub fn start() -> Result<(), JsValue> {
        canvas::start()?;
        let demo = Rc::new(Self { connection: RefCell::default(), file: file::start() });
        element::<HtmlInputElement>("url").set_value(&peers::url("/echo"));
        let run = |action: Action| {
            let demo = demo.clone();
            move || show_problem(&action(&demo).map_or_else(|problem| log_problem(&*problem), |()| String::new()))
        };
        on_submit("connect-form", run(Self::connect));
        on_submit("close-form", run(Self::disconnect));
        on_submit("text-form", run(Self::send_text));
        on_click("send-canvas", run(Self::send_canvas));
        on_click("send-file", run(Self::send_file));
        on_click("clear-canvas", || canvas::clear().expect("it was drawn on before"));
        for id in ["as-array-buffer", "as-blob"] {
            let choose = run(Self::choose_binary_type);
            on(&element::<EventTarget>(id), "change", move |_: Event| choose());
        }
        peers::choose();
        spawn_local(async {
            if peers::offer().await.is_err() {
                log("problem", "the server that this page comes from does not say what peers it has");
            }
        });
        Ok(())
    }

    /// Connects to the URL in the field. The connection that there was is closed.
    fn connect(self: &Rc<Self>) -> Result<(), Problem> {
        self.connection.take();
        show_state("closed", false);
        let protocols = value("protocols");
        let protocols = protocols.split(',').map(str::trim).filter(|_| !protocols.is_empty());
        let options = Options::new().binary_type(binary_type()).protocols(protocols);
        let demo = self.clone();
        let connection = Connection::open(&value("url"), &options, move |event| demo.closed(&event))?;
        show_state("connecting", true);
        log("connect", &connection.socket.url());
        self.connection.replace(Some(connection));
        Ok(())
    }

    /// Closes with the code and the reason in the fields.
    fn disconnect(self: &Rc<Self>) -> Result<(), Problem> {
        let Some(connection) = self.connection.borrow().clone() else { return Ok(()) };
        let socket = &connection.socket;
        match (value("code").as_str(), value("reason")) {
            ("", reason) if reason.is_empty() => socket.close(),
            ("", reason) => socket.close_with(1000, reason)?,
            (code, reason) => {
                let number: u16 = code.parse().map_err(|_| format!("`{code}` is not a close code"))?;
                socket.close_with(number, reason)?;
            }
        }
        show_state("closing", false);
        // The button that was pressed is disabled now, and cannot keep the focus.
        let _ = element::<HtmlElement>("connect").focus();
        log("closing", "waiting for the server’s answer");
        Ok(())
    }

    fn closed(&self, event: &CloseEvent) {
        log("close", &format!("{event} – {}", if event.was_clean { "clean" } else { "not clean" }));
        show_state("closed", false);
        self.connection.take();
    }

    fn choose_binary_type(self: &Rc<Self>) -> Result<(), Problem> {
        if let Some(connection) = self.connection.borrow().as_ref() {
            connection.socket.set_binary_type(binary_type());
        }
        Ok(())
    }

    fn send_text(self: &Rc<Self>) -> Result<(), Problem> {
        let Some(connection) = self.connection.borrow().clone() else { return Ok(()) };
        Ok(connection.send(element::<HtmlInputElement>("text").value(), Expected::Nothing)?)
    }

    fn send_canvas(self: &Rc<Self>) -> Result<(), Problem> {
        let Some(connection) = self.connection.borrow().clone() else { return Ok(()) };
        let image = canvas::drawing().expect("it was drawn on before");
        Ok(connection.send(&image, Expected::Image { image: image.clone(), sent_at: page::now() })?)
    }

    fn send_file(self: &Rc<Self>) -> Result<(), Problem> {
        let Some(connection) = self.connection.borrow().clone() else { return Ok(()) };
        let Some(file) = self.file.borrow().clone() else {
            page::show_verdict("file-verdict", "choose a file first", Some(false));
            return Ok(());
        };
        let blob = Blob::from(file);
        connection.send(&blob, Expected::File { blob: blob.clone(), sent_at: page::now() })?;
        spawn_local(Connection::show_progress(Rc::downgrade(&connection), blob.len()));
        Ok(())
    }
}

fn binary_type() -> BinaryType {
    let is_blob = element::<HtmlInputElement>("as-blob").checked();
    if is_blob { BinaryType::Blob } else { BinaryType::ArrayBuffer }
}

/// Logs an error, and gives its text.
pub fn log_problem(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    log("problem", &text);
    text
}
