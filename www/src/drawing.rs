//! The section “Drawing”: a canvas to draw on, and one that shows what came back.

mod canvas;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{Error, Message};
use web_sys::{Element, ImageData};

use crate::demo::{Demo, explain};
use crate::format;
use crate::frame::{next_frame, now};
use crate::page::{self, Is, element, is_checked, on_change, on_click, show, show_problem, show_verdict};
use canvas::Canvas;

/// The two canvases, and what is known of the drawings that went round.
pub struct Drawing {
    drawing: Canvas,
    echo: Canvas,
    /// Whether the canvas has changed since it was sent, and whether there is a task that sends it.
    has_changed: Cell<bool>,
    is_live: Cell<bool>,
    counts: RefCell<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    came_back: u64,
    bytes: u64,
    /// When those of the last second came back.
    recent: VecDeque<f64>,
}

/// A drawing on its way.
pub struct Sent {
    image: ImageData,
    sent_at: f64,
}

/// How many drawings may be on their way: of a server that sends nothing back, no more are to be remembered.
const MOST_AWAITED: usize = 8;

impl Drawing {
    pub fn new() -> Result<Self, JsValue> {
        Ok(Self {
            drawing: Canvas::new("drawing")?,
            echo: Canvas::new("echo")?,
            has_changed: Cell::default(),
            is_live: Cell::default(),
            counts: RefCell::default(),
        })
    }

    /// Shows how many drawings come back per second.
    pub fn show_rate(&self) {
        let mut counts = self.counts.borrow_mut();
        while counts.recent.front().is_some_and(|time| now() - time > 1000.0) {
            counts.recent.pop_front();
        }
        show("frame-rate", &format!("{} per second", counts.recent.len()));
    }
}

/// Connects the section's controls.
pub fn start(demo: &Rc<Demo>) {
    let drawn = demo.clone();
    canvas::let_draw(&demo.drawing.drawing, move || drawn.drawing_changed());
    let sending = demo.clone();
    on_click("send-drawing", move || show_result(sending.send_drawing()));
    let clearing = demo.clone();
    on_click("clear-drawing", move || {
        clearing.drawing.drawing.clear();
        clearing.drawing_changed();
    });
    let live = demo.clone();
    on_change("live", move || live.drawing_changed());
    on_change("brush", || show("brush-size", &format!("{} px", page::value("brush"))));
}

impl Demo {
    // region: draw
    /// Sends the pixels, as they are: nothing is encoded, and nothing is copied through wasm memory.
    fn send_drawing(&self) -> Result<(), Error> {
        if self.connection.awaited_drawings() == MOST_AWAITED {
            return Err(Error::Full);
        }
        let image = self.drawing.drawing.pixels();
        let bytes = u64::from(image.width() * image.height() * 4);
        let sent = Sent { image: image.clone(), sent_at: now() };
        self.send(&image, bytes, "drawing, as ImageData", Some(sent))?; // fails when too much is unsent; it never piles up
        let mut counts = self.drawing.counts.borrow_mut();
        counts.sent += 1;
        show("frames-sent", &format!("{}, {}", format::count(counts.sent, "frame"), format::size(counts.sent * bytes)));
        Ok(())
    }

    /// Sends the drawing at each frame in which it has changed. One for which there is no room is left out: the next has all.
    async fn send_live(&self) {
        while self.drawing.has_changed.get() && is_checked("live") {
            next_frame().await;
            let sent = self.send_drawing();
            self.drawing.has_changed.set(sent == Err(Error::Full));
            show_result(sent.or_else(|error| if error == Error::Full { Ok(()) } else { Err(error) }));
        }
    }
    // endregion

    fn drawing_changed(self: &Rc<Self>) {
        self.drawing.has_changed.set(true);
        if !is_checked("live") || self.drawing.is_live.replace(true) {
            return;
        }
        let demo = self.clone();
        spawn_local(async move {
            demo.send_live().await;
            demo.drawing.is_live.set(false);
        });
    }
}

/// Paints what came back, and says how it compares with what was sent.
pub async fn came_back(demo: &Demo, sent: Sent, message: Message) {
    let bytes = match message {
        Message::Text(text) => Ok(text.into_bytes()),
        Message::Binary(bytes) => Ok(bytes),
        Message::Blob(blob) => blob.bytes().await,
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return show_problem("drawing-problem", Some(&explain(&error))),
    };
    show("round-trip", &format!("{:.0} ms", now() - sent.sent_at));
    let mut counts = demo.drawing.counts.borrow_mut();
    counts.came_back += 1;
    counts.bytes += bytes.len() as u64;
    counts.recent.push_back(now());
    show("frames-back", &format!("{}, {}", format::count(counts.came_back, "frame"), format::size(counts.bytes)));
    let (verdict, is) = match differing_pixels(&sent.image, &bytes) {
        Some(0) => ("Every byte came back.".to_owned(), Is::Good),
        Some(count) => (format!("{} came back changed.", format::count(count, "pixel")), Is::Bad),
        None => (format!("What came back is no such drawing: {}.", format::size(bytes.len() as u64)), Is::Bad),
    };
    if bytes.len() == sent.image.data().len() {
        demo.drawing.echo.paint(&bytes);
    }
    show_verdict(&element("drawing-verdict"), &verdict, is);
}

/// The connection has ended while a drawing was on its way.
pub fn never_came_back() {
    let verdict = element::<Element>("drawing-verdict");
    show_verdict(&verdict, "The connection ended before the drawing came back.", Is::Bad);
}

/// How many pixels differ; none if it is no drawing of this size.
fn differing_pixels(sent: &ImageData, came_back: &[u8]) -> Option<u64> {
    let sent = sent.data();
    let is_alike = sent.len() == came_back.len();
    is_alike.then(|| sent.chunks(4).zip(came_back.chunks(4)).filter(|(sent, back)| sent != back).count() as u64)
}

fn show_result(sent: Result<(), Error>) {
    show_problem("drawing-problem", sent.err().as_ref().map(explain).as_deref());
}
