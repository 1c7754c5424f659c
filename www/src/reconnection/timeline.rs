//! The timeline: the states of the connection, and between them each message with its fate.

use std::cell::RefCell;
use std::collections::VecDeque;

use wasm_websocket::reconnect::Counts;
use web_sys::Element;

use super::account::{Account, Fate};
use crate::page::{document, element, set, show_in};

/// How many entries are shown.
const MOST_SHOWN: usize = 120;

#[derive(Default)]
pub struct Timeline {
    account: RefCell<Account>,
    entries: RefCell<VecDeque<Entry>>,
}

struct Entry {
    element: Element,
    /// The message whose fate the entry shows: its number in the crate, and its name.
    message: Option<(u64, u64)>,
    /// The last text, so that no text is shown twice in a row.
    text: String,
}

impl Timeline {
    /// Begins anew: the crate counts messages for each `Reconnecting`.
    pub fn clear(&self) {
        self.account.take();
        self.entries.take();
        list().set_text_content(None);
    }

    /// Adds a state of the connection.
    pub fn happened(&self, state: &str) {
        let element = self.append(state, None);
        if let Some(element) = element {
            set(&element, "class", "event");
            set(&element, "data-state", state);
        }
    }

    /// Adds a message that was accepted.
    pub fn accepted(&self, number: u64, name: u64) {
        self.account.borrow_mut().add(number);
        if let Some(element) = self.append("", Some((number, name))) {
            show_fate(&element, name, mark(Fate::Queued));
        }
    }

    /// Adds a message that was rejected.
    pub fn rejected(&self, name: u64) {
        if let Some(element) = self.append(&format!("{name} rejected"), None) {
            show_fate(&element, name, ("rejected", "×"));
        }
    }

    /// Records that messages are in doubt.
    pub fn doubt(&self, numbers: impl Iterator<Item = u64>) {
        numbers.for_each(|number| self.account.borrow_mut().doubt(number));
    }

    /// Records that the user has sent a message in doubt again, or forgotten it. Without a number, it was sent before the timeline began.
    pub fn decide(&self, number: Option<u64>) {
        number.into_iter().for_each(|number| self.account.borrow_mut().decide(number));
    }

    /// Shows the fate of each message.
    pub fn settle(&self, counts: &Counts) {
        self.account.borrow_mut().settle(counts);
        let (account, entries) = (self.account.borrow(), self.entries.borrow());
        let mut fates = account.iter().peekable();
        for (entry, (number, name)) in entries.iter().filter_map(|entry| Some((entry, entry.message?))) {
            while fates.next_if(|(other, _)| *other < number).is_some() {}
            if let Some((_, fate)) = fates.next_if(|(other, _)| *other == number) {
                show_fate(&entry.element, name, mark(fate));
            }
        }
    }

    /// Appends an entry, unless its text is that of the last entry.
    fn append(&self, text: &str, message: Option<(u64, u64)>) -> Option<Element> {
        let mut entries = self.entries.borrow_mut();
        if message.is_none() && entries.back().is_some_and(|last| last.text == text) {
            return None;
        }
        if entries.len() == MOST_SHOWN {
            entries.pop_front().inspect(|first| first.element.remove());
        }
        let element = document().create_element("li").expect("the name is valid");
        show_in(&element, text);
        list().append_child(&element).expect("a list takes an element");
        list().set_scroll_top(list().scroll_height());
        entries.push_back(Entry { element: element.clone(), message, text: text.into() });
        Some(element)
    }
}

fn list() -> Element {
    element("timeline")
}

/// Returns the name of a fate, and its mark.
fn mark(fate: Fate) -> (&'static str, &'static str) {
    match fate {
        Fate::Queued => ("queued", "…"),
        Fate::Unconfirmed => ("unconfirmed", "→"),
        Fate::Confirmed => ("confirmed", "✓"),
        Fate::InDoubt => ("in-doubt", "?"),
        Fate::Decided => ("decided", "·"),
        Fate::Dropped => ("dropped", "–"),
    }
}

fn show_fate(element: &Element, name: u64, (fate, mark): (&str, &str)) {
    set(element, "class", "fate");
    set(element, "data-fate", fate);
    set(element, "title", &format!("message {name}: {}", fate.replace('-', " ")));
    show_in(element, &format!("{mark} {name}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fate_has_a_separate_mark() {
        use Fate::{Confirmed, Decided, Dropped, InDoubt, Queued, Unconfirmed};
        let mut marks = [Queued, Unconfirmed, Confirmed, InDoubt, Decided, Dropped].map(|fate| mark(fate).1).to_vec();
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), 6, "{marks:?}");
    }
}
