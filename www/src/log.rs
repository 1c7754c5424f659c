//! The log of all events, the newest line first.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use wasm_websocket::Message;
use web_sys::Element;

use crate::format;
use crate::frame::next_frame;
use crate::page::{self, document, element};

/// The kind of a line.
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
    /// Its number among all lines.
    number: u64,
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
    /// The words that a line must contain, in lower case.
    pub words: String,
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        (self.kind.is_empty() || self.kind == entry.kind.name())
            && (self.words.is_empty() || entry.detail.to_lowercase().contains(&self.words))
    }
}

/// How many lines about messages are kept, and how many other lines.
const MOST_KEPT: usize = 1_000;

/// How many lines are shown. More would make the page slow.
const MOST_SHOWN: u32 = 100;

/// The log. Clones are handles of the same log.
#[derive(Clone, Default)]
pub struct Log(Rc<Lines>);

#[derive(Default)]
struct Lines {
    kept: RefCell<Kept>,
    filter: RefCell<Filter>,
    /// The number of the last line that is shown.
    shown: Cell<u64>,
    is_to_be_shown: Cell<bool>,
}

/// The newest lines, the newest first.
#[derive(Default)]
struct Kept {
    messages: VecDeque<Entry>,
    /// All other lines, kept apart so that a flood of messages does not displace them.
    events: VecDeque<Entry>,
    added: u64,
}

impl Kept {
    fn add(&mut self, mut entry: Entry) {
        self.added += 1;
        entry.number = self.added;
        let is_message = matches!(entry.kind, Kind::Sent | Kind::Received);
        let entries = if is_message { &mut self.messages } else { &mut self.events };
        entries.truncate(MOST_KEPT - 1);
        entries.push_front(entry);
    }

    fn len(&self) -> u64 {
        (self.messages.len() + self.events.len()) as u64
    }

    /// Returns all lines, the newest first.
    fn iter(&self) -> impl Iterator<Item = &Entry> {
        let (mut messages, mut events) = (self.messages.iter().peekable(), self.events.iter().peekable());
        std::iter::from_fn(move || {
            let number = |entry: Option<&&Entry>| entry.map(|entry| entry.number);
            if number(messages.peek()) > number(events.peek()) { messages.next() } else { events.next() }
        })
    }
}

impl Log {
    /// Adds a line about a message.
    pub fn message(&self, kind: Kind, message: &Message) {
        match message {
            Message::Text(text) => self.add(kind, Some(message.len()), &format!("text: {}", beginning(text))),
            Message::Binary(_) => self.add(kind, Some(message.len()), "binary as ArrayBuffer"),
            Message::Blob(_) => self.add(kind, Some(message.len()), "binary as Blob"),
        }
    }

    /// Adds a line, with an optional number of bytes.
    pub fn add(&self, kind: Kind, size: Option<u64>, detail: &str) {
        let entry = Entry { number: 0, time: time(), kind, size, detail: beginning(detail) };
        self.0.kept.borrow_mut().add(entry);
        self.show_soon();
    }

    /// Shows the lines that match a filter.
    pub fn set_filter(&self, filter: Filter) {
        self.0.filter.replace(filter);
        self.show_anew();
    }

    /// Removes all lines.
    pub fn clear(&self) {
        self.0.kept.take();
        self.show_anew();
    }

    fn show_anew(&self) {
        element::<Element>("log").set_text_content(None);
        self.0.shown.set(0);
        self.show_soon();
    }

    /// Shows new lines at the next animation frame, since thousands of lines may come between two frames.
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
        let (kept, filter) = (self.kept.borrow(), self.filter.borrow());
        let shown = self.shown.replace(kept.added);
        let new = kept.iter().take_while(|entry| entry.number > shown).filter(|entry| filter.takes(entry));
        let new: Vec<_> = new.take(MOST_SHOWN as usize).collect();
        let list = element::<Element>("log");
        for entry in new.iter().rev() {
            list.prepend_with_node_1(&entry.to_element()).expect("an element takes another");
        }
        while list.child_element_count() > MOST_SHOWN {
            list.last_element_child().inspect(Element::remove);
        }
        page::show("log-count", &summary(list.child_element_count().into(), kept.len(), kept.added));
    }
}

fn summary(shown: u64, kept: u64, added: u64) -> String {
    let lines = match (shown, kept) {
        (_, 0) => return "Nothing has happened yet.".into(),
        (shown, kept) if shown == kept => format::count(kept, "line"),
        (shown, kept) => format!("{} of {}", format::number(shown), format::count(kept, "line")),
    };
    match added - kept {
        0 => lines,
        forgotten => format!("{lines}. {} of messages are no longer kept.", format::count(forgotten, "older line")),
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

/// Cuts a text that is too long for a line.
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
        Entry { number: 0, time: String::new(), kind, size: None, detail: detail.into() }
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
    fn other_lines_survive_a_flood_of_messages() {
        let mut kept = Kept::default();
        kept.add(entry(Kind::Open, "before"));
        (0..5_000).for_each(|number| kept.add(entry(Kind::Received, &number.to_string())));
        kept.add(entry(Kind::Close, "after"));
        let details: Vec<_> = kept.iter().map(|entry| entry.detail.as_str()).collect();
        assert_eq!((details.len(), kept.len(), kept.added), (1_002, 1_002, 5_002));
        assert_eq!((details[0], details[1], details[1_000], details[1_001]), ("after", "4999", "4000", "before"));
    }

    #[test]
    fn lines_that_are_not_shown_or_not_kept_are_counted() {
        assert_eq!(summary(0, 0, 0), "Nothing has happened yet.");
        assert_eq!(summary(1, 1, 1), "1 line");
        assert_eq!(
            summary(100, 1_002, 10_002),
            "100 of 1,002 lines. 9,000 older lines of messages are no longer kept."
        );
    }
}
