//! Connections that reconnect.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use macro_rules_attribute::apply;
use wasm_websocket::reconnect::{
    AfterClose, AttemptError, Backoff, Cause, Heartbeat, ReconnectingSender, State, States, Target,
};
use wasm_websocket::{CloseEvent, Error, Options, ReadyState, ReconnectOptions, Reconnecting, Transport};

use super::guard::{Clock, Live, dispatch, has_document, microtasks, now, set_hidden, skipped, turn};
use super::peer::{Count, next, url};

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Returns options with a backoff of at most 20 ms.
pub fn quick() -> ReconnectOptions {
    ReconnectOptions::new().backoff(Backoff::new().base(ms(10)).cap(ms(20)).floor(ms(1)))
}

/// Returns options with a backoff of at least an hour, so that only a wake-up ends the wait.
pub fn slow() -> ReconnectOptions {
    ReconnectOptions::new().backoff(Backoff::new().floor(Duration::from_secs(3600)))
}

/// Connects to one path after the other, and then to the last one again and again.
pub fn connect(options: ReconnectOptions, paths: &[&str]) -> Reconnecting {
    let urls: Vec<_> = paths.iter().map(|path| url(path)).collect();
    let attempts = Cell::new(0);
    Reconnecting::new(options, move || {
        let attempt = attempts.replace(attempts.get() + 1);
        let url = urls[attempt.min(urls.len() - 1)].clone();
        async { Ok(url) }
    })
}

/// Returns a provider that fails every attempt until the cell is true.
pub fn closed_until(may_open: &Rc<Cell<bool>>) -> impl AsyncFn() -> Result<String, AttemptError> + 'static {
    let may_open = Rc::clone(may_open);
    move || {
        let may_open = may_open.get();
        async move { if may_open { Ok(url("/echo")) } else { Err("not yet".into()) } }
    }
}

/// Waits for a state. Returns all states up to and including it, in order.
pub async fn until(states: &mut States, is_it: impl Fn(&State) -> bool) -> Vec<State> {
    let mut seen = Vec::new();
    loop {
        let state = states.next().await.unwrap_or_else(|| panic!("the states have ended after {seen:?}"));
        let is_last = is_it(&state);
        seen.push(state);
        if is_last {
            return seen;
        }
    }
}

pub async fn opened(states: &mut States) {
    until(states, |state| *state == State::Open).await;
}

pub fn event(code: u16, reason: &str, was_clean: bool) -> CloseEvent {
    CloseEvent { code, reason: reason.into(), was_clean }
}

#[cfg(target_arch = "wasm32")]
#[apply(browser_test)]
async fn browser_objects_are_kept_until_there_is_a_connection() {
    let bytes = js_sys::Uint8Array::new_from_slice(&[1, 2, 3]);
    let mut feed = connect(quick(), &["/echo"]);
    feed.send(&bytes).await.unwrap();
    feed.send(bytes.buffer()).await.unwrap();
    feed.send(js_sys::JsString::from("text")).await.unwrap();
    // The queued message does not change with the buffer.
    bytes.fill(9, 0, 3);
    for expected in [vec![1, 2, 3].into(), vec![1, 2, 3].into(), "text".into()] {
        assert_eq!(feed.next().await, Some(Ok(expected)));
    }
}

#[apply(browser_test)]
async fn it_asks_for_the_url_for_each_attempt_and_reports_its_states() {
    let feed = connect(quick(), &["/status/503", "/close/4012/restart", "/echo"]);
    let mut states = feed.states();
    let mut seen = until(&mut states, |state| *state == State::Open).await;
    seen.extend(until(&mut states, |state| *state == State::Open).await);
    for state in &mut seen {
        if let State::Waiting { delay, .. } = state {
            assert!(*delay >= ms(1) && *delay <= ms(20), "{delay:?}");
            *delay = ms(0);
        }
    }
    let failed = || Cause::Failed(Error::ConnectFailed { url: url("/status/503"), code: 1006 });
    let closed = || Cause::Closed(event(4012, "restart", true));
    let expected = [
        State::Connecting { attempt: 1, cause: Cause::Requested },
        State::Waiting { delay: ms(0), cause: failed() },
        State::Connecting { attempt: 2, cause: failed() },
        State::Open,
        State::Waiting { delay: ms(0), cause: closed() },
        State::Connecting { attempt: 3, cause: closed() },
        State::Open,
    ];
    assert_eq!(seen, expected);
}

// Browsers differ in the transport that `Best` selects, so a `WebSocketStream` tells which one to expect.
#[apply(browser_test)]
async fn the_transport_is_that_of_the_connection() {
    for transport in [Transport::Events, crate::TRANSPORT, Transport::Best] {
        let options = Options::new().transport(transport);
        let expected = options.connect(&url("/echo")).await.unwrap().transport();
        let feed = connect(quick().connection(options), &["/echo"]);
        let (mut states, sender) = (feed.states(), feed.sender());
        assert_eq!((feed.transport(), sender.transport()), (None, None));
        opened(&mut states).await;
        assert_eq!((feed.transport(), sender.transport()), (Some(expected), Some(expected)));
        feed.pause();
        until(&mut states, |state| *state == State::Paused).await;
        assert_eq!((feed.transport(), sender.transport()), (None, None));
    }
}

#[apply(browser_test)]
async fn the_preamble_goes_before_queued_messages() {
    let options = quick().on_open(async |stream, _| {
        stream.send("preamble").await?;
        Ok(())
    });
    let mut feed = connect(options, &["/status/503", "/echo"]);
    feed.send("queued").await.unwrap();
    assert_eq!(feed.counts().queued, 1);
    assert_eq!(feed.next().await, Some(Ok("preamble".into())));
    assert_eq!(feed.next().await, Some(Ok("queued".into())));
    assert_eq!(feed.counts().unconfirmed, 1);
}

#[apply(browser_test)]
async fn the_preamble_may_receive_and_leaves_the_rest() {
    let options = quick().on_open(async |stream, _| {
        for text in ["one", "two"] {
            stream.send(text).await?;
        }
        assert_eq!(next(stream).await, "one".into());
        Ok(())
    });
    let mut feed = connect(options, &["/echo"]);
    assert_eq!(feed.next().await, Some(Ok("two".into())));
}

#[apply(browser_test)]
async fn a_preamble_that_fails_fails_the_attempt() {
    let tries = Rc::new(Cell::new(0));
    let counted = tries.clone();
    let options = quick().on_open(async move |_, _| {
        tries.set(tries.get() + 1);
        match tries.get() {
            1 => Err("try again".into()),
            _ => Err(AttemptError::last("the session has expired")),
        }
    });
    let mut feed = connect(options, &["/echo"]);
    let error = Error::Attempt("the session has expired".into());
    assert_eq!(feed.next().await, Some(Err(error.clone())));
    assert_eq!(feed.next().await, None);
    assert_eq!((counted.get(), feed.state()), (2, State::Closed { cause: Cause::Failed(error) }));
}

#[apply(browser_test)]
async fn a_close_during_the_preamble_is_the_cause() {
    let options = quick().on_open(async |stream, _| match stream.next().await {
        Some(_) => Ok(()),
        None => Err("there was no answer".into()),
    });
    let mut feed = connect(options, &["/close/1008/who are you"]);
    assert_eq!(feed.next().await, None);
    assert_eq!(feed.closed().await, Ok(Some(event(1008, "who are you", true))));
}

#[apply(browser_test)]
async fn the_timeout_of_an_attempt_includes_the_provider_and_the_preamble() {
    let options = |connection: Options| quick().connection(connection.connect_timeout(ms(100)));
    let feed = Reconnecting::new(options(Options::new()), async || Ok(pending::<&str>().await));
    let failed = |states: Vec<State>| match states.last() {
        Some(State::Waiting { cause: Cause::Failed(error), .. }) => error.clone(),
        state => panic!("{state:?}"),
    };
    let waits = |state: &State| matches!(state, State::Waiting { .. });
    let error = failed(until(&mut feed.states(), waits).await);
    assert_eq!(error, Error::Attempt("there was no URL, or no credentials, before the timeout".into()));
    let feed = connect(options(Options::new()).on_open(async |_, _| pending().await), &["/echo"]);
    let error = failed(until(&mut feed.states(), waits).await);
    assert_eq!(error, Error::ConnectTimeout { url: url("/echo"), timeout: ms(100) });
}

#[apply(browser_test)]
async fn the_provider_may_offer_subprotocols() {
    let provider = || async { Ok(Target::new(url("/protocol/chat.v2")).protocols(["chat.v2"])) };
    let options = quick().on_open(async |stream, _| {
        assert_eq!(stream.protocol(), "chat.v2");
        stream.send("ready").await?;
        Ok(())
    });
    assert_eq!(Reconnecting::new(options, provider).next().await, Some(Ok("ready".into())));
}

#[apply(browser_test)]
async fn errors_that_would_repeat_are_not_retried() {
    for (target, error) in [
        (Target::new("ws://["), Error::InvalidUrl("ws://[".into())),
        (Target::new(url("/echo")).protocols(["a b"]), Error::InvalidProtocol("a b".into())),
        (Target::new(url("/echo")).protocols(["a", "a"]), Error::DuplicateProtocol("a".into())),
    ] {
        let mut feed = Reconnecting::new(quick(), move || {
            let target = target.clone();
            async { Ok(target) }
        });
        assert_eq!(feed.next().await, Some(Err(error.clone())));
        assert_eq!(feed.next().await, None);
        assert_eq!(feed.closed().await, Err(error));
        let unsent = feed.try_send("too late").unwrap_err();
        assert_eq!((unsent.message, unsent.error), ("too late".into(), Error::NotOpen(ReadyState::Closed)));
    }
}

#[apply(browser_test)]
async fn it_gives_up_and_says_why() {
    let mut feed = connect(quick().backoff(Backoff::new().floor(ms(1)).cap(ms(1)).max_attempts(2)), &["/status/503"]);
    assert_eq!(feed.next().await, Some(Err(Error::ConnectFailed { url: url("/status/503"), code: 1006 })));
    assert_eq!(feed.next().await, None);
}

#[apply(browser_test)]
async fn the_close_code_or_the_caller_decides_about_a_retry() {
    for (path, stop) in [("/close/1000", 1000), ("/close/1008", 1008), ("/close/4001", 4001)] {
        let options =
            quick().after_close(|event| if event.code == 4001 { AfterClose::Stop } else { AfterClose::of(event) });
        let mut feed = connect(options, &["/close/4002", "/close/1001", "/close/1013", path, "/echo"]);
        assert_eq!(feed.next().await, None);
        assert_eq!(feed.closed().await, Ok(Some(event(stop, "", true))));
    }
    let stop = quick().after_close(|_| AfterClose::Stop);
    let mut feed = connect(stop, &["/fin"]);
    feed.send("x").await.unwrap();
    let lost = event(1006, "", false);
    assert_eq!(feed.next().await, Some(Err(Error::Unclean(lost))));
    assert_eq!(feed.next().await, None);
}

// L11
#[apply(browser_test)]
async fn after_a_close_it_does_not_come_back() {
    let count = &mut Count::new().await;
    let mut feed = connect(quick(), &[&count.path("/echo")]);
    opened(&mut feed.states()).await;
    feed.send("first").await.unwrap();
    assert_eq!(feed.close_with(4001, "bye").await, Ok(Some(event(4001, "bye", true))));
    assert_eq!(count.ended().await, "1 received, closed with 4001");
    for name in ["online", "pageshow"] {
        dispatch(name);
    }
    feed.reconnect_now();
    feed.resume();
    turn(100).await;
    assert_eq!(feed.state(), State::Closed { cause: Cause::Requested });
    // A message that arrived before the close may still be taken.
    assert!(matches!(feed.next().await, None | Some(Ok(_))));
    assert_eq!(feed.next().await, None);
    // The peer's Close frame does not confirm that it has read everything.
    assert_eq!((feed.counts().confirmed, feed.counts().in_doubt), (0, 1));
    let states: Vec<_> = feed.states().collect().await;
    assert_eq!(states, [State::Closed { cause: Cause::Requested }]);
}

// L14, L16
#[apply(browser_test)]
async fn it_wakes_up_when_the_network_comes_back() {
    for name in ["online", "pageshow"] {
        let feed = connect(slow(), &["/status/503", "/echo"]);
        let mut states = feed.states();
        until(&mut states, |state| matches!(state, State::Waiting { .. })).await;
        (0..3).for_each(|_| dispatch(name));
        let seen = until(&mut states, |state| *state == State::Open).await;
        let connecting = seen.iter().filter(|state| matches!(state, State::Connecting { .. }));
        assert_eq!(connecting.count(), 1, "{seen:?}");
        // These events do not affect a connection that works.
        dispatch("offline");
        dispatch(name);
        turn(50).await;
        assert_eq!(feed.state(), State::Open);
    }
}

#[apply(browser_test)]
async fn the_caller_can_end_the_wait() {
    let feed = connect(slow(), &["/status/503", "/echo"]);
    let mut states = feed.states();
    until(&mut states, |state| matches!(state, State::Waiting { .. })).await;
    feed.reconnect_now();
    let seen = until(&mut states, |state| *state == State::Open).await;
    assert_eq!(seen[0], State::Connecting { attempt: 1, cause: Cause::Requested });
}

#[apply(browser_test)]
async fn while_paused_it_queues_messages() {
    let count = &mut Count::new().await;
    let mut feed = connect(slow(), &[&count.path("/echo")]);
    let mut states = feed.states();
    opened(&mut states).await;
    feed.pause();
    until(&mut states, |state| *state == State::Paused).await;
    count.becomes(0).await;
    dispatch("online");
    turn(50).await;
    assert_eq!(feed.state(), State::Paused);
    feed.send("meanwhile").await.unwrap();
    assert_eq!(feed.counts().queued, 1);
    feed.resume();
    assert_eq!(feed.next().await, Some(Ok("meanwhile".into())));
    // It also pauses while it connects.
    feed.reconnect_now();
    until(&mut states, |state| matches!(state, State::Connecting { .. })).await;
    feed.pause();
    until(&mut states, |state| *state == State::Paused).await;
    feed.resume();
    opened(&mut states).await;
}

/// Returns a heartbeat for a peer that echoes: the echo of a ping is its answer.
pub fn heartbeat(interval: u64, timeout: u64) -> Heartbeat {
    Heartbeat::new("ping", |message| message.as_text() == Some("ping")).interval(ms(interval)).timeout(ms(timeout))
}

#[apply(browser_test)]
async fn a_peer_that_has_vanished_is_detected() {
    for path in ["/fault/half-open", "/stall"] {
        let feed = connect(quick().heartbeat(heartbeat(50, 200)), &[path, "/echo"]);
        let mut states = feed.states();
        opened(&mut states).await;
        feed.send("lost").await.unwrap();
        let seen = until(&mut states, |state| *state == State::Open).await;
        let cause = Cause::Failed(Error::HeartbeatTimeout(ms(200)));
        assert_eq!(seen[0], State::InDoubt { messages: 1 });
        assert!(matches!(&seen[1], State::Waiting { cause: found, .. } if *found == cause), "{seen:?}");
    }
}

// The first connection closes with a code after which the crate does not reconnect. This close has already arrived when the caller
// asks for another connection.
#[apply(browser_test)]
async fn the_end_of_one_connection_is_not_taken_for_the_end_of_the_next() {
    let sender = Rc::new(RefCell::new(None::<ReconnectingSender>));
    let (own, is_first) = (Rc::downgrade(&sender), Cell::new(true));
    let options = quick().on_open(async move |stream, _| {
        if is_first.replace(false) {
            let mut closed = stream.closed();
            poll_fn(|context| match closed.poll_unpin(context) {
                Poll::Ready(_) => {
                    let sender = own.upgrade().and_then(|sender| sender.take());
                    sender.iter().for_each(ReconnectingSender::reconnect_now);
                    Poll::Ready(())
                }
                Poll::Pending => Poll::Pending,
            })
            .await;
        }
        Ok(())
    });
    let feed = connect(options, &["/close/1000/done", "/echo"]);
    sender.replace(Some(feed.sender()));
    opened(&mut feed.states()).await;
}

// L16: a worker has no document that could be shown.
#[apply(browser_test)]
async fn it_wakes_up_when_the_page_is_shown() {
    if !has_document() {
        return skipped(TEST);
    }
    let feed = connect(slow(), &["/status/503", "/echo"]);
    let mut states = feed.states();
    until(&mut states, |state| matches!(state, State::Waiting { .. })).await;
    // It keeps waiting while the page is hidden.
    set_hidden(true);
    turn(50).await;
    assert!(states.next().now_or_never().is_none());
    set_hidden(false);
    opened(&mut states).await;
}

// L12
#[apply(browser_test)]
async fn after_sleep_a_dead_connection_is_found_and_replaced_once() {
    let minutes = |minutes: u64| minutes * 60_000;
    let feed = connect(quick().heartbeat(heartbeat(minutes(5), 200)), &["/fault/half-open", "/echo"]);
    let mut states = feed.states();
    opened(&mut states).await;
    let clock = Clock::set_forward(600_000);
    dispatch("online");
    let begin = now();
    let seen = until(&mut states, |state| *state == State::Open).await;
    assert!(now() - begin >= 200.0);
    assert!(matches!(seen[..], [State::Waiting { .. }, State::Connecting { .. }, State::Open]), "{seen:?}");
    drop(clock);
    turn(300).await;
    assert_eq!(feed.state(), State::Open);
}

// L13
#[apply(browser_test)]
async fn late_timers_are_no_reason_to_drop_a_connection() {
    let mut feed = connect(quick().heartbeat(heartbeat(25_000, 10_000)), &["/echo"]);
    let mut states = feed.states();
    opened(&mut states).await;
    let clock = Clock::stopped();
    for number in 0..20 {
        feed.send(number.to_string()).await.unwrap();
        // At the first wake-up a ping is due. At the second one its timeout is over, before its answer can have arrived.
        for _ in 0..2 {
            clock.advance(ms(600_000));
            feed.resume();
            microtasks().await;
        }
        assert_eq!(feed.next().await, Some(Ok(number.to_string().into())));
    }
    // The answer to a ping confirms the messages that were sent before the ping. The last answer may not have arrived yet.
    assert!(feed.counts().confirmed >= 19, "{:?}", feed.counts());
    assert!(states.next().now_or_never().is_none());
}

// L21
#[apply(browser_test)]
async fn a_clock_that_is_set_changes_nothing() {
    for milliseconds in [-3_600_000, 3_600_000] {
        let wait = Backoff::new().floor(ms(300)).cap(ms(300));
        let feed = connect(quick().backoff(wait).heartbeat(heartbeat(100, 5000)), &["/status/503", "/echo"]);
        let mut states = feed.states();
        until(&mut states, |state| matches!(state, State::Waiting { .. })).await;
        let clock = Clock::set_forward(milliseconds);
        opened(&mut states).await;
        turn(150).await;
        drop(clock);
        // Only the answer to a ping that leaves after this confirms the message.
        feed.send("confirm this").await.unwrap();
        while feed.counts().confirmed == 0 {
            turn(10).await;
        }
        assert!(states.next().now_or_never().is_none());
    }
}

/// Drops a `Reconnecting` in each of its states, and from inside its own provider.
async fn drop_in_every_state(rounds: usize) {
    for _ in 0..rounds {
        let mut count = Count::new().await;
        let path = count.path("/echo");
        // These are dropped while they ask for the URL, connect, and run the preamble.
        drop(Reconnecting::new(quick(), async || Ok(pending::<String>().await)));
        let asking = Reconnecting::new(quick(), async || Ok(pending::<String>().await));
        let connecting = connect(quick(), &[&path]);
        let preparing = connect(quick().on_open(async |_, _| pending().await), &[&path]);
        count.becomes(2).await;
        // This one is dropped while it is open, with messages that were not taken, a heartbeat, and a stream of its states.
        let open = connect(quick().heartbeat(heartbeat(10, 60_000)), &[&path]);
        let mut states = open.states();
        opened(&mut states).await;
        open.send(vec![0; 1000]).await.unwrap();
        turn(30).await;
        // These are dropped while they are waiting, paused, closing and closed.
        let waiting = connect(slow(), &["/status/503"]);
        until(&mut waiting.states(), |state| matches!(state, State::Waiting { .. })).await;
        waiting.send("queued").await.unwrap();
        let paused = connect(slow(), &[&path]);
        paused.pause();
        let closing = connect(slow(), &[&path]);
        opened(&mut closing.states()).await;
        assert!(closing.close().now_or_never().is_none());
        let closed = connect(slow(), &[&path]);
        closed.close().await.unwrap();
        // This one is dropped from inside its own provider.
        let inside = Rc::new(RefCell::new(None));
        let handle = inside.clone();
        *inside.borrow_mut() = Some(Reconnecting::new(quick(), move || {
            drop(handle.take());
            async { Ok(url("/echo")) }
        }));
        drop(inside);
        drop((asking, connecting, preparing, open, waiting, paused, closing, closed));
        count.becomes(0).await;
        assert_eq!(states.collect::<Vec<_>>().await, [State::Open; 0]);
    }
}

#[apply(browser_test)]
async fn nothing_is_left_of_a_dropped_reconnecting() {
    drop_in_every_state(2).await;
    let before = Live::at_rest().await;
    drop_in_every_state(3).await;
    Live::at_rest().await.assert_no_more_than(&before);
}
