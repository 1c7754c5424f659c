//! The behaviour of a machine that its host and its application see, and the limits of its numbers.

use super::host::{Message, digest};
use crate::{
    Ack, AfterLoss, Change, Client, Connection, Control, End, Event, Hello, Incoming, Item, Limits, LostCause,
    MAX_NUMBER, Mark, NewToken, Output, Payload, SendError, Server, TextFrame, Violation, Welcome, code,
};

const LIMITS: Limits = Limits { window: 400, max: 100, replay: 200, journal: false };
const ON: Connection = Connection(1);

fn welcome(received: u64, credit: u64, max: u64) -> Control {
    let token = "token-1-BBBBBBBBBBBBBBB".into();
    Control::Welcome(Welcome { token, resumed: false, received, processed: 0, credit, max, ttl: 300 })
}

/// Returns a client after its handshake, with no output left. `credit` and `max` are those of the peer.
fn client<P: Payload>(limits: Limits, credit: u64, max: u64) -> Client<P> {
    let mut client = Client::new("session-name-1-AAAAAAAA", limits);
    client.connect(None).unwrap();
    client.receive(ON, Ok(Incoming::Control(welcome(0, credit, max))));
    while client.poll().is_some() {}
    client
}

fn ack(processed: u64, credit: u64) -> Result<Incoming<Message>, Violation> {
    Ok(Incoming::Control(Control::Ack(Ack { processed, credit })))
}

fn bytes(len: usize) -> Message {
    Message::Binary(vec![0; len])
}

fn frames<P: Payload>(client: &mut Client<P>) -> Vec<String> {
    let outputs = std::iter::from_fn(|| client.poll());
    outputs
        .map(|output| match output {
            Output::Control(_, frame) => frame,
            Output::Message(..) => "a message".into(),
            Output::Close(_, code, _) => format!("close {code}"),
            Output::Store(_) => "store".into(),
        })
        .collect()
}

fn take_and_finish(client: &mut Client<Message>) {
    let Some(Item::Message { mark, .. }) = client.take() else { panic!("there is no message") };
    client.processed(mark);
}

#[test]
fn an_ack_goes_at_once_after_a_quarter_of_the_window() {
    let mut client = client(LIMITS, 1000, 1000);
    for _ in 0..4 {
        client.receive(ON, Ok(Incoming::Message(bytes(9))));
    }
    for _ in 0..3 {
        take_and_finish(&mut client);
    }
    assert!(client.is_ack_pending() && client.poll().is_none(), "an ACK for 75 bytes can wait");
    take_and_finish(&mut client);
    assert!(!client.is_ack_pending());
    assert_eq!(frames(&mut client), [r#"A{"processed":4,"credit":500}"#]);
}

#[test]
fn an_ack_goes_when_the_timer_fires() {
    let mut client = client(LIMITS, 1000, 1000);
    client.acknowledge();
    assert_eq!(frames(&mut client), [""; 0], "there is nothing to acknowledge");
    client.receive(ON, Ok(Incoming::Message(bytes(9))));
    assert!(!client.is_ack_pending(), "the message is not processed yet");
    take_and_finish(&mut client);
    client.acknowledge();
    assert_eq!(frames(&mut client), [r#"A{"processed":1,"credit":425}"#]);
}

#[test]
fn pings_that_come_together_get_one_ack() {
    let mut client = client::<Message>(LIMITS, 1000, 1000);
    for _ in 0..1000 {
        client.receive(ON, Ok(Incoming::Control(Control::Ping)));
    }
    assert_eq!(frames(&mut client), [r#"A{"processed":0,"credit":400}"#]);
}

#[test]
fn a_full_replay_buffer_hands_the_message_back() {
    let mut client = client(LIMITS, 1000, 1000);
    assert!(client.has_room(5000), "an empty buffer has room for any message");
    client.send(bytes(100)).unwrap();
    assert!(client.has_room(68) && !client.has_room(69));
    assert_eq!(client.send(bytes(69)), Err(SendError::Full(bytes(69))));
    client.send(bytes(68)).unwrap();
    client.send_above_limit(bytes(1)).unwrap();
    assert!(!client.has_room(0));
    frames(&mut client);
    client.receive(ON, ack(1, 1000));
    assert_eq!(client.poll_event(), Some(Event::Connected { resumed: false }));
    assert_eq!(client.poll_event(), Some(Event::Acknowledged(Mark { epoch: 0, number: 1 })));
    assert_eq!(client.send(bytes(69)).map(|mark| mark.number), Ok(4));
}

#[test]
fn a_message_that_the_peer_does_not_take_is_handed_back() {
    let mut client = client(LIMITS, 1000, 50);
    assert_eq!(client.send(bytes(51)), Err(SendError::TooLarge(bytes(51))));
    client.send(bytes(50)).unwrap();
}

#[test]
fn nothing_is_sent_after_the_end() {
    let mut client = client(LIMITS, 1000, 1000);
    let end = End::new(1000, "bye").unwrap();
    assert_eq!(client.end(end.clone()), Some(Mark { epoch: 0, number: 1 }));
    assert_eq!(client.end(end), None);
    assert_eq!(client.send(bytes(1)), Err(SendError::Ended(bytes(1))));
}

/// A message of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Huge(u64);

impl Payload for Huge {
    fn payload_len(&self) -> u64 {
        self.0
    }
}

#[test]
fn offsets_end_at_2_to_the_53() {
    let unlimited = Limits { window: u64::MAX, max: u64::MAX, replay: u64::MAX, journal: false };
    let mut sender = client::<Huge>(unlimited, MAX_NUMBER, MAX_NUMBER);
    assert_eq!(sender.send(Huge(MAX_NUMBER)), Err(SendError::Exhausted(Huge(MAX_NUMBER))));
    sender.send(Huge(MAX_NUMBER - 16)).unwrap();
    assert_eq!(sender.send(Huge(0)), Err(SendError::Exhausted(Huge(0))));
    assert_eq!(frames(&mut sender), ["a message"]);

    let mut receiver = client::<Huge>(unlimited, MAX_NUMBER, MAX_NUMBER);
    receiver.receive(ON, Ok(Incoming::Message(Huge(MAX_NUMBER - 16))));
    assert_eq!(receiver.unprocessed_bytes(), MAX_NUMBER);
    receiver.receive(ON, Ok(Incoming::Message(Huge(u64::MAX))));
    assert_eq!(frames(&mut receiver), ["close 4413"]);
}

#[test]
fn limits_above_2_to_the_53_are_stated_as_the_largest_number() {
    let unlimited = Limits { window: u64::MAX, max: u64::MAX, replay: u64::MAX, journal: false };
    let mut client = Client::<Message>::new("session-name-1-AAAAAAAA", unlimited);
    client.connect(None).unwrap();
    let Control::Hello(hello) = control(client.poll()) else { panic!("HELLO is first") };
    assert_eq!((hello.credit, hello.max), (MAX_NUMBER, MAX_NUMBER));
    let token = NewToken { text: "token-1-BBBBBBBBBBBBBBB".into(), digest: [1; 32] };
    let mut server = Server::<Message>::new(unlimited, u64::MAX, &hello, None, token);
    let Control::Welcome(welcome) = control(server.poll()) else { panic!("WELCOME is first") };
    assert_eq!((welcome.credit, welcome.max, welcome.ttl), (MAX_NUMBER, MAX_NUMBER, MAX_NUMBER));
}

/// Returns the control frame of an output, decoded as its receiver does.
fn control<R>(output: Option<Output<Message, R>>) -> Control {
    let Some(Output::Control(_, frame)) = output else { panic!("there is no control frame") };
    match TextFrame::decode(&frame) {
        Ok(TextFrame::Control(control)) => control,
        decoded => panic!("{frame}: {decoded:?}"),
    }
}

#[test]
fn changes_can_be_stored_before_frames_are_sent() {
    let mut client = Client::new("session-name-1-AAAAAAAA", Limits { journal: true, ..LIMITS });
    client.connect(None).unwrap();
    client.send(bytes(1)).unwrap();
    assert!(matches!(client.poll_change(), Some(Change::Role(_))));
    assert!(matches!(client.poll_change(), Some(Change::Sent { number: 1, .. })));
    assert_eq!(client.poll_change(), None);
    assert!(matches!(control(client.poll()), Control::Hello(_)));
}

#[test]
fn marks_of_a_lost_session_are_ignored() {
    let mut client = client(LIMITS, 1000, 1000);
    client.receive(ON, Ok(Incoming::Message(bytes(1))));
    let Some(Item::Message { mark, .. }) = client.take() else { panic!("there is no message") };
    assert_eq!(client.disconnected(ON, Some(1006)), AfterLoss::Connect);
    let on = client.connect(None).unwrap();
    client.receive(on, Ok(Incoming::Control(welcome(0, 1000, 1000))));
    client.receive(on, Ok(Incoming::Message(bytes(2))));
    assert!(matches!(client.take(), Some(Item::Lost(lost)) if lost.cause == LostCause::Forgotten));
    client.processed(mark);
    assert_eq!(client.processed_number(), 0, "the message of the new session is not even taken");
}

#[test]
fn what_is_not_taken_is_not_processed() {
    let mut client = client(LIMITS, 1000, 1000);
    client.receive(ON, Ok(Incoming::Message(bytes(1))));
    client.processed(Mark { epoch: 0, number: 1 });
    assert_eq!(client.processed_number(), 0);
}

#[test]
fn each_close_code_says_what_to_do() {
    let after = |code| client::<Message>(LIMITS, 1000, 1000).disconnected(ON, code);
    for code in [None, Some(1000), Some(1001), Some(1005), Some(1006), Some(1011), Some(code::TIMEOUT), Some(4999)] {
        assert_eq!(after(code), AfterLoss::Connect, "{code:?}");
    }
    assert_eq!(after(Some(code::RESTART)), AfterLoss::ConnectLater);
    assert_eq!(after(Some(code::LIMIT)), AfterLoss::ConnectLater);
    assert_eq!(after(Some(code::UNAUTHORIZED)), AfterLoss::Refused(4401));
    assert_eq!(after(Some(code::PROTOCOL)), AfterLoss::Refused(4406));
    for code in [code::VIOLATION, code::SUPERSEDED, code::GIVEN_UP, code::TOO_LARGE] {
        assert_eq!(after(Some(code)), AfterLoss::Over, "{code}");
    }
}

#[test]
fn giving_up_loses_the_session_at_both_ends() {
    let mut client = client(LIMITS, 1000, 1000);
    client.send(bytes(1)).unwrap();
    client.give_up();
    assert_eq!(frames(&mut client), ["close 4410"]);
    assert!(matches!(client.take(), Some(Item::Lost(lost)) if lost.unacknowledged.len() == 1));
    assert_eq!((client.take(), client.connect(None)), (None, None));

    let hello = Hello {
        session: "session-name-1-AAAAAAAA".into(),
        attempt: 1,
        token: None,
        sent: 0,
        received: 0,
        processed: 0,
        credit: 0,
        max: 100,
        protocol: None,
        credentials: None,
    };
    let token = NewToken { text: "token-1-BBBBBBBBBBBBBBB".into(), digest: digest("token-1-BBBBBBBBBBBBBBB") };
    let mut server = Server::<Message>::new(LIMITS, 300, &hello, None, token);
    assert!(server.disconnected(ON, Some(code::GIVEN_UP)) && server.is_lost());
    assert!(matches!(server.take(), Some(Item::Lost(lost)) if lost.cause == LostCause::GivenUp));
}

#[test]
fn secrets_are_not_in_debug_output() {
    let hello = r#"H{"session":"session-name-1-AAAAAAAA","attempt":1,"token":"token-1-BBBBBBBBBBBBBBB","sent":0,"received":0,"processed":0,"credit":0,"max":0,"credentials":"hunter2"}"#;
    let decoded = format!("{:?}", crate::TextFrame::decode(hello));
    let mut client = client::<Message>(LIMITS, 1000, 1000);
    client.connect(Some("hunter2".into())).unwrap();
    let debug = format!("{decoded} {:?} {client:?} {:?}", welcome(0, 0, 0), client.snapshot());
    assert!(debug.contains("\"H\""), "HELLO has yet to be sent: {debug}");
    for secret in ["session-name", "BBBB", "hunter2"] {
        assert!(!debug.contains(secret), "{secret} is in {debug}");
    }
}

#[test]
fn messages_that_are_transmitted_again_are_known_before() {
    let mut client = client(LIMITS, 1000, 1000);
    for number in [1, 2, 3] {
        client.send(bytes(number)).unwrap();
    }
    assert_eq!(client.repeated().count(), 0, "nothing is transmitted yet");
    for _ in [1, 2] {
        client.poll();
    }
    client.disconnected(ON, Some(1006));
    let on = client.connect(None).unwrap();
    let token = "token-1-BBBBBBBBBBBBBBB".into();
    let (received, processed, credit, max, ttl) = (1, 0, 1000, 1000, 300);
    let welcome = Control::Welcome(Welcome { token, resumed: true, received, processed, credit, max, ttl });
    client.receive(on, Ok(Incoming::Control(welcome)));
    let mark = Mark { epoch: 0, number: 2 };
    assert_eq!(client.repeated().collect::<Vec<_>>(), [(mark, &bytes(2))]);
    frames(&mut client);
    assert_eq!(client.repeated().count(), 0);
}

#[test]
fn queues_that_are_empty_after_a_backlog_keep_little_memory() {
    let large = Limits { window: 1 << 20, max: 100, replay: 1 << 20, journal: true };
    let mut client = client(large, 1 << 20, 100);
    for _ in 0..10_000 {
        client.send(bytes(1)).unwrap();
        client.receive(ON, Ok(Incoming::Message(bytes(1))));
    }
    assert!(client.capacity() > 40_000, "sent, to be stored, arrived, and not processed");
    while client.poll_change().is_some() || client.poll().is_some() {}
    for number in 1..=10_000 {
        client.receive(ON, ack(number, 1 << 21));
        take_and_finish(&mut client);
    }
    while client.poll().is_some() || client.poll_event().is_some() {}
    assert!(client.capacity() <= 5 * 64, "memory for {} entries is kept", client.capacity());
}
