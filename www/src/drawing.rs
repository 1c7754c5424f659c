//! The canvases of the live card: one to draw on, and one that shows what came back.

mod brush;
mod compare;
mod sample;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::{Error, Message};
use web_sys::{Element, ImageData};

use crate::address;
use crate::canvas::{self, Canvas};
use crate::format;
use crate::frame::{next_frame, now, sleep};
use crate::link::{Link, State, explain};
use crate::page::{Is, element, hide, is_checked, on_change, on_click, set, show, show_problem, show_verdict};
use compare::Difference;

/// The two canvases, and counts of the drawings that were sent on this connection.
struct Drawing {
    link: Link,
    canvas: Canvas,
    echo: Canvas,
    /// Whether the canvas has changed since it was last sent.
    has_changed: Cell<bool>,
    /// Whether a task sends the canvas at each frame, and whether a task follows the echoes.
    is_live: Cell<bool>,
    is_followed: Cell<bool>,
    counts: RefCell<Counts>,
}

/// Counts of one connection.
#[derive(Default)]
struct Counts {
    sent: u64,
    bytes_sent: u64,
    came_back: u64,
    bytes_back: u64,
    /// The drawings that have not come back, the oldest first.
    awaited: VecDeque<Sent>,
    /// The times at which drawings came back in the last second.
    recent: VecDeque<f64>,
}

/// A drawing that was sent.
struct Sent {
    image: ImageData,
    at: f64,
}

/// How many drawings may be awaited: a server that sends nothing back must not fill the page's memory.
const MOST_AWAITED: usize = 8;

/// The time without an echo after which the page says that nothing has come back, in milliseconds.
const LATE: f64 = 300.0;

/// The time after which a room counts as having skipped a drawing, in milliseconds.
const SKIPPED: f64 = 5000.0;

/// Connects the controls, draws a sample and sends it when the connection is open.
pub fn start(link: &Link) -> Result<(), JsValue> {
    let drawing = Rc::new(Drawing {
        link: link.clone(),
        canvas: Canvas::new("canvas")?,
        echo: Canvas::new("echo")?,
        has_changed: Cell::default(),
        is_live: Cell::default(),
        is_followed: Cell::default(),
        counts: RefCell::default(),
    });
    brush::start();
    sample::draw(&drawing.canvas);
    // A server other than the page's own may not expect a drawing.
    let is_to_be_sent = Cell::new(address::target().is_none());
    let (drawn, sending, clearing, live, following, showing) =
        (drawing.clone(), drawing.clone(), drawing.clone(), drawing.clone(), drawing.clone(), drawing.clone());
    canvas::let_draw(&drawing.canvas, move |from, to| {
        drawn.canvas.draw_line(&brush::chosen(), from, to);
        drawn.changed();
    });
    on_click("send-drawing", move || sending.send_and_show());
    on_click("clear-drawing", move || {
        clearing.canvas.clear();
        clearing.changed();
    });
    on_change("live-strokes", move || live.changed());
    link.on_other(move |message| showing.clone().came_from_a_room(message));
    link.on_state(move |state| {
        following.follow_state(state);
        if matches!(state, State::Open { .. }) {
            match address::target().is_none() && is_to_be_sent.take() {
                true => following.send_and_show(),
                false => following.go_live(),
            }
        }
    });
    Ok(())
}

impl Drawing {
    // region: draw
    /// Sends the pixels without encoding them, and without a copy through wasm memory.
    fn send(self: &Rc<Self>) -> Result<(), Error> {
        let (image, drawing) = (self.canvas.pixels(), self.clone());
        let bytes = u64::from(image.width() * image.height() * 4);
        // Fails when too many bytes are unsent, so that drawings do not pile up.
        self.link.send_for_echo(&image, bytes, "drawing, as ImageData", move |message| async move {
            drawing.came_back(message).await;
        })?;
        self.count_sent(image, bytes);
        Ok(())
    }

    /// Sends the drawing at each frame in which it has changed. Skips a frame if there is no room: the next frame has all strokes.
    async fn send_live(self: &Rc<Self>) {
        loop {
            next_frame().await;
            if !is_checked("live-strokes") || !self.has_changed.get() || self.is_behind() {
                break;
            }
            let sent = self.send();
            self.has_changed.set(sent.is_err());
            match sent {
                Err(Error::Full) => {}
                Ok(()) => show_result(sent),
                Err(_) => break show_result(sent),
            }
        }
    }
    // endregion

    fn send_and_show(self: &Rc<Self>) {
        match self.is_behind() {
            true => show_problem(PROBLEM, Some(&behind())),
            false => show_result(self.send()),
        }
    }

    /// Returns whether too many drawings have not come back yet.
    fn is_behind(&self) -> bool {
        self.counts.borrow().awaited.len() == MOST_AWAITED
    }

    fn changed(self: &Rc<Self>) {
        self.has_changed.set(true);
        self.go_live();
    }

    /// Begins to send changes, if “Live” is on.
    fn go_live(self: &Rc<Self>) {
        if !is_checked("live-strokes") || !self.has_changed.get() || self.is_live.replace(true) {
            return;
        }
        let drawing = self.clone();
        spawn_local(async move {
            drawing.send_live().await;
            drawing.is_live.set(false);
        });
    }

    fn follow_state(&self, state: &State) {
        match state {
            State::Connecting => {
                self.counts.take();
                self.echo.clear();
                show_difference(None, &self.echo);
                show_verdict(&verdict(), "", Is::Neither);
                show_problem(PROBLEM, None);
                show("round-trip", "–");
                self.show_counts();
            }
            State::Open { .. } => show_problem(PROBLEM, None),
            State::Closed(_) if !self.counts.borrow().awaited.is_empty() => {
                self.counts.borrow_mut().awaited.clear();
                show_verdict(&verdict(), "The connection ended before the drawing came back.", Is::Bad);
            }
            State::Closing | State::Closed(_) => {}
        }
    }

    fn count_sent(self: &Rc<Self>, image: ImageData, bytes: u64) {
        let mut counts = self.counts.borrow_mut();
        counts.sent += 1;
        counts.bytes_sent += bytes;
        counts.awaited.push_back(Sent { image, at: now() });
        drop(counts);
        self.show_counts();
        self.follow_if_needed();
    }

    fn follow_if_needed(self: &Rc<Self>) {
        if !self.is_followed.replace(true) {
            spawn_local(self.clone().follow());
        }
    }

    /// Shows the rate, and reports a drawing that does not come back. Runs while a drawing is awaited or has just come back.
    async fn follow(self: Rc<Self>) {
        loop {
            sleep(LATE as i32).await;
            self.show_rate();
            let counts = self.counts.borrow();
            // A round trip may take long while drawings come back all the time.
            let is_late = counts.awaited.front().is_some_and(|sent| now() - sent.at >= LATE);
            if is_late && counts.recent.is_empty() {
                show_verdict(&verdict(), "Sent. Nothing has come back yet.", Is::Neither);
            }
            if counts.awaited.is_empty() && counts.recent.is_empty() {
                break self.is_followed.set(false);
            }
        }
    }

    /// Shows a drawing that was sent to everyone in a room: by this page, or in another tab.
    async fn came_from_a_room(self: Rc<Self>, message: Message) {
        let (width, height) = self.echo.size();
        if message.len() != (width * height) as u64 * 4 {
            return; // something else
        }
        let Ok(bytes) = bytes_of(message).await else { return };
        let sent = self.counts.borrow_mut().awaited_with(&bytes);
        match sent {
            Some(sent) => self.show_echo(&sent, &bytes),
            None => {
                self.counts.borrow_mut().forget_skipped();
                self.show_other(&bytes);
                self.go_live();
            }
        }
    }

    /// Shows the echo of the oldest drawing that is awaited.
    async fn came_back(self: &Rc<Self>, message: Message) {
        let Some(sent) = self.counts.borrow_mut().awaited.pop_front() else { return };
        match bytes_of(message).await {
            Ok(bytes) => self.show_echo(&sent, &bytes),
            Err(error) => show_problem(PROBLEM, Some(&explain(&error))),
        }
    }

    /// Paints an echo, compares it with the drawing that was sent, and shows the verdict.
    fn show_echo(self: &Rc<Self>, sent: &Sent, bytes: &[u8]) {
        show("round-trip", &format!("{:.0} ms", now() - sent.at));
        self.count_back(bytes.len() as u64);
        self.compare(&sent.image, bytes);
        self.go_live(); // sending may have waited for this echo
    }

    /// Paints a drawing of another tab.
    fn show_other(self: &Rc<Self>, bytes: &[u8]) {
        self.count_back(bytes.len() as u64);
        self.echo.paint(bytes);
        show_difference(None, &self.echo);
        show_verdict(&verdict(), "Drawn in another tab.", Is::Neither);
        self.follow_if_needed();
    }

    fn count_back(&self, bytes: u64) {
        let mut counts = self.counts.borrow_mut();
        counts.came_back += 1;
        counts.bytes_back += bytes;
        counts.recent.push_back(now());
        drop(counts);
        self.show_counts();
        self.show_rate();
    }

    fn compare(&self, sent: &ImageData, came_back: &[u8]) {
        let (sent, width) = (sent.data(), sent.width() as usize);
        if sent.len() != came_back.len() {
            let size = format::size(came_back.len() as u64);
            return show_verdict(&verdict(), &format!("What came back is not this drawing: {size}."), Is::Bad);
        }
        self.echo.paint(came_back);
        let difference = compare::difference(&sent, came_back, width);
        show_difference(difference.as_ref(), &self.echo);
        match difference {
            None => show_verdict(&verdict(), "Every byte came back.", Is::Good),
            Some(Difference { pixels, .. }) => {
                show_verdict(&verdict(), &format!("{} came back changed.", format::count(pixels, "pixel")), Is::Bad);
            }
        }
    }

    fn show_counts(&self) {
        let counts = self.counts.borrow();
        let text = |frames, bytes| format!("{}, {}", format::count(frames, "frame"), format::size(bytes));
        show("frames-sent", &text(counts.sent, counts.bytes_sent));
        show("frames-back", &text(counts.came_back, counts.bytes_back));
    }

    /// Shows how many drawings came back in the last second.
    fn show_rate(&self) {
        let mut counts = self.counts.borrow_mut();
        while counts.recent.front().is_some_and(|time| now() - time > 1000.0) {
            counts.recent.pop_front();
        }
        show("frame-rate", &format!("{} fps", counts.recent.len()));
    }
}

impl Counts {
    /// Takes the awaited drawing with these bytes, if there is one, and forgets earlier ones: a room may have skipped them.
    fn awaited_with(&mut self, bytes: &[u8]) -> Option<Sent> {
        let index = self.awaited.iter().position(|sent| *sent.image.data() == bytes)?;
        self.awaited.drain(..index);
        self.awaited.pop_front()
    }

    /// Forgets drawings that a room must have skipped, so that others may be sent.
    fn forget_skipped(&mut self) {
        while self.awaited.front().is_some_and(|sent| now() - sent.at >= SKIPPED) {
            self.awaited.pop_front();
        }
    }
}

async fn bytes_of(message: Message) -> Result<Vec<u8>, Error> {
    match message {
        Message::Text(text) => Ok(text.into_bytes()),
        Message::Binary(bytes) => Ok(bytes),
        Message::Blob(blob) => blob.bytes().await,
    }
}

/// Marks the pixels that differ.
fn show_difference(difference: Option<&Difference>, canvas: &Canvas) {
    let mark = element::<Element>("difference");
    hide(&mark, difference.is_none());
    if let Some(Difference { columns, rows, .. }) = difference {
        let (width, height) = canvas.size();
        let middle = |from: &usize, to: &usize, of: f64| 50.0 * (from + to + 1) as f64 / of;
        let extent = |from: &usize, to: &usize, of: f64| 100.0 * (to - from + 1) as f64 / of;
        let (x, y) = (middle(columns.start(), columns.end(), width), middle(rows.start(), rows.end(), height));
        let (w, h) = (extent(columns.start(), columns.end(), width), extent(rows.start(), rows.end(), height));
        set(&mark, "style", &format!("left: {x:.1}%; top: {y:.1}%; width: {w:.1}%; height: {h:.1}%"));
    }
}

const PROBLEM: &str = "drawing-problem";

fn verdict() -> Element {
    element("drawing-verdict")
}

fn behind() -> String {
    format!("{MOST_AWAITED} drawings have not come back: this server may send nothing back.")
}

fn show_result(sent: Result<(), Error>) {
    show_problem(PROBLEM, sent.err().as_ref().map(explain).as_deref());
}
