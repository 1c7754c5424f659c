//! Sessions with servers that refuse, vanish or do not speak the protocol. The properties test correct servers.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::{FutureExt, SinkExt, StreamExt};
use websocket_session::{Control, End, Hello, SUBPROTOCOL, TextFrame, Welcome};

use super::{in_pages, test};
use crate::codec::Text;
use crate::reconnect::{AttemptError, Cause};
use crate::session::{LostCause, Session, SessionOptions};
use crate::testing::{Network, Page, Peer, Server, unreadable_blob};
use crate::{Blob, Error, Message, ReadyState, State};

const URL: &str = "ws://example.com/session";
const SECOND: Duration = Duration::from_secs(1);

fn session(options: SessionOptions) -> Session {
    Session::new(options, async || Ok(URL))
}

async fn hello(peer: &mut Peer) -> Hello {
    let first = peer.receive().await.expect("the first frame");
    match TextFrame::decode(first.as_text().expect("a text")) {
        Ok(TextFrame::Control(Control::Hello(hello))) => hello,
        other => panic!("{other:?} is no HELLO"),
    }
}

fn welcome(max: u64) -> String {
    answer(false, 0, max)
}

/// Returns a WELCOME: the server has received `received` messages of the session, and has processed none.
fn answer(resumed: bool, received: u64, max: u64) -> String {
    let token = "a-token-of-22-characters".into();
    let (processed, credit, ttl) = (0, 1000, 60);
    Control::Welcome(Welcome { token, resumed, received, processed, credit, max, ttl }).encode()
}

/// Accepts connections, and closes each with a code instead of a WELCOME.
fn refuse(page: &Page, code: u16) {
    page.serve(URL, async move |handshake| {
        let Some(mut peer) = handshake.accept_with(SUBPROTOCOL) else { return };
        hello(&mut peer).await;
        peer.close_with(code, "");
        peer.drain().await;
    });
}

/// Welcomes a client, and sends it more frames.
async fn one_client(page: &Page, max: u64, frames: &[&str]) -> Peer {
    let server = page.server(URL);
    let mut peer = server.handshake().await.accept_with(SUBPROTOCOL).expect("the page is there");
    hello(&mut peer).await;
    peer.send(welcome(max));
    frames.iter().for_each(|frame| peer.send(*frame));
    peer
}

/// Takes items until the loss. Returns its cause, and its messages with whether they were transmitted.
async fn lost(session: &mut Session) -> (LostCause, Vec<(Message, bool)>) {
    let lost = session.next().await.expect("a loss").expect_err("a loss");
    assert_eq!(session.next().await, None);
    let unacknowledged = lost.unacknowledged.into_iter().map(|message| (message.message, message.transmitted));
    (lost.cause, unacknowledged.collect())
}

async fn loses(page: &Page, options: SessionOptions, cause: LostCause) {
    let mut session = session(options);
    let receipt = session.send("hello").await.unwrap();
    assert_eq!(lost(&mut session).await, (cause, vec![("hello".into(), false)]), "{page:?}");
    assert_eq!(receipt.await, Err(Error::SessionLost));
    assert_eq!(session.close().await, Err(Error::SessionLost));
    let unsent = session.send("more").await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), ("more".into(), Error::SessionLost));
}

#[test]
fn a_refusal_loses_the_session_with_its_messages() {
    in_pages(async |page| {
        refuse(page, 4401);
        loses(page, SessionOptions::new(), LostCause::Refused(4401)).await;
    });
    in_pages(async |page| {
        refuse(page, 4409);
        loses(page, SessionOptions::new(), LostCause::Superseded).await;
    });
}

#[test]
fn credentials_that_fail_for_good_lose_the_session() {
    in_pages(async |page| {
        let options = SessionOptions::new().credentials(async || Err::<String, _>(AttemptError::last("logged out")));
        let cause = Cause::Failed(Error::Attempt("logged out".into()));
        loses(page, options, LostCause::Stopped(cause)).await;
    });
}

#[test]
fn credentials_that_are_too_long_lose_the_session_with_an_error_that_says_so() {
    in_pages(async |page| {
        page.serve(URL, async move |handshake| {
            let mut peer = handshake.accept_with(SUBPROTOCOL).unwrap();
            assert!(peer.receive().await.is_none(), "a server refuses such a HELLO");
        });
        let options = SessionOptions::new().credentials(async || Ok("\n".repeat(9_000))); // two bytes each in JSON
        let cause =
            Cause::Failed(Error::Attempt("the credentials and the protocol of the session are too long".into()));
        loses(page, options, LostCause::Stopped(cause)).await;
    });
}

#[test]
fn a_server_without_sessions_is_not_tried_again() {
    in_pages(async |page| {
        page.serve(URL, async move |handshake| {
            let Some(mut peer) = handshake.accept_with("chat") else { return };
            assert_eq!(peer.receive().await, None, "something was sent to a server that does not know it");
        });
        let mut session = Session::new(SessionOptions::new(), async || {
            Ok(crate::Target::new(URL).protocols(["chat"])) // offered after the subprotocol of sessions
        });
        let (cause, _) = lost(&mut session).await;
        assert!(matches!(cause, LostCause::Stopped(Cause::Failed(Error::Attempt(_)))), "{cause:?}");
    });
}

#[test]
fn hello_has_the_credentials_and_the_protocol() {
    in_pages(async |page| {
        let server = page.server(URL);
        let options = SessionOptions::new().credentials(async || Ok("secret")).protocol("chat.v2");
        let _session = session(options);
        let mut peer = server.handshake().await.accept_with(SUBPROTOCOL).expect("the page is there");
        let hello = hello(&mut peer).await;
        assert_eq!((hello.credentials.as_deref(), hello.protocol.as_deref()), (Some("secret"), Some("chat.v2")));
        assert_eq!((hello.attempt, hello.token, hello.session.len()), (1, None, 32));
    });
}

#[test]
fn a_message_is_acknowledged_when_the_next_is_polled_for() {
    in_pages(async |page| {
        let mut session = session(SessionOptions::new());
        let mut peer = one_client(page, 1000, &[":one", ":two"]).await;
        assert_eq!(peer.receive().await, Some(ack(0, 0)));
        assert_eq!(session.next().await.unwrap().unwrap(), "one".into());
        page.sleep(SECOND).await;
        assert_eq!(session.next().await.unwrap().unwrap(), "two".into());
        assert_eq!(peer.receive().await, Some(ack(1, 19)), "the message that is being worked on is not processed");
    });
}

#[test]
fn explicit_acknowledgements_are_sent_when_the_page_calls_processed() {
    in_pages(async |page| {
        let mut session = session(SessionOptions::new().explicit());
        let mut peer = one_client(page, 1000, &[":one", ":two"]).await;
        assert_eq!(peer.receive().await, Some(ack(0, 0)));
        for _ in 0..2 {
            session.next().await.unwrap().unwrap();
        }
        page.sleep(SECOND).await;
        session.processed();
        assert_eq!(peer.receive().await, Some(ack(2, 38)));
    });
}

#[test]
fn the_end_is_processed_with_the_last_message() {
    for takes_the_end_first in [false, true] {
        in_pages(async |page| {
            let mut session = session(SessionOptions::new().explicit());
            let end = Control::End(End { code: 1000, reason: String::new() }).encode();
            let mut peer = one_client(page, 1000, &[":one", &end]).await;
            assert_eq!(peer.receive().await, Some(ack(0, 0)));
            assert_eq!(session.next().await.unwrap().unwrap(), "one".into());
            if takes_the_end_first {
                assert_eq!(session.next().await, None);
                page.sleep(SECOND).await;
                session.processed();
            } else {
                session.processed();
                assert_eq!(peer.receive().await, Some(ack(1, 19)));
                assert_eq!(session.next().await, None);
            }
            assert_eq!(peer.receive().await, Some(ack(2, 19)));
        });
    }
}

#[test]
fn the_end_does_not_wait_for_messages_of_a_lost_session() {
    in_pages(async |page| {
        let server = page.server(URL);
        let mut session = session(SessionOptions::new().explicit());
        let mut peer = welcome_at(&server).await;
        peer.send(":one");
        assert_eq!(session.next().await.unwrap().unwrap(), "one".into());
        let mut peer = forget(&server, peer).await;
        peer.send(Control::End(End { code: 1000, reason: String::new() }).encode());
        assert_eq!(peer.receive().await, Some(ack(0, 0)));
        assert_eq!(session.next().await.unwrap().unwrap_err().cause, LostCause::Forgotten);
        assert_eq!(session.next().await, None);
        assert_eq!(peer.receive().await, Some(ack(1, 0)));
    });
}

/// Closes the connection of a client, and welcomes it again without its session.
async fn forget(server: &Server, mut peer: Peer) -> Peer {
    peer.close_with(1012, "");
    peer.drain().await;
    welcome_at(server).await
}

/// Welcomes a client to a new session.
async fn welcome_at(server: &Server) -> Peer {
    let mut peer = server.handshake().await.accept_with(SUBPROTOCOL).expect("the page is there");
    hello(&mut peer).await;
    peer.send(welcome(1000));
    peer
}

#[test]
fn a_loss_after_the_end_of_the_peer_is_told_by_close() {
    in_pages(async |page| {
        let server = page.server(URL);
        let mut session = session(SessionOptions::new());
        let mut peer = welcome_at(&server).await;
        peer.send(Control::End(End { code: 1000, reason: String::new() }).encode());
        assert_eq!(session.next().await, None);
        drop(session.send("in question").await.unwrap());
        while peer.receive().await != Some(":in question".into()) {}
        let mut peer = forget(&server, peer).await;
        while peer.receive().await.is_some() {}
        assert_eq!(peer.closed_with().map(|(code, _)| code), Some(4410), "a session that nobody reads has begun");
        assert_eq!(session.acknowledged().await, Err(Error::SessionLost));
        assert_eq!(session.send("more").await.unwrap_err().error, Error::SessionLost);
        assert_eq!(session.close().await, Err(Error::SessionLost));
        assert_eq!((session.next().await, session.counts().lost), (None, 1));
    });
}

#[test]
fn a_false_acknowledgement_loses_the_session_at_once() {
    in_pages(async |page| {
        let mut session = session(SessionOptions::new());
        let violating = async {
            let mut peer = one_client(page, 1000, &[]).await;
            page.sleep(SECOND).await; // the session waits for messages by now
            peer.send(r#"A{"processed":9,"credit":1000000}"#);
            peer.set_stalled(true); // it does not answer the close, either
            peer
        };
        let (lost, _peer) = join(session.next(), violating).await;
        let cause = lost.unwrap().unwrap_err().cause;
        assert!(matches!(cause, LostCause::Violation(_)), "{cause:?}");
        assert!(page.elapsed() < 2 * SECOND, "{:?}", page.elapsed());
    });
}

#[test]
fn nothing_counts_as_acknowledged_while_a_loss_is_untold() {
    for reads in [false, true] {
        in_pages(async |page| {
            let server = page.server(URL);
            let mut session = session(SessionOptions::new());
            let peer = welcome_at(&server).await;
            drop(session.send("lost").await.unwrap());
            let mut peer = forget(&server, peer).await;
            let mut states = session.states();
            while states.next().await != Some(State::Open) {}
            drop(session.send("b").await.unwrap());
            while peer.receive().await != Some(":b".into()) {}
            let told = if reads {
                assert_eq!(session.next().await.unwrap().unwrap_err().unacknowledged.len(), 1);
                Ok(())
            } else {
                Err(Error::SessionLost)
            };
            let acknowledged = session.acknowledged();
            peer.send("A{\"processed\":1,\"credit\":1000}");
            assert_eq!(acknowledged.await, told);
            let closed = session.close();
            while !peer.receive().await.expect("an END").as_text().is_some_and(|text| text.starts_with('E')) {}
            peer.send("A{\"processed\":2,\"credit\":1000}");
            assert_eq!(closed.await, told);
        });
    }
}

#[test]
fn everything_is_acknowledged_again_once_a_loss_is_told() {
    in_pages(async |page| {
        let server = page.server(URL);
        let mut session = session(SessionOptions::new());
        let peer = welcome_at(&server).await;
        drop(session.send("lost").await.unwrap());
        let _peer = forget(&server, peer).await;
        let mut states = session.states();
        while states.next().await != Some(State::Open) {}
        assert_eq!(session.acknowledged().await, Err(Error::SessionLost), "the loss is untold");
        assert_eq!(session.next().await.unwrap().unwrap_err().unacknowledged.len(), 1);
        assert_eq!(session.acknowledged().await, Ok(()));
    });
}

#[test]
fn each_loss_has_its_own_cause() {
    in_pages(async |page| {
        let server = page.server(URL);
        let mut session = session(SessionOptions::new());
        let peer = welcome_at(&server).await;
        let mut peer = forget(&server, peer).await;
        peer.close_with(1012, "");
        peer.drain().await;
        let mut peer = server.handshake().await.accept_with(SUBPROTOCOL).expect("the page is there");
        hello(&mut peer).await;
        peer.close_with(4401, "");
        peer.drain().await;
        let mut states = session.states();
        while !matches!(states.next().await, Some(State::Closed { .. })) {}
        page.sleep(SECOND).await;
        assert_eq!(session.next().await.unwrap().unwrap_err().cause, LostCause::Forgotten);
        assert_eq!(lost(&mut session).await.0, LostCause::Refused(4401));
    });
}

fn ack(processed: u64, offset: u64) -> Message {
    Message::Text(format!("A{{\"processed\":{processed},\"credit\":{}}}", (1 << 20) + offset))
}

#[test]
fn a_message_that_the_server_does_not_accept_is_returned() {
    in_pages(async |page| {
        let session = session(SessionOptions::new());
        let _peer = one_client(page, 5, &[]).await;
        let mut states = session.states();
        while states.next().await != Some(State::Open) {}
        let unsent = session.send("hello!").await.unwrap_err();
        assert_eq!((unsent.message, unsent.error), ("hello!".into(), Error::TooLarge(6)));
        drop(session.send("hello").await.unwrap());
    });
}

#[cfg(feature = "streams")]
#[test]
fn the_transport_is_that_of_the_connection() {
    use crate::{Options, Transport};
    in_pages(async |page| {
        let options = Options::new().transport(Transport::Best);
        let expected = options.clone().socket("ws://example.com/other").unwrap().transport();
        let session = session(SessionOptions::new().connection(options));
        let mut states = session.states();
        assert_eq!((session.transport(), session.sender().transport()), (None, None));
        let _peer = one_client(page, 5, &[]).await;
        while states.next().await != Some(State::Open) {}
        assert_eq!((session.transport(), session.sender().transport()), (Some(expected), Some(expected)));
        session.pause();
        while states.next().await != Some(State::Paused) {}
        assert_eq!((session.transport(), session.sender().transport()), (None, None));
    });
}

#[test]
fn senders_wait_while_the_replay_buffer_is_full() {
    in_pages(async |page| {
        let session = session(SessionOptions::new().replay(40));
        drop(session.send("one").await.unwrap());
        drop(session.send("two").await.unwrap());
        let unsent = session.try_send("three").unwrap_err();
        assert_eq!((unsent.message, unsent.error), ("three".into(), Error::Full));
        let mut waits = pin!(session.send("three"));
        assert!(waits.as_mut().now_or_never().is_none());
        let mut peer = one_client(page, 1000, &[]).await;
        for frame in [&*ack_text(0), ":one", ":two"] {
            assert_eq!(peer.receive().await, Some(frame.into()));
        }
        peer.send("A{\"processed\":1,\"credit\":1000}");
        drop(waits.await.unwrap());
        assert_eq!(peer.receive().await, Some(":three".into()));
    });
}

#[test]
fn a_smaller_message_follows_when_a_sender_gives_up() {
    in_pages(async |page| {
        let session = Rc::new(session(SessionOptions::new().replay(120)));
        drop(session.send("x".repeat(70)).await.unwrap());
        let mut large = Box::pin(session.send("x".repeat(50)));
        assert!(large.as_mut().now_or_never().is_none());
        let (sent, sender) = (Rc::new(Cell::new(false)), Rc::clone(&session));
        let done = Rc::clone(&sent);
        page.spawn(async move {
            drop(sender.send("small").await.unwrap());
            done.set(true);
        });
        page.sleep(SECOND).await;
        assert!(!sent.get(), "it overtakes");
        assert_eq!(session.try_send("small").unwrap_err().error, Error::Full);
        drop(large);
        page.sleep(SECOND).await;
        assert!(sent.get(), "it waits, though there is room and nobody before it");
    });
}

fn ack_text(processed: u64) -> String {
    ack(processed, 0).as_text().unwrap_or_default().into()
}

#[test]
fn a_session_that_is_dropped_is_given_up() {
    in_pages(async |page| {
        let session = session(SessionOptions::new());
        let mut peer = one_client(page, 1000, &[]).await;
        assert_eq!(peer.receive().await, Some(ack(0, 0)));
        drop(session);
        assert_eq!(peer.receive().await, None);
        assert_eq!(peer.closed_with().map(|(code, _)| code), Some(4410));
    });
}

#[test]
fn a_server_that_breaks_the_protocol_loses_the_session() {
    in_pages(async |page| {
        let mut session = session(SessionOptions::new());
        let mut peer = one_client(page, 1000, &["?"]).await;
        let (cause, _) = lost(&mut session).await;
        assert_eq!(cause, LostCause::Violation("no frame begins with '?'".into()));
        while peer.receive().await.is_some() {}
        assert_eq!(peer.closed_with().map(|(code, _)| code), Some(4400));
    });
}

#[test]
fn a_session_that_was_lost_connects_no_more_though_its_close_has_not_left() {
    in_pages(async |page| {
        let mut session = session(SessionOptions::new());
        let mut states = session.states();
        let mut peer = one_client(page, 4 << 20, &[]).await;
        peer.set_stalled(true);
        drop(session.send(vec![0; 3 << 20]).await.unwrap());
        page.sleep(SECOND).await;
        peer.send("?");
        assert!(matches!(lost(&mut session).await, (LostCause::Violation(_), _)));
        peer.reset();
        while let Some(state) = states.next().await {
            assert!(!matches!(state, State::Waiting { .. }), "{page:?}");
        }
    });
}

#[test]
fn a_message_that_the_browser_refuses_is_not_transmitted() {
    in_pages(async |page| {
        page.throw_on_send(|message| message.as_text() == Some(":bad"));
        let mut session = session(SessionOptions::new());
        let _peer = one_client(page, 1000, &[]).await;
        drop(session.send("good").await.unwrap());
        drop(session.send("bad").await.unwrap());
        assert!(matches!(lost(&mut session).await, (LostCause::Stopped(_), _)), "{page:?}");
        assert_eq!(session.counts().transmitted, 1);
    });
}

#[test]
fn the_end_of_a_session_is_told_though_the_page_pauses_meanwhile() {
    let commands: [fn(&Session); 2] = [|session| session.pause(), |session| session.reconnect_now()];
    for command in commands {
        in_pages(async |page| {
            let mut session = session(SessionOptions::new());
            let mut states = session.states();
            let mut peer = one_client(page, 1000, &[]).await;
            while states.next().await != Some(State::Open) {}
            let receipt = session.send("hello").await.unwrap();
            peer.close_with(4410, "");
            command(&session);
            page.sleep(SECOND).await;
            let (cause, _) = lost(&mut session).now_or_never().expect("the loss is told at once");
            assert_eq!(cause, LostCause::GivenUp, "{page:?}");
            assert_eq!(receipt.await, Err(Error::SessionLost));
            session.resume();
            while let Some(state) = states.next().await {
                assert_ne!(state, State::Open, "{page:?}");
            }
        });
    }
}

#[test]
fn values_have_receipts_and_a_lost_session_is_an_error() {
    in_pages(async |page| {
        let mut typed = session(SessionOptions::new()).typed::<String, String, Text>();
        let receipt = typed.send_for_receipt("hello".to_owned()).await.unwrap();
        let again = typed.try_send_for_receipt("again".to_owned()).unwrap();
        let mut peer = one_client(page, 1000, &[":there"]).await;
        peer.send("A{\"processed\":0,\"credit\":1000}");
        assert_eq!(typed.next().await.unwrap().unwrap(), "there");
        while peer.receive().await != Some(":again".into()) {}
        peer.send("A{\"processed\":1,\"credit\":1000}");
        assert_eq!(receipt.await, Ok(()));
        peer.close_with(4410, "");
        assert_eq!(again.await, Err(Error::SessionLost));
        assert_eq!(typed.next().await.unwrap().unwrap_err().error, Error::SessionLost);
        assert!(typed.next().await.is_none());
        assert_eq!(typed.close().await, Err(Error::SessionLost));
    });
}

#[test]
fn a_sink_waits_for_some_room() {
    in_pages(async |page| {
        let mut session = session(SessionOptions::new().replay(40));
        session.feed("one".into()).await.unwrap();
        session.feed("a message above the limit".into()).await.unwrap();
        session.flush().now_or_never().expect("a flush is immediate").unwrap();
        assert!(session.feed("dropped".into()).now_or_never().is_none(), "there is no room");
        let mut peer = one_client(page, 1000, &[]).await;
        while peer.receive().await != Some(":one".into()) {}
        assert_eq!(peer.receive().await, Some(":a message above the limit".into()));
        peer.send("A{\"processed\":2,\"credit\":1000}");
        session.feed("three".into()).await.unwrap();
        assert_eq!(peer.receive().await, Some(":three".into()));
    });
}

#[test]
fn values_wait_for_room_on_every_handle() {
    in_pages(async |page| {
        let session = session(SessionOptions::new().replay(10));
        let send = |value: &'static str| {
            let mut typed = session.sender().typed::<String, Text>();
            async move { typed.send(value.to_owned()).await }
        };
        send("one").await.unwrap();
        assert!(send("dropped").now_or_never().is_none(), "there is room for one message only");
        assert_eq!(session.counts().unacknowledged, 1);
        let (two, three) = (Box::pin(send("two")), Box::pin(send("three")));
        let server = async {
            let mut peer = one_client(page, 1000, &[]).await;
            for (number, text) in [":one", ":two", ":three"].into_iter().enumerate() {
                while peer.receive().await != Some(text.into()) {}
                peer.send(format!("A{{\"processed\":{},\"credit\":1000}}", number + 1));
            }
        };
        let (two, three, ()) = futures_util::join!(two, three, server);
        assert_eq!((two, three), (Ok(()), Ok(())));
    });
}

/// Returns a session that is complete for the client but not for the server: the connection vanishes before the last ACK.
async fn complete_without_last_ack(page: &Page) -> Session {
    let mut session = session(SessionOptions::new());
    let mut peer = one_client(page, 1000, &["E{\"code\":1000}"]).await;
    let closing = session.close();
    while !peer.receive().await.expect("an END").as_text().is_some_and(|text| text.starts_with('E')) {}
    peer.send("A{\"processed\":1,\"credit\":1000}");
    closing.await.unwrap();
    peer.vanish();
    assert_eq!(session.next().await, None);
    session
}

/// Resumes a session on the next connections, and closes these if `closes`. Returns their number.
fn resume_all(page: &Page, closes: bool) -> Rc<Cell<usize>> {
    let connections = Rc::new(Cell::new(0));
    let count = Rc::clone(&connections);
    page.serve(URL, async move |handshake| {
        count.set(count.get() + 1);
        let Some(mut peer) = handshake.accept_with(SUBPROTOCOL) else { return };
        assert_eq!(hello(&mut peer).await.processed, 1);
        let token = "b-token-of-22-characters".into();
        let (received, processed, credit, max, ttl) = (1, 1, 1000, 1000, 60);
        peer.send(Control::Welcome(Welcome { token, resumed: true, received, processed, credit, max, ttl }).encode());
        assert_eq!(peer.receive().await, Some(ack(1, 0)));
        if closes {
            peer.close_with(1000, "");
        }
        peer.drain().await;
    });
    connections
}

/// Returns the time until a complete session is closed.
async fn goes_on(page: &Page, session: &Session) -> Duration {
    let began = page.elapsed();
    let mut states = session.states();
    while !matches!(states.next().await, Some(State::Closed { .. })) {}
    page.elapsed() - began
}

#[test]
fn a_last_ack_without_an_answer_is_sent_on_another_connection() {
    in_pages(async |page| {
        let session = complete_without_last_ack(page).await;
        let connections = resume_all(page, true);
        let took = goes_on(page, &session).await;
        assert!(10 * SECOND <= took && took < 12 * SECOND, "{took:?}");
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn a_last_ack_is_sent_again_after_the_page_was_frozen() {
    for frozen in [8, 10, 100] {
        in_pages(async |page| {
            let session = complete_without_last_ack(page).await;
            let connections = resume_all(page, true);
            page.freeze();
            page.sleep(frozen * SECOND).await;
            page.resume();
            goes_on(page, &session).await;
            assert_eq!(connections.get(), 1);
        });
    }
}

#[test]
fn a_complete_session_does_not_wait_for_ever_for_the_answer_to_its_last_ack() {
    in_pages(async |page| {
        let session = complete_without_last_ack(page).await;
        let connections = resume_all(page, false);
        let took = goes_on(page, &session).await;
        assert!(30 * SECOND <= took && took < 36 * SECOND, "{took:?}");
        assert_eq!(connections.get(), 2);
    });
}

#[test]
fn without_a_browser_a_session_is_lost_at_once() {
    let mut session = session(SessionOptions::new());
    let context = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Some(Err(lost))) = session.poll_next_unpin(context) else { panic!("it is not lost") };
    assert_eq!(lost.cause, LostCause::Stopped(Cause::Failed(Error::Unsupported)));
    assert_eq!(session.poll_next_unpin(context), Poll::Ready(None));
    assert_eq!(session.try_send("x").map_err(|unsent| unsent.error).err(), Some(Error::SessionLost));
}

#[test]
fn nothing_follows_the_end() {
    in_pages(async |_| {
        let session = Rc::new(session(SessionOptions::new()));
        let closing = session.close();
        let unsent = session.send("more").await.unwrap_err();
        assert_eq!(unsent.error, Error::NotOpen(ReadyState::Closing));
        assert!(closing.now_or_never().is_none(), "there was no connection");
    });
}

#[test]
fn a_busy_page_wakes_the_reader_once_for_several_messages() {
    const MESSAGES: usize = 500;
    let (pages, polls) = (Cell::new(0), Cell::new(0));
    in_pages(async |page| {
        pages.set(pages.get() + 1);
        let mut session = session(SessionOptions::new());
        let peer = one_client(page, 1000, &[":message"; MESSAGES]).await;
        // All messages are queued when the page receives the first.
        page.block(SECOND);
        let mut taken = 0;
        poll_fn(|context| {
            polls.set(polls.get() + 1);
            while let Poll::Ready(item) = session.poll_next_unpin(context) {
                item.expect("the session goes on").expect("nothing is lost");
                taken += 1;
            }
            if taken < MESSAGES { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        drop(peer);
    });
    // The task of a message may run before or after the turn, so most turns gather few messages in the simulation.
    assert!(polls.get() < pages.get() * MESSAGES, "{} polls in {} pages", polls.get(), pages.get());
}

/// Serves a session that counts messages and processes none. Returns the close codes of the page, one for each connection.
fn count(page: &Page) -> Rc<RefCell<Vec<Option<u16>>>> {
    let (received, codes) = (Cell::new(0), Rc::new(RefCell::new(Vec::new())));
    let closed = Rc::clone(&codes);
    page.serve(URL, async move |handshake| {
        let Some(mut peer) = handshake.accept_with(SUBPROTOCOL) else { return };
        let resumed = hello(&mut peer).await.token.is_some();
        peer.send(answer(resumed, received.get(), 1000));
        while let Some(message) = peer.receive().await {
            let is_message = message.as_text().is_none_or(|text| text.starts_with(':'));
            received.set(received.get() + u64::from(is_message));
        }
        closed.borrow_mut().push(peer.closed_with().map(|(code, _)| code));
    });
    codes
}

/// Sends messages, one of which is unreadable. Returns how many connections the page needs to find out.
async fn finds_the_unreadable(page: &Page, messages: Vec<Message>) -> usize {
    let codes = count(page);
    let mut session = session(SessionOptions::new());
    for message in &messages {
        drop(session.send(message).await.unwrap());
    }
    let limit = page.sleep(3600 * SECOND);
    let Either::Left(((cause, unacknowledged), _)) = select(pin!(lost(&mut session)), pin!(limit)).await else {
        panic!("{page:?}: it connects for ever");
    };
    let error = Error::UnreadableBlob("NotReadableError: the file is gone".into());
    assert_eq!(cause, LostCause::Stopped(Cause::Failed(error)));
    assert_eq!(unacknowledged.len(), messages.len());
    page.sleep(SECOND).await;
    assert_eq!(codes.borrow().last(), Some(&Some(4410)), "the server keeps it");
    codes.take().len()
}

#[test]
fn a_file_that_became_unreadable_loses_the_session() {
    in_pages(async |page| {
        let messages = vec!["one".into(), unreadable_blob(9).into(), "two".into()];
        assert_eq!(finds_the_unreadable(page, messages).await, 2);
    });
}

#[test]
fn an_unreadable_file_behind_other_files_loses_the_session() {
    in_pages(async |page| {
        let mut messages = vec![Message::from(Blob::new(b"readable", "")); 5];
        messages.push(unreadable_blob(9).into());
        let connections = finds_the_unreadable(page, messages).await;
        assert!(connections <= 5, "{connections} connections");
    });
}

#[test]
fn a_message_that_takes_longer_than_the_heartbeat_arrives() {
    in_pages(async |page| {
        page.set_network(Network { bandwidth: 20_000, ..Network::default() });
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        page.serve(URL, async move |handshake| {
            count.set(count.get() + 1);
            let Some(mut peer) = handshake.accept_with(SUBPROTOCOL) else { return };
            let resumed = hello(&mut peer).await.token.is_some();
            peer.send(answer(resumed, 0, 1000));
            peer.send(vec![0; 200_000]); // 10 seconds
            peer.drain().await;
        });
        let mut session = session(SessionOptions::new().heartbeat(SECOND * 5 / 2, SECOND));
        let limit = page.sleep(3600 * SECOND);
        let Either::Left((message, _)) = select(session.next(), pin!(limit)).await else {
            panic!("{page:?}: it never arrives");
        };
        assert_eq!(message.unwrap().unwrap().len(), 200_000);
        // It waits 3.5, 4.5, 6.5 and 10.5 seconds.
        assert_eq!(connections.get(), 4);
    });
}
