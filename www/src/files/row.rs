//! One file of the card “Files”: its row, and its buttons.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{AbortHandle, AbortRegistration, Abortable};
use futures_util::task::AtomicWaker;
use wasm_bindgen::JsCast;
use wasm_websocket::{Blob, Progress};
use web_sys::{Element, Event, File, HtmlElement, Node, Url};

use super::speed::Speed;
use crate::format::{rate, seconds, size};
use crate::frame::{Pace, now};
use crate::page::{Is, Listener, document, element, from_template, hide, part, set, show_in, show_verdict};

/// One file. Its row is on the page until the user removes it.
pub struct Row {
    pub name: String,
    pub blob: Blob,
    /// The path of the server to which the file is sent.
    pub path: String,
    element: Element,
    is_paused: Cell<bool>,
    sent: Cell<u64>,
    /// The bytes that have left the browser.
    left: Cell<u64>,
    came_back: Cell<u64>,
    /// Wakes the task that sends, when the file goes on or more has come back.
    changed: AtomicWaker,
    speed: RefCell<Speed>,
    pace: Pace,
    abort: AbortHandle,
    has_begun: Cell<bool>,
    has_ended: Cell<bool>,
    url: RefCell<Option<String>>,
    listeners: RefCell<Vec<Listener>>,
}

/// Removes the rows of all files that have ended, by their buttons.
pub fn remove_ended() {
    let list = element::<Element>("files-list");
    while let Some(button) = list.query_selector(".ended .cancel").expect("the selector is valid") {
        button.unchecked_into::<HtmlElement>().click();
    }
}

/// The result of sending a file.
pub struct Outcome {
    /// The SHA-256 of the file, and of what the server received or sent back.
    pub here: String,
    pub there: String,
    /// The echo, if it is not too large.
    pub blob: Option<Blob>,
}

impl Row {
    /// Adds a row for a file below the files in progress. The registration is for [`run`](Self::run).
    pub fn add(file: File, path: &str) -> (Rc<Self>, AbortRegistration) {
        let (abort, aborted) = AbortHandle::new_pair();
        let row = Rc::new(Self {
            name: file.name(),
            blob: file.into(),
            path: path.into(),
            element: from_template("file-row"),
            is_paused: Cell::default(),
            sent: Cell::default(),
            left: Cell::default(),
            came_back: Cell::default(),
            changed: AtomicWaker::new(),
            speed: RefCell::default(),
            pace: Pace::default(),
            abort,
            has_begun: Cell::default(),
            has_ended: Cell::default(),
            url: RefCell::default(),
            listeners: RefCell::default(),
        });
        row.show_name();
        row.listen(".pause", Row::pause_or_resume);
        row.listen(".cancel", Row::cancel_or_remove);
        row.place();
        (row, aborted)
    }

    fn show_name(&self) {
        show_in(&self.part(".name"), &self.name);
        set(&self.part(".name"), "title", &self.name);
        self.show_waiting();
        set(&self.part("progress"), "aria-label", &format!("{}: sent", self.name));
        self.label(".pause", "Pause");
        self.label(".cancel", "Cancel");
    }

    /// Moves the row above the files that have ended. So the files in progress are at the top, followed by the files that ended last.
    fn place(&self) {
        let list = element::<Element>("files-list");
        let first = list.query_selector(".ended").expect("the selector is valid");
        list.insert_before(&self.element, first.as_deref().map(AsRef::<Node>::as_ref))
            .expect("a list takes an element");
    }

    /// Calls `callback` when a button of the row is clicked.
    fn listen(self: &Rc<Self>, selector: &str, callback: fn(&Self)) {
        // The closure holds the row, until the row is removed.
        let row = self.clone();
        let listener = Listener::new(&self.part(selector), "click", move |_: Event| callback(&row));
        self.listeners.borrow_mut().push(listener);
    }

    fn part(&self, selector: &str) -> Element {
        part(&self.element, selector)
    }

    /// Names a button. The accessible name includes the file.
    fn label(&self, selector: &str, text: &str) {
        let button = self.part(selector);
        show_in(&button, text);
        set(&button, "aria-label", &format!("{text} {}", self.name));
    }

    /// Returns whether the server returns only a hash, rather than the file.
    pub fn is_reported(&self) -> bool {
        self.path == "/sink"
    }

    /// Runs the future that sends the file, unless the user cancels it, and shows the result.
    pub async fn run(&self, round_trip: impl Future<Output = Result<Outcome, String>>, aborted: AbortRegistration) {
        if self.has_ended.get() {
            return; // cancelled while it waited
        }
        self.has_begun.set(true);
        self.speed.borrow_mut().restart();
        match Abortable::new(round_trip, aborted).await {
            Ok(Ok(outcome)) => self.show_outcome(outcome),
            Ok(Err(problem)) => self.show_failure(&problem, Is::Bad),
            Err(_) => self.show_cancelled(),
        }
    }

    /// Shows the progress, and returns the bytes that were sent since the last call.
    pub fn progress(&self, progress: Progress) -> u64 {
        let since = progress.sent - self.sent.replace(progress.sent);
        self.left.set(progress.sent - progress.buffered.min(progress.sent));
        if self.pace.is_due() || progress.sent == progress.total {
            self.show_progress();
        }
        since
    }

    /// Shows that all bytes have left the browser.
    pub fn all_left(&self) {
        self.left.set(self.blob.len());
        if !self.blob.is_empty() {
            self.show_progress();
        }
    }

    fn show_waiting(&self) {
        show_in(&self.part(".status"), &format!("{}, waiting", size(self.blob.len())));
    }

    fn show_progress(&self) {
        let (sent, total) = (self.left.get(), self.blob.len());
        let speed = self.speed.borrow_mut().at(now(), sent);
        set(&self.part("progress"), "max", &total.to_string());
        set(&self.part("progress"), "value", &sent.to_string());
        show_in(&self.part(".percent"), &format!("{} %", 100 * sent / total.max(1)));
        let left = if speed > 0.0 { seconds((total - sent) as f64 / speed) } else { "–".into() };
        let status = match (sent == total, self.is_paused.get()) {
            (true, _) => "waiting for the server".into(),
            (_, true) => "paused".into(),
            _ => format!("{} · {left} left", rate(speed)),
        };
        show_in(&self.part(".status"), &status);
    }

    /// Records how many bytes have come back.
    pub fn came_back(&self, bytes: u64) {
        self.came_back.set(bytes);
        self.changed.wake();
    }

    /// Resolves when the file is not paused, and at most `most` bytes are in flight, out and back.
    pub async fn may_go_on(&self, most: u64) {
        poll_fn(|context| {
            self.changed.register(context.waker());
            let underway =
                if self.is_reported() { 0 } else { self.sent.get() - self.came_back.get().min(self.sent.get()) };
            if self.is_paused.get() || underway > most { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    fn pause_or_resume(&self) {
        let is_paused = !self.is_paused.get();
        self.is_paused.set(is_paused);
        self.label(".pause", if is_paused { "Resume" } else { "Pause" });
        self.speed.borrow_mut().restart();
        match (self.has_begun.get(), is_paused) {
            (true, _) => self.show_progress(),
            (false, true) => show_in(&self.part(".status"), "paused"),
            (false, false) => self.show_waiting(),
        }
        self.changed.wake();
    }

    fn cancel_or_remove(&self) {
        match (self.has_ended.get(), self.has_begun.get()) {
            (true, _) => self.remove(),
            (false, true) => self.abort.abort(),
            (false, false) => self.show_cancelled(),
        }
    }

    /// Removes the row, and its listeners, which hold it.
    fn remove(&self) {
        if let Some(url) = self.url.take() {
            let _ = Url::revoke_object_url(&url);
        }
        let has_focus = document().active_element().is_some_and(|active| self.element.contains(Some(&active)));
        self.element.remove();
        if has_focus {
            let _ = element::<HtmlElement>("file").focus();
        }
        drop(self.listeners.take());
    }

    fn show_outcome(&self, outcome: Outcome) {
        let Outcome { here, there, blob } = outcome;
        show_in(&self.part(".hash-here"), &here);
        show_in(&self.part(".hash-there"), &there);
        hide(&self.part(".more"), false);
        let (verdict, is) = match (here == there, self.is_reported()) {
            (true, false) => ("The same came back.", Is::Good),
            (true, true) => ("The server received the same.", Is::Good),
            (false, false) => ("The data came back changed.", Is::Bad),
            (false, true) => ("The server received other data.", Is::Bad),
        };
        show_in(&self.part(".status"), &size(self.blob.len()));
        self.show_end(verdict, is);
        if let Some(blob) = blob {
            self.offer(&blob);
        }
    }

    /// Offers the echo as a download, and shows it if it is an image.
    fn offer(&self, blob: &Blob) {
        let Ok(url) = Url::create_object_url_with_blob(blob.as_raw()) else { return };
        let link = self.part(".download");
        set(&link, "href", &url);
        set(&link, "download", &self.name);
        hide(&link, false);
        if blob.media_type().starts_with("image/") {
            let image = self.part("img");
            set(&image, "src", &url);
            set(&image, "alt", &format!("{}, as it came back", self.name));
            hide(&image, false);
        }
        self.url.replace(Some(url));
    }

    fn show_cancelled(&self) {
        self.show_failure("Cancelled.", Is::Neither);
    }

    fn show_failure(&self, problem: &str, is: Is) {
        show_in(&self.part(".status"), &format!("{} of {} sent", size(self.left.get()), size(self.blob.len())));
        self.show_end(problem, is);
    }

    fn show_end(&self, verdict: &str, is: Is) {
        self.has_ended.set(true);
        let _ = self.element.class_list().add_1("ended");
        for part in [".pause", "progress", ".percent"] {
            hide(&self.part(part), true);
        }
        self.label(".cancel", "Remove");
        show_verdict(&self.part(".verdict"), verdict, is);
        self.place_again();
    }

    /// Moves the row to the files that have ended, without taking the focus from its button.
    fn place_again(&self) {
        let active = document().active_element().filter(|active| self.element.contains(Some(active)));
        self.element.remove();
        self.place();
        if active.is_some() {
            let _ = part::<HtmlElement>(&self.element, ".cancel").focus();
        }
    }
}
