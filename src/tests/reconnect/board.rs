//! The recipe “Your own types over lost connections” of `docs/recipes.md`: no stroke is lost, however many connections are.

use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::select;

use super::{ms, seconds};
use crate::testing::{Page, Peer, Server};
use crate::tests::in_pages;
use crate::{Counts, Heartbeat, InDoubt, ReconnectOptions, Reconnecting, State, States, WhenLost};

const URL: &str = "wss://example.com/board";

// The recipe:
fn options() -> ReconnectOptions {
    ReconnectOptions::new()
        .heartbeat(Heartbeat::new("ping", |message| message.as_text() == Some("pong")))
        .queue_limit_messages(8192) // two minutes of drawing, with 60 strokes a second
        .unconfirmed_limit(u64::MAX) // keeps all strokes until they are confirmed
        .unconfirmed_limit_messages(usize::MAX)
        .when_lost(WhenLost::Resend)
}
// Its test:
/// A stroke of 84 bytes, as long as one can be.
fn stroke(id: u64) -> String {
    format!(r#"{{"id":{id:020},"to":[-1.7976931348623157e308,-1.7976931348623157e308]}}"#)
}

async fn until_waiting(states: &mut States) {
    assert!(states.by_ref().any(async |state| matches!(state, State::Waiting { .. })).await);
}

/// Accepts a connection, and loses it when everything was sent, without a pong.
async fn lose(server: &Server, board: &Reconnecting, states: &mut States) {
    let mut peer = server.accept().await;
    assert!(states.by_ref().any(async |state| state == State::Open).await);
    select(pin!(peer.drain()), pin!(board.flush())).await;
    peer.reset();
    until_waiting(states).await;
}

/// Receives what is sent before the next ping, and answers it.
async fn receive(peer: &mut Peer) -> Vec<String> {
    let mut received = Vec::new();
    loop {
        match peer.receive().await.unwrap().as_text().unwrap() {
            "ping" => {
                peer.send("pong");
                return received;
            }
            text => received.push(text.to_owned()),
        }
    }
}

fn outstanding(Counts { queued, unconfirmed, in_doubt, .. }: Counts) -> u64 {
    queued + unconfirmed + in_doubt
}

#[test]
fn strokes_of_several_lost_connections_are_sent_again() {
    let page = Page::new();
    let server = page.server(URL);
    page.run(async {
        let board = Reconnecting::new(options(), async || Ok(URL));
        let mut states = board.states();
        for round in 0..3 {
            (round * 8192..(round + 1) * 8192).for_each(|id| _ = board.try_send(stroke(id)).unwrap());
            lose(&server, &board, &mut states).await;
        }
        let mut peer = server.accept().await;
        assert!(receive(&mut peer).await.into_iter().eq((0..3 * 8192).map(stroke)));
        page.sleep(seconds(1)).await;
        assert_eq!(outstanding(board.counts()), 0);
    });
}

/// Connects with limits of four messages, for the queue and for unconfirmed messages.
fn small_board(page: &Page) -> (Server, Reconnecting, States) {
    let options = options().queue_limit_messages(4).unconfirmed_limit_messages(4);
    let board = Reconnecting::new(options, async || Ok(URL));
    let states = board.states();
    (page.server(URL), board, states)
}

#[test]
fn messages_that_are_not_kept_stay_in_doubt() {
    in_pages(async |page| {
        let (server, board, mut states) = small_board(page);
        for round in 0..2 {
            (round * 4 + 1..=round * 4 + 4).for_each(|id| _ = board.try_send(stroke(id)).unwrap());
            lose(&server, &board, &mut states).await;
        }
        let mut peer = server.accept().await;
        assert!(receive(&mut peer).await.into_iter().eq((5..=8).map(stroke)));
        board.flush().await.unwrap();
        page.sleep(seconds(1)).await;
        assert_eq!((board.state(), board.counts().in_doubt, board.counts().confirmed), (State::Open, 4, 4));
        assert_eq!(board.take_in_doubt(), InDoubt { count: 4, messages: vec![] });
    });
}

#[test]
fn a_page_that_counts_what_is_not_confirmed_needs_no_more_than_the_limit() {
    in_pages(async |page| {
        let (server, board, mut states) = small_board(page);
        let mut ids = 1..;
        let mut draw = || {
            while outstanding(board.counts()) < 4 {
                board.try_send(stroke(ids.next().unwrap())).unwrap();
            }
        };
        draw();
        lose(&server, &board, &mut states).await;
        draw();
        lose(&server, &board, &mut states).await;
        let mut peer = server.accept().await;
        assert!(receive(&mut peer).await.into_iter().eq((1..=4).map(stroke)));
        page.sleep(ms(100)).await;
        draw();
        peer.reset();
        until_waiting(&mut states).await;
        let mut peer = server.accept().await;
        assert!(receive(&mut peer).await.into_iter().eq((5..=8).map(stroke)));
    });
}
