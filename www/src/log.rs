//! What has happened, the newest first, as far back as it is of interest.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use wasm_websocket::Message;
use web_sys::Element;

use crate::format;
use crate::frame::next_frame;
use crate::page::{self, document, element};

/// What a line is about.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Connect,
    Open,
    Closing,
    Close,
    Sent,
    Received,
    Problem,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Close => "close",
            Self::Sent => "sent",
            Self::Received => "message",
            Self::Problem => "problem",
        }
    }
}

/// One line.
struct Entry {
    time: String,
    kind: Kind,
    size: Option<u64>,
    detail: String,
}

/// Which lines are shown.
#[derive(Default, PartialEq)]
pub struct Filter {
    /// The name of the only kind to show; empty for all.
    pub kind: String,
    /// What a line must have in it, in lower case.
    pub words: String,
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        (self.kind.is_empty() || self.kind == entry.kind.name()) && entry.detail.to_lowercase().contains(&self.words)
    }
}

/// The most lines that are kept, and that are shown.
const MOST_KEPT: usize = 1_000;
const MOST_SHOWN: u32 = 100;

/// The log. It is a handle, to be cloned.
#[derive(Clone, Default)]
pub struct Log(Rc<Lines>);

#[derive(Default)]
struct Lines {
    entries: RefCell<VecDeque<Entry>>,
    filter: RefCell<Filter>,
    /// How many there were in all, and how many when they were last shown.
    total: Cell<u64>,
    shown: Cell<u64>,
    is_to_be_shown: Cell<bool>,
}

impl Log {
    /// Adds a line about a message.
    pub fn message(&self, kind: Kind, message: &Message) {
        let detail = match message {
            Message::Text(text) => format!("text: {}", beginning(text)),
            Message::Binary(_) => "binary as ArrayBuffer".into(),
            Message::Blob(_) => "binary as Blob".into(),
        };
        self.add(kind, Some(message.len()), &detail);
    }

    /// Adds a line, about so many bytes.
    pub fn add(&self, kind: Kind, size: Option<u64>, detail: &str) {
        let mut entries = self.0.entries.borrow_mut();
        if entries.len() == MOST_KEPT {
            entries.pop_back();
        }
        entries.push_front(Entry { time: time(), kind, size, detail: detail.into() });
        self.0.total.set(self.0.total.get() + 1);
        self.show_soon();
    }

    /// Shows the lines that a filter takes.
    pub fn set_filter(&self, filter: Filter) {
        self.0.filter.replace(filter);
        self.show_anew();
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.entries.take();
        self.0.total.set(0);
        self.show_anew();
    }

    fn show_anew(&self) {
        element::<Element>("log").set_text_content(None);
        self.0.shown.set(0);
        self.show_soon();
    }

    /// Shows what is new when the browser draws next: of a thousand lines between two frames, nobody sees most.
    fn show_soon(&self) {
        if self.0.is_to_be_shown.replace(true) {
            return;
        }
        let lines = self.0.clone();
        spawn_local(async move {
            next_frame().await;
            lines.is_to_be_shown.set(false);
            lines.show();
        });
    }
}

impl Lines {
    fn show(&self) {
        let (entries, filter) = (self.entries.borrow(), self.filter.borrow());
        let is_new = (self.total.get() - self.shown.replace(self.total.get())) as usize;
        let wanted = entries.iter().take(is_new).filter(|entry| filter.takes(entry));
        let new: Vec<_> = wanted.take(MOST_SHOWN as usize).collect();
        let list = element::<Element>("log");
        for entry in new.iter().rev() {
            list.prepend_with_node_1(&entry.to_element()).expect("an element takes another");
        }
        while list.child_element_count() > MOST_SHOWN {
            list.last_element_child().inspect(Element::remove);
        }
        page::show("log-count", &summary(list.child_element_count().into(), self.total.get()));
    }
}

fn summary(shown: u64, total: u64) -> String {
    match (shown, total) {
        (_, 0) => "Nothing has happened yet.".into(),
        (shown, total) if shown == total => format::count(total, "line"),
        (shown, total) => format!("{} of {}", format::number(shown), format::count(total, "line")),
    }
}

impl Entry {
    fn to_element(&self) -> Element {
        let line = document().create_element("li").expect("the name is valid");
        page::set(&line, "data-kind", self.kind.name());
        let size = self.size.map(format::size).unwrap_or_default();
        for (name, text) in [("time", &*self.time), ("b", self.kind.name()), ("i", &size), ("span", &self.detail)] {
            let part = document().create_element(name).expect("the name is valid");
            part.set_text_content(Some(text));
            line.append_child(&part).expect("an element takes another");
        }
        line
    }
}

/// As much of a text as fits a line.
fn beginning(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

fn time() -> String {
    let now = js_sys::Date::new_0();
    let (hours, minutes, seconds) = (now.get_hours(), now.get_minutes(), now.get_seconds());
    format!("{hours:02}:{minutes:02}:{seconds:02}.{}", now.get_milliseconds() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, detail: &str) -> Entry {
        Entry { time: String::new(), kind, size: None, detail: detail.into() }
    }

    #[test]
    fn a_filter_takes_its_kind_and_its_words() {
        let filter = Filter { kind: "sent".into(), words: "grü".into() };
        assert!(filter.takes(&entry(Kind::Sent, "text: GRÜSSE")));
        assert!(!filter.takes(&entry(Kind::Received, "text: GRÜSSE")));
        assert!(!filter.takes(&entry(Kind::Sent, "text: hello")));
        assert!(Filter::default().takes(&entry(Kind::Problem, "")));
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(beginning("€uro"), "€uro");
        assert_eq!(beginning(&"€".repeat(201)), format!("{} …", "€".repeat(200)));
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        assert_eq!(summary(0, 0), "Nothing has happened yet.");
        assert_eq!(summary(1, 1), "1 line");
        assert_eq!(summary(100, 2_000), "100 of 2,000 lines");
    }
}
