//! The vectors in `vectors/`, which any implementation can run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::host::{Act, Host, Key, Message, Wire};
use crate::rule::Rule;
use crate::{
    AfterLoss, Client, Connection, Control, End, Endpoint, Event, Incoming, Item, Limits, Lost, Output, Payload,
    Violation,
};

const FRAMES: &str = include_str!("../../vectors/frames.json");
const SERVER: &str = include_str!("../../vectors/server.json");
const CLIENT: &str = include_str!("../../vectors/client.json");

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |index: usize| u8::from_str_radix(&text[index..index + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn message(value: &Value) -> Message {
    match value {
        Value::String(text) => Message::Text(text.clone()),
        value => Message::Binary(hex(value["binary"].as_str().unwrap())),
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn wire_of_vector(vector: &Value) -> Wire {
    if let Some(text) = vector["text"].as_str() {
        return Wire::Text(text.into());
    }
    if let Some(bytes) = vector["binary"].as_str() {
        return Wire::Binary(hex(bytes));
    }
    let part = |name: &str| vector["repeat"][name].as_str().unwrap();
    let times = number(&vector["repeat"]["times"]);
    Wire::Text(format!("{}{}{}", part("before"), part("character").repeat(times), part("after")))
}

fn meaning(incoming: &Incoming<Message>) -> Value {
    let mut meaning = match incoming {
        Incoming::Message(Message::Text(text)) => json!({"kind": "message", "message": text}),
        Incoming::Message(Message::Binary(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"kind": "message", "message": {"binary": hex}})
        }
        Incoming::Control(Control::Hello(hello)) => json!({
            "kind": "hello", "session": hello.session, "attempt": hello.attempt, "token": hello.token, "sent": hello.sent,
            "received": hello.received, "processed": hello.processed, "credit": hello.credit, "max": hello.max,
            "protocol": hello.protocol, "credentials": hello.credentials,
        }),
        Incoming::Control(Control::Welcome(welcome)) => json!({
            "kind": "welcome", "token": welcome.token, "resumed": welcome.resumed, "received": welcome.received,
            "processed": welcome.processed, "credit": welcome.credit, "max": welcome.max, "ttl": welcome.ttl,
        }),
        Incoming::Control(Control::Ack(ack)) => {
            json!({"kind": "ack", "processed": ack.processed, "credit": ack.credit})
        }
        Incoming::Control(Control::Ping) => json!({"kind": "ping"}),
        Incoming::Control(Control::End(end)) => json!({"kind": "end", "code": end.code, "reason": end.reason}),
    };
    meaning.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    meaning
}

#[test]
fn valid_frames_have_their_meaning() {
    for vector in parse(FRAMES)["valid"].as_array().unwrap() {
        let incoming = wire_of_vector(vector).decode().unwrap_or_else(|violation| panic!("{vector}: {violation}"));
        assert_eq!(meaning(&incoming), vector["meaning"], "{}", vector["name"]);
        if let Incoming::Control(control) = &incoming {
            let again = Wire::Text(control.encode()).decode();
            assert_eq!(again.as_ref(), Ok(&incoming), "{}: encoded again", vector["name"]);
        }
    }
}

#[test]
fn invalid_frames_have_a_close_code() {
    for vector in parse(FRAMES)["invalid"].as_array().unwrap() {
        let code = wire_of_vector(vector).decode().map_err(|violation| violation.close_code());
        assert_eq!(code, Err(number(&vector["code"]) as u16), "{vector}");
    }
}

/// The tokens that a vector calls `$1`, `$2`, …
#[derive(Default)]
struct Tokens(BTreeMap<String, String>);

impl Tokens {
    fn fill(&self, frame: &Value) -> Wire {
        let Some(text) = frame.as_str() else { return Wire::Binary(hex(frame["binary"].as_str().unwrap())) };
        let fill = |text: String, (name, token): (&String, &String)| {
            text.replace(&format!("\"{name}\""), &format!("\"{token}\""))
        };
        Wire::Text(self.0.iter().fold(text.to_owned(), fill))
    }

    /// Learns a token from a frame that was sent. The expected frame has the token's name.
    fn learn(&mut self, expected: &Value, sent: &Wire) {
        let (Some(expected), Wire::Text(sent)) = (expected.as_str(), sent) else { return };
        if let (Some(expected), Some(sent)) = (expected.strip_prefix('W'), sent.strip_prefix('W')) {
            let (expected, sent) = (parse(expected), parse(sent));
            let (name, token) = (expected["token"].as_str().unwrap(), sent["token"].as_str().unwrap());
            let is_new = name.starts_with('$') && !self.0.values().any(|known| known == token);
            if is_new && !self.0.contains_key(name) {
                self.0.insert(name.into(), token.into());
            }
        }
    }
}

/// Converts an action to a value that can be compared. Control frames are compared by their members.
fn comparable(act: &Act) -> Value {
    match act {
        Act::Close(socket, code) => json!({"on": socket, "close": code}),
        Act::Frame(socket, Wire::Binary(bytes)) => json!({"on": socket, "binary": bytes}),
        Act::Frame(socket, Wire::Text(text)) => {
            let body = text.get(1..).filter(|body| "HWAE".contains(&text[..1]) && body.starts_with('{'));
            json!({"on": socket, "kind": text.get(..1), "body": body.map_or(json!(text), parse)})
        }
    }
}

fn check(expected: &Value, acts: &mut Vec<Act>, tokens: &mut Tokens, name: &Value) {
    let mut wanted = Vec::new();
    for (index, expected) in expected.as_array().unwrap().iter().enumerate() {
        let socket = number(&expected["on"]);
        if let Some(code) = expected["close"].as_u64() {
            wanted.push(comparable(&Act::Close(socket, code as u16)));
            continue;
        }
        if let Some(Act::Frame(_, sent)) = acts.get(index) {
            tokens.learn(&expected["frame"], sent);
        }
        wanted.push(comparable(&Act::Frame(socket, tokens.fill(&expected["frame"]))));
    }
    let done: Vec<_> = acts.drain(..).map(|act| comparable(&act)).collect();
    assert_eq!(done, wanted, "{name}");
}

fn lost(lost: &Lost<Message>) -> Value {
    let message = |message: &Message| meaning(&Incoming::Message(message.clone()))["message"].clone();
    let unacknowledged: Vec<_> = lost.unacknowledged.iter().map(|lost| message(&lost.payload)).collect();
    json!({"unacknowledged": unacknowledged, "end": lost.end})
}

/// Takes the next item, as an application that finishes it at once.
fn take<P: Payload, R: Clone>(endpoint: &mut Endpoint<P, R>) -> Option<Item<P>> {
    let item = endpoint.take()?;
    if let Item::Message { mark, .. } | Item::End { mark, .. } = &item {
        endpoint.processed(*mark);
        endpoint.acknowledge();
    }
    Some(item)
}

fn check_item(item: Option<Item<Message>>, expected: &Value, name: &Value) {
    let item = item.unwrap_or_else(|| panic!("{name}: nothing to take, but {expected}"));
    match item {
        Item::Message { payload, .. } => assert_eq!(payload, message(expected), "{name}"),
        Item::End { end, .. } => assert_eq!(json!({"code": end.code, "reason": end.reason}), expected["end"], "{name}"),
        Item::Lost(what) => {
            let mut expected = expected["lost"].clone();
            let members = expected.as_object_mut().unwrap_or_else(|| panic!("{name}: {what:?}"));
            if let Some(transmitted) = members.remove("transmitted") {
                let count = what.unacknowledged.iter().filter(|message| message.transmitted).count();
                assert_eq!(json!(count), transmitted, "{name}");
            }
            assert_eq!(lost(&what), expected, "{name}");
        }
    }
}

fn act_for_application<R: Clone>(endpoint: &mut Endpoint<Message, R>, step: &Value, name: &Value) {
    if let Some(sent) = step.get("send") {
        endpoint.send(message(sent)).unwrap_or_else(|error| panic!("{name}: {error}"));
    } else if let Some(end) = step.get("finish") {
        let reason = end["reason"].as_str().unwrap_or_default();
        let end = End::new(number(&end["code"]) as u16, reason).unwrap();
        endpoint.end(end).unwrap_or_else(|| panic!("{name}: the direction has ended"));
    } else if let Some(item) = step.get("take") {
        check_item(take(endpoint), item, name);
    } else if let Some(expected) = step.get("acknowledged") {
        let events = std::iter::from_fn(|| endpoint.poll_event());
        let acknowledged = events.filter_map(|event| match event {
            Event::Acknowledged(mark) => Some(mark.number),
            _ => None,
        });
        assert_eq!(acknowledged.last(), expected.as_u64(), "{name}");
    } else if step["is"] == "complete" {
        assert!(endpoint.is_complete(), "{name}");
    } else {
        panic!("{name}: the step {step} is unknown");
    }
}

fn limits(config: &Value) -> Limits {
    let member = |name: &str| config[name].as_u64().unwrap();
    Limits { window: member("window"), max: member("max"), replay: member("replay"), journal: false }
}

fn run(vectors: &str, is_chosen: &dyn Fn(&str) -> bool, run: impl Fn(&Value, &Value)) {
    let vectors = parse(vectors);
    let exchanges = vectors["exchanges"].as_array().unwrap().iter();
    let chosen: Vec<_> = exchanges.filter(|exchange| is_chosen(exchange["name"].as_str().unwrap())).collect();
    assert!(!chosen.is_empty(), "there is no such exchange");
    for exchange in chosen {
        run(&vectors["config"], exchange);
    }
}

#[test]
fn a_server_does_what_the_vectors_say() {
    run_server(None, &|_| true);
}

#[test]
fn a_client_does_what_the_vectors_say() {
    run_client(None, &|_| true);
}

/// These rules protect an end from a peer that breaks other rules. The model does not show that they are needed, since its ends are
/// honest.
#[test]
fn vectors_fail_without_the_rules_that_restrain_a_peer() {
    let fails = |run: Run, rule, exchange: &str| {
        let run = |without| std::panic::catch_unwind(|| run(without, &|name| name == exchange));
        assert!(run(None).is_ok() && run(Some(rule)).is_err(), "{exchange}");
    };
    fails(run_server, Rule::CheckAck, "an ACK for what was never sent is a violation");
    fails(run_server, Rule::CheckAck, "an ACK that goes back is a violation");
    fails(run_server, Rule::CheckAck, "credit that goes back is a violation");
    fails(run_server, Rule::CheckCredit, "a message behind the credit is a violation");
    fails(run_client, Rule::KeepToMax, "a message that the peer cannot take gives the session up");
}

/// Runs the exchanges whose names are accepted, and leaves a rule out.
type Run = fn(Option<Rule>, &dyn Fn(&str) -> bool);

fn run_server(without: Option<Rule>, is_chosen: &dyn Fn(&str) -> bool) {
    run(SERVER, is_chosen, |config, exchange| {
        let (name, mut tokens, mut acts) = (&exchange["name"], Tokens::default(), Vec::new());
        let mut host = Host::new(limits(config), config["ttl"].as_u64().unwrap());
        host.without = without;
        for step in exchange["steps"].as_array().unwrap() {
            if let Some(frame) = step.get("receive") {
                let principal = step["as"].as_str().unwrap_or("ada");
                acts.extend(host.receive(number(&step["on"]), principal, &tokens.fill(frame)));
            } else if let Some(expected) = step.get("expect") {
                acts.extend(host.poll());
                check(expected, &mut acts, &mut tokens, name);
                continue;
            } else if let Some(socket) = step.get("disconnect") {
                host.disconnected(number(socket), step["code"].as_u64().map(|code| code as u16));
            } else if let Some(store) = step.get("restart") {
                host.restart(store == "stored");
            } else {
                handler(&mut host, step, name);
            }
            acts.extend(host.poll());
        }
    });
}

/// Runs a step of the first session's application. A loss is taken from the first dropped session.
fn handler(host: &mut Host, step: &Value, name: &Value) {
    let is_lost = step["take"].get("lost").is_some();
    if let Some((_, server)) = host.dropped.first_mut().filter(|_| is_lost) {
        return act_for_application(server, step, name);
    }
    let first = host.sessions.iter_mut().find(|((principal, _), _): &(&Key, _)| principal == "ada");
    act_for_application(first.unwrap_or_else(|| panic!("{name}: there is no session")).1, step, name);
}

fn run_client(without: Option<Rule>, is_chosen: &dyn Fn(&str) -> bool) {
    run(CLIENT, is_chosen, |config, exchange| {
        let (name, mut tokens, mut acts) = (&exchange["name"], Tokens::default(), Vec::new());
        let mut client = Client::new("session-name-1-AAAAAAAA", limits(config));
        client.rules.without = without;
        let mut over = false;
        for step in exchange["steps"].as_array().unwrap() {
            if let Some(frame) = step.get("receive") {
                let incoming: Result<_, Violation> = tokens.fill(frame).decode();
                client.receive(Connection(step["on"].as_u64().unwrap()), incoming);
            } else if let Some(expected) = step.get("expect") {
                check(expected, &mut acts, &mut tokens, name);
            } else if let Some(socket) = step.get("open") {
                let connection = client.connect(None);
                assert_eq!(connection, socket.as_u64().map(Connection), "{name}");
            } else if let Some(socket) = step.get("disconnect") {
                let code = step["code"].as_u64().map(|code| code as u16);
                over = client.disconnected(Connection(socket.as_u64().unwrap()), code) == AfterLoss::Over;
            } else if step["is"] == "over" {
                assert!(over || client.is_over(), "{name}");
                assert_eq!(client.connect(None), None, "{name}");
            } else {
                act_for_application(&mut client, step, name);
            }
            acts.extend(std::iter::from_fn(|| client.poll()).filter_map(act));
        }
    });
}

fn act<R>(output: Output<Message, R>) -> Option<Act> {
    let socket = |connection: Connection| connection.0 as usize;
    Some(match output {
        Output::Store(_) => return None,
        Output::Control(connection, frame) => Act::Frame(socket(connection), Wire::Text(frame)),
        Output::Message(connection, message) => Act::Frame(socket(connection), Wire::encode(message)),
        Output::Close(connection, code, _) => Act::Close(socket(connection), code),
    })
}
