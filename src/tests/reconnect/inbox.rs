use super::test;
use crate::receive::queue::{Len, Limit};
use crate::reconnect::inbox::{Inbox, Next};
use crate::{Error, Overflow};

#[derive(Debug, PartialEq)]
struct Message(u64);

impl Len for Message {
    fn len(&self) -> u64 {
        self.0
    }
}

fn inbox(overflow: Overflow) -> Inbox<Message> {
    Inbox::new(Limit { bytes: 100, messages: 4, overflow })
}

fn push(inbox: &mut Inbox<Message>, lens: &[u64]) {
    lens.iter().for_each(|len| drop(inbox.push(Message(*len))));
}

#[test]
fn an_error_is_the_last_item() {
    let inbox = &mut inbox(Overflow::Close);
    push(inbox, &[1]);
    let _ = inbox.end(Some(Error::Unsupported));
    let _ = inbox.end(Some(Error::Full));
    assert_eq!(inbox.take(), Next::Message(Message(1)));
    assert_eq!(inbox.take(), Next::Error(Error::Unsupported));
    assert!(!inbox.is_over());
    assert_eq!(inbox.take(), Next::End);
    assert!(inbox.is_over());
}

#[test]
fn an_overflow_is_reported_once() {
    let inbox = &mut inbox(Overflow::Close);
    push(inbox, &[1, 2, 3, 4, 5]);
    let _ = inbox.end(Some(Error::Overflow));
    let _ = inbox.end(Some(Error::Overflow));
    (1..5).for_each(|len| assert_eq!(inbox.take(), Next::Message(Message(len))));
    assert_eq!([inbox.take(), inbox.take()], [Next::Error(Error::Overflow), Next::End]);
}

#[test]
fn nothing_follows_an_error_that_was_yielded() {
    let inbox = &mut inbox(Overflow::Close);
    push(inbox, &[1, 2]);
    let _ = inbox.end(Some(Error::Unsupported));
    let _ = inbox.cut();
    push(inbox, &[3]);
    assert_eq!(inbox.take(), Next::End);
}

#[test]
fn messages_dropped_during_a_preamble_count() {
    let inbox = &mut inbox(Overflow::DropNewest);
    inbox.add_dropped(3);
    push(inbox, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(inbox.dropped(), 5);
}
