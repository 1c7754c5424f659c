//! Whatever a peer sends, nothing panics and everything stays within its limits.

use proptest::collection::vec;
use proptest::prelude::*;

use super::host::{Host, Message, Wire, digest};
use crate::{
    Ack, Client, Connection, Control, End, Hello, Incoming, Limits, MAX_NUMBER, NewToken, Refusal, Server, TextFrame,
    Welcome,
};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..5u64, 1 => 0..2000u64, 1 => MAX_NUMBER - 2..=MAX_NUMBER]
}

fn token() -> impl Strategy<Value = String> {
    prop_oneof![Just("token-of-the-server-0001".into()), "[A-Za-z0-9._~-]{22,30}"]
}

fn hello() -> impl Strategy<Value = Hello> {
    let texts = (proptest::option::of(token()), proptest::option::of(".{0,9}"), proptest::option::of(".{0,9}"));
    (texts, 1..5u64, (number(), number(), number(), number(), number())).prop_map(|(texts, attempt, numbers)| {
        let (token, protocol, credentials) = texts;
        let (sent, received, processed, credit, max) = numbers;
        let session = "session-name-1-AAAAAAAA".into();
        Hello { session, attempt, token, sent, received, processed, credit, max, protocol, credentials }
    })
}

fn welcome() -> impl Strategy<Value = Welcome> {
    (token(), any::<bool>(), (number(), number(), number(), number(), number())).prop_map(
        |(token, resumed, (received, processed, credit, max, ttl))| Welcome {
            token,
            resumed,
            received,
            processed,
            credit,
            max,
            ttl,
        },
    )
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        hello().prop_map(Control::Hello),
        welcome().prop_map(Control::Welcome),
        (number(), number()).prop_map(|(processed, credit)| Control::Ack(Ack { processed, credit })),
        Just(Control::Ping),
        (3000..5000u16, ".{0,30}").prop_map(|(code, reason)| Control::End(End { code, reason })),
    ]
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn arbitrary_text_is_decoded_or_refused(kind in "[HWAEP:]?", body in ".{0,200}") {
        let _decoded = TextFrame::decode(&format!("{kind}{body}"));
    }

    #[test]
    fn what_is_almost_json_is_decoded_or_refused(kind in "[HWAE]", body in r#"([{}\[\]:,"\\u0-9a-f.eE+-]|"processed"|"credit"|true|null){0,60}"#) {
        let _decoded = TextFrame::decode(&format!("{kind}{{{body}}}"));
    }

    #[test]
    fn control_frames_survive_encoding(control in control()) {
        let frame = control.encode();
        prop_assert_eq!(TextFrame::decode(&frame), Ok(TextFrame::Control(control)));
    }

    #[test]
    fn mutated_frames_are_decoded_or_refused(control in control(), edits in vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..6)) {
        let mut bytes = control.encode().into_bytes();
        for (index, edit, byte) in edits {
            let at = index.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match edit {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 if !bytes.is_empty() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        let _decoded = TextFrame::decode(&String::from_utf8_lossy(&bytes));
    }
}

/// An event of a machine.
#[derive(Clone, Debug)]
enum Step {
    Receive(Control),
    Message(usize),
    Send(usize),
    End,
    Take,
    Acknowledge,
    Reconnect(Hello),
    Lose(Option<u16>),
}

fn step() -> impl Strategy<Value = Step> {
    let code =
        prop_oneof![Just(1000), Just(1006), Just(4400), Just(4401), Just(4409), Just(4410), Just(4413), Just(4429)];
    prop_oneof![
        4 => control().prop_map(Step::Receive),
        6 => (0..60usize).prop_map(Step::Message),
        4 => (0..60usize).prop_map(Step::Send),
        1 => Just(Step::End),
        6 => Just(Step::Take),
        2 => Just(Step::Acknowledge),
        2 => hello().prop_map(Step::Reconnect),
        1 => proptest::option::of(code).prop_map(Step::Lose),
    ]
}

const LIMITS: Limits = Limits { window: 100, max: 50, replay: 200, journal: true };

fn new_token(number: usize) -> NewToken {
    let text = format!("token-of-the-server-{number:04}");
    NewToken { digest: digest(&text), text }
}

fn binary(len: usize) -> Message {
    Message::Binary(vec![0; len])
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn a_server_stays_within_its_limits(steps in vec(step(), 1..60), first in hello()) {
        let mut server = Server::new(LIMITS, 300, &first, None, new_token(1));
        let mut connection = Connection(first.attempt);
        let mut stored = server.snapshot();
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                Step::Receive(control) => server.receive(connection, Ok(Incoming::Control(control))),
                Step::Message(len) => server.receive(connection, Ok(Incoming::Message(binary(len)))),
                Step::Send(len) => drop(server.send(binary(len))),
                Step::End => drop(server.end(End::new(1000, "").unwrap())),
                Step::Take => if let Some(crate::Item::Message { mark, .. } | crate::Item::End { mark, .. }) = server.take() {
                    server.processed(mark);
                },
                Step::Acknowledge => server.acknowledge(),
                Step::Reconnect(hello) => {
                    let before = server.clone();
                    match server.accept(&hello, hello.token.as_deref().map(digest), new_token(index + 2)) {
                        Ok(newer) => connection = newer,
                        Err(refusal) => prop_assert!(server == before, "{refusal:?} changed something"),
                    }
                }
                Step::Lose(code) => drop(server.disconnected(connection, code)),
            }
            loop {
                let has_output = server.has_output();
                let output = server.poll();
                prop_assert_eq!(has_output, output.is_some());
                match output {
                    Some(crate::Output::Store(change)) => stored.apply(change),
                    Some(_) => (),
                    None => break,
                }
            }
            prop_assert!(server.unprocessed_bytes() <= LIMITS.window.max(LIMITS.max + 16));
            prop_assert!(server.unacknowledged_bytes() <= LIMITS.replay);
            if !server.is_lost() {
                prop_assert_eq!(&stored, &server.snapshot());
                prop_assert_eq!(&Server::restore(LIMITS, 300, stored.clone()).snapshot(), &stored);
            }
        }
    }

    #[test]
    fn a_client_stays_within_its_limits(steps in vec(step(), 1..60)) {
        let mut client = Client::new("session-name-1-AAAAAAAA", LIMITS);
        let mut connection = client.connect(None).unwrap();
        let mut stored = client.snapshot();
        let (mut losses, mut forgotten) = (0, 0);
        for step in steps {
            match step {
                Step::Receive(control) => client.receive(connection, Ok(Incoming::Control(control))),
                Step::Message(len) => client.receive(connection, Ok(Incoming::Message(binary(len)))),
                Step::Send(len) => drop(client.send(binary(len))),
                Step::End => drop(client.end(End::new(1000, "").unwrap())),
                Step::Take => match client.take() {
                    Some(crate::Item::Message { mark, .. } | crate::Item::End { mark, .. }) => client.processed(mark),
                    Some(crate::Item::Lost(lost)) if lost.cause == crate::LostCause::Forgotten => forgotten += 1,
                    Some(crate::Item::Lost(_)) => losses += 1,
                    None => (),
                },
                Step::Acknowledge => client.acknowledge(),
                Step::Reconnect(_) => connection = client.connect(None).unwrap_or(connection),
                Step::Lose(code) => drop(client.disconnected(connection, code)),
            }
            loop {
                let has_output = client.has_output();
                let output = client.poll();
                prop_assert_eq!(has_output, output.is_some());
                match output {
                    Some(crate::Output::Store(change)) => stored.apply(change),
                    Some(_) => (),
                    None => break,
                }
            }
            // This does not count items of the last session that are still to be taken after a new one has begun.
            prop_assert!(client.unprocessed_bytes() <= LIMITS.window.max(LIMITS.max + 16));
            prop_assert!(losses <= 1, "the session is lost for good once, after {forgotten} new beginnings");
            if !client.is_over() {
                prop_assert_eq!(&stored, &client.snapshot());
            }
        }
    }

    #[test]
    fn a_host_takes_any_text(frames in vec("[HAEP:]?.{0,60}", 1..10)) {
        let mut host = Host::new(LIMITS, 300);
        for frame in frames {
            host.receive(1, "ada", &Wire::Text(frame));
            host.poll();
        }
    }
}

#[test]
fn a_hello_that_is_refused_changes_nothing() {
    let hello = |attempt, token: Option<&str>, sent, received| Hello {
        session: "session-name-1-AAAAAAAA".into(),
        attempt,
        token: token.map(Into::into),
        sent,
        received,
        processed: received,
        credit: 1000,
        max: 1000,
        protocol: None,
        credentials: None,
    };
    let mut server = Server::<Message>::new(LIMITS, 300, &hello(1, None, 0, 0), None, new_token(1));
    server.receive(Connection(1), Ok(Incoming::Message("a".into())));
    while server.poll().is_some() {}
    let current = new_token(1).text;
    let mut refuse = |hello: Hello, expected| {
        let before = server.clone();
        let refusal = server.accept(&hello, hello.token.as_deref().map(digest), new_token(2));
        assert_eq!(refusal, Err(expected), "{hello:?}");
        assert_eq!(server, before, "{hello:?}");
    };
    refuse(hello(1, Some(&current), 1, 0), Refusal::Superseded); // replayed
    refuse(hello(2, Some("guess-guess-guess-guess"), 1, 0), Refusal::Superseded);
    refuse(hello(MAX_NUMBER, None, 1, 0), Refusal::Superseded); // without the token
    refuse(hello(2, Some(&current), 0, 0), Refusal::Superseded); // an old copy
    refuse(hello(2, Some(&current), 1, 1), Refusal::Forgotten); // it has received a message that was never sent
}
