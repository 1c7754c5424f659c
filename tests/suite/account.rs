//! What happens to the messages of a `Reconnecting`: they are queued, rejected, sent again, confirmed, or in doubt.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::reconnect::{State, WhenFull, WhenLost};
use wasm_websocket::{Error, Message, Options, ReadyState, Reconnecting, codec};

use super::guard::{spawn_local, turn};
use super::peer::{Count, url};
use super::reconnect::{closed_until, connect, event, heartbeat, opened, quick, slow, until};

fn texts(messages: Vec<Message>) -> Vec<String> {
    messages.into_iter().map(|message| message.as_text().unwrap_or("?").into()).collect()
}

#[apply(browser_test)]
async fn it_reconnects_although_nobody_polls_it() {
    let count = &mut Count::new().await;
    let feed = connect(quick(), &["/reset", &count.path("/echo")]);
    let mut states = feed.states();
    opened(&mut states).await;
    feed.send("lost").await.unwrap();
    opened(&mut states).await;
    feed.send("echoed").await.unwrap();
    feed.flush().await.unwrap();
    assert_eq!(feed.close_with(4000, "done").await, Ok(Some(event(4000, "done", true))));
    assert_eq!(count.ended().await, "1 received, closed with 4000");
    assert_eq!((feed.counts().confirmed, feed.counts().in_doubt), (0, 2));
}

#[apply(browser_test)]
async fn closing_as_a_sink_sends_what_is_queued_first() {
    let count = &mut Count::new().await;
    let feed = connect(quick(), &["/status/503", &count.path("/echo")]);
    let lines = futures_util::stream::iter(["one", "two"]).map(|line| Ok(line.into()));
    lines.forward(feed.sender()).await.unwrap();
    assert_eq!(count.ended().await, "2 received, closed with 1005");
    assert_eq!(feed.counts().queued, 0);
}

#[apply(browser_test)]
async fn when_full_decides_about_a_full_queue() {
    let may_open = &Rc::new(Cell::new(false));
    let queue = |when_full| {
        Reconnecting::new(
            quick().queue_limit(1000).queue_limit_messages(3).when_full(when_full),
            closed_until(may_open),
        )
    };
    let (reject, oldest, wait) = (queue(WhenFull::Reject), queue(WhenFull::DropOldest), queue(WhenFull::Wait));
    for number in 0..3 {
        [&reject, &oldest, &wait].iter().for_each(|feed| assert_eq!(feed.try_send(number.to_string()), Ok(number + 1)));
    }
    let unsent = reject.send("3").await.unwrap_err();
    assert_eq!((unsent.message, unsent.error), ("3".into(), Error::Full));
    oldest.send("3").await.unwrap();
    assert!(wait.send("3").now_or_never().is_none());
    assert_eq!(wait.try_send("3").unwrap_err().error, Error::Full);
    assert_eq!((reject.counts().rejected, oldest.counts().dropped, wait.counts().queued), (1, 1, 3));
    let sender = wait.sender();
    spawn_local(async move {
        sender.send("waited").await.unwrap();
    });
    may_open.set(true);
    for (mut feed, expected) in [(reject, "0 1 2"), (oldest, "1 2 3"), (wait, "0 1 2 waited")] {
        for text in expected.split(' ') {
            assert_eq!(feed.next().await, Some(Ok(text.into())));
        }
    }
}

#[apply(browser_test)]
async fn queued_messages_can_be_taken_back() {
    let feed = Reconnecting::new(quick(), closed_until(&Rc::default()));
    assert_eq!([feed.send("one").await, feed.send("two").await], [Ok(1), Ok(2)]);
    assert_eq!(feed.close().await, Ok(None));
    assert_eq!(texts(feed.take_queued()), ["one", "two"]);
    assert_eq!((feed.counts().queued, feed.counts().taken_back), (0, 2));
}

#[apply(browser_test)]
async fn messages_of_a_lost_connection_are_in_doubt_and_not_sent_again() {
    let count = &mut Count::new().await;
    let mut feed = connect(quick(), &["/fin", &count.path("/echo")]);
    let mut states = feed.states();
    opened(&mut states).await;
    feed.send("lost").await.unwrap();
    let seen = until(&mut states, |state| *state == State::Open).await;
    assert_eq!(seen[0], State::InDoubt { messages: 1 });
    feed.send("next").await.unwrap();
    let in_doubt = feed.take_in_doubt();
    assert_eq!((in_doubt.count, in_doubt.messages), (1, vec![(1, "lost".into())]));
    assert_eq!(feed.take_in_doubt().count, 0);
    assert_eq!(feed.next().await, Some(Ok("next".into())));
    assert_eq!((feed.confirm(2), feed.confirm(2)), (1, 0));
    feed.close().await.unwrap();
    assert_eq!(count.ended().await, "1 received, closed with 1005");
}

#[apply(browser_test)]
async fn messages_in_doubt_are_sent_again_in_order_before_queued_ones() {
    let may_open = &Rc::new(Cell::new(true));
    let (path, next) = (url("/fin"), url("/echo"));
    let (attempts, opens) = (Cell::new(0), may_open.clone());
    let options = quick().when_lost(WhenLost::Resend).on_open(async |stream, attempt| {
        // Sends nothing on the first connection, since its peer ends it at the first message.
        if attempt.in_doubt().count > 0 {
            stream.send(format!("{} in doubt", attempt.in_doubt().count)).await?;
        }
        Ok(())
    });
    let mut feed = Reconnecting::new(options, move || {
        let url = if attempts.replace(attempts.get() + 1) == 0 { &path } else { &next };
        let target = if opens.get() { Ok(url.clone()) } else { Err("not yet".into()) };
        async { target }
    });
    let mut states = feed.states();
    opened(&mut states).await;
    feed.send("x = 1").await.unwrap();
    may_open.set(false);
    until(&mut states, |state| matches!(state, State::Waiting { .. })).await;
    feed.send("x = 2").await.unwrap();
    may_open.set(true);
    for expected in ["1 in doubt", "x = 1", "x = 2"] {
        assert_eq!(feed.next().await, Some(Ok(expected.into())));
    }
    assert_eq!((feed.counts().in_doubt, feed.counts().unconfirmed), (0, 2));
}

#[apply(browser_test)]
async fn a_pong_confirms_and_is_kept_from_the_caller() {
    let mut feed = connect(quick().heartbeat(heartbeat(50, 5000)), &["/echo"]);
    feed.send("one").await.unwrap();
    assert_eq!(feed.next().await, Some(Ok("one".into())));
    while feed.counts().confirmed == 0 {
        turn(10).await;
    }
    feed.send("two").await.unwrap();
    assert_eq!(feed.next().await, Some(Ok("two".into())));
    assert_eq!(feed.state(), State::Open);
}

#[apply(browser_test)]
async fn as_a_sink_it_flushes_and_closes() {
    let mut feed = connect(quick(), &["/status/503", "/echo"]);
    for text in ["one", "two"] {
        SinkExt::feed(&mut feed, text.into()).await.unwrap();
    }
    SinkExt::<Message>::flush(&mut feed).await.unwrap();
    assert_eq!(feed.next().await, Some(Ok("one".into())));
    SinkExt::<Message>::close(&mut feed).await.unwrap();
    assert_eq!(SinkExt::feed(&mut feed, "late".into()).await, Err(Error::NotOpen(ReadyState::Closed)));
}

#[apply(browser_test)]
async fn a_full_receive_queue_closes_for_good() {
    let options = Options::new().receive_limit(1000).receive_limit_messages(10);
    let mut feed = connect(quick().connection(options), &["/flood/100/1"]);
    assert_eq!(feed.closed().await, Err(Error::Overflow));
    let items: Vec<_> = feed.by_ref().collect().await;
    assert_eq!((items.len(), items.last()), (11, Some(&Err(Error::Overflow))));
}

#[apply(browser_test)]
async fn the_caller_can_replace_a_connection() {
    let count = &mut Count::new().await;
    let mut feed = connect(slow(), &[&count.path("/echo")]);
    let mut states = feed.states();
    opened(&mut states).await;
    count.becomes(1).await;
    feed.send("before").await.unwrap();
    feed.reconnect_now();
    feed.send("after").await.unwrap();
    opened(&mut states).await;
    count.becomes(1).await;
    let mut received = Vec::new();
    while received.last() != Some(&"after".into()) {
        received.push(feed.next().await.unwrap().unwrap());
    }
    assert_eq!((feed.counts().in_doubt, feed.counts().unconfirmed), (1, 1));
    feed.close().await.unwrap();
    // No connection was open between the two, so `ended` may first return the count of that moment.
    while count.ended().await != "2 received, closed with 1005" {}
}

#[apply(browser_test)]
async fn values_of_a_codec_come_and_go_over_all_connections() {
    let feed = connect(quick(), &["/fin", "/echo"]);
    let mut states = feed.states();
    let mut typed = feed.typed::<String, String, codec::Json>();
    opened(&mut states).await;
    assert_eq!(typed.send_numbered("lost".to_owned()).await, Ok(1));
    opened(&mut states).await;
    typed.send("echoed".to_owned()).await.unwrap();
    assert_eq!(typed.next().await, Some(Ok("echoed".into())));
    assert_eq!(typed.get_ref().take_in_doubt().messages, [(1, "\"lost\"".into())]);
    assert_eq!(typed.get_ref().confirm(2), 1);
}
