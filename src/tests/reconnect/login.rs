//! The recipe “Log in again” of `docs/recipes.md`.

use std::cell::Cell;

use futures_util::StreamExt;

use super::ms;
use crate::reconnect::ReconnectingSender;
use crate::testing::Peer;
use crate::tests::in_pages;
use crate::{AttemptError, Cause, Error, Message, Options, ReadyState, ReconnectOptions, Reconnecting, State};

// The recipe:
/// Connects after a new login, and sends what the closed connection has left.
fn log_in_again(closed: &ReconnectingSender, options: ReconnectOptions, put_back: impl Fn(Message)) -> Reconnecting {
    let chat = Reconnecting::new(options, async || Ok("wss://example.com/chat"));
    // The server may have received messages in doubt: send them again only if it ignores ids that it knows.
    let in_doubt = closed.take_in_doubt().messages.into_iter().map(|(_, message)| message);
    for message in in_doubt.chain(closed.take_queued()) {
        if let Err(unsent) = chat.try_send(message) {
            put_back(unsent.message); // the queue of the new connection is full
        }
    }
    chat
}
// Its test:
const URL: &str = "wss://example.com/chat";

#[test]
fn what_a_refused_user_has_left_is_sent_after_a_new_login() {
    in_pages(async |page| {
        let server = page.server(URL);
        let chat = Reconnecting::new(ReconnectOptions::new(), async || Ok(URL));
        chat.send("one").await.unwrap();
        let mut states = chat.states();
        server.accept().await.reset();
        assert!(states.by_ref().any(async |state| matches!(state, State::Waiting { .. })).await);
        chat.send("two").await.unwrap();
        chat.send("three").await.unwrap();
        server.handshake().await.refuse(); // as with status 401: retried
        server.accept().await.close_with(3000, "log in");
        let closed = chat.closed().await.unwrap().unwrap();
        assert_eq!(closed.code, 3000);
        chat.reconnect_now(); // does nothing
        assert_eq!(chat.try_send("four").unwrap_err().error, Error::NotOpen(ReadyState::Closed));

        let (put_back, options) = (Cell::new(None), ReconnectOptions::new().queue_limit_messages(2));
        let chat = log_in_again(&chat.sender(), options, |message| put_back.set(Some(message)));
        let mut peer = server.accept().await;
        assert_eq!([peer.receive().await, peer.receive().await], [Some("one".into()), Some("two".into())]);
        assert_eq!(put_back.take(), Some("three".into()));
        drop(chat);
    });
}

/// Sends a message that is handed over, and one that is queued if `is_queued`. Returns why it is closed after `end`.
async fn cause_of(end: fn(Peer, &Reconnecting), is_queued: bool, server: &crate::testing::Server) -> Cause {
    let calls = Cell::new(0);
    let options = ReconnectOptions::new().connection(Options::new().receive_limit_messages(1));
    let chat = Reconnecting::new(options, async move || {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { Ok(URL) } else { Err(AttemptError::last("logged out")) }
    });
    let mut states = chat.states();
    let peer = server.accept().await;
    assert!(states.by_ref().any(async |state| state == State::Open).await);
    chat.send("one").await.unwrap();
    assert_eq!(chat.counts().unconfirmed, 1);
    end(peer, &chat);
    let mut last = State::Open;
    while let Some(state) = states.next().await {
        if is_queued && matches!(state, State::Waiting { .. }) {
            chat.send("two").await.unwrap();
        }
        last = state;
    }
    let State::Closed { cause } = last else { panic!("{last}") };
    assert_eq!(chat.counts().unconfirmed, 0);
    assert_eq!(chat.take_in_doubt().messages, [(1, "one".into())]);
    assert_eq!(chat.take_queued(), vec![Message::from("two"); usize::from(is_queued)]);
    cause
}

#[test]
fn what_is_left_can_be_taken_whatever_has_closed_it() {
    in_pages(async |page| {
        let server = page.server(URL);
        let closed = cause_of(|mut peer, _| peer.close_with(3000, ""), false, &server).await;
        assert!(matches!(closed, Cause::Closed(event) if event.code == 3000));
        let closed = cause_of(|_, chat| drop(chat.close()), false, &server).await;
        assert_eq!(closed, Cause::Requested);
        let send_two = |mut peer: Peer, _: &Reconnecting| (0..2).for_each(|_| peer.send("too many"));
        assert_eq!(cause_of(send_two, false, &server).await, Cause::Failed(Error::Overflow));
        let closed = cause_of(|peer, _| peer.reset(), true, &server).await;
        assert_eq!(closed, Cause::Failed(Error::Attempt("logged out".into())));
        page.sleep(ms(1)).await;
    });
}
