//! What is measured.

use serde::Serialize;

use crate::size::Size;

/// The plan of a run: what the page measures.
#[derive(Clone, Serialize)]
pub struct Plan {
    contenders: Vec<&'static str>,
    cases: Vec<Case>,
    rounds: u32,
    /// The number of sockets to open and drop.
    sockets: u32,
    /// The flood that arrives while a reader sleeps, if any.
    flood: Option<Flood>,
    /// Whether the exact counts are measured, rather than times.
    counts: bool,
    /// The folders of the minimal apps to try.
    apps: Vec<String>,
}

/// Messages that arrive while nobody reads.
#[derive(Clone, Copy, Serialize)]
pub struct Flood {
    pub messages: u32,
    /// Bytes of a message.
    size: u32,
    /// The number of messages that may be queued. Beyond it, the oldest are dropped.
    limit: u32,
    rounds: u32,
}

pub const FLOOD: Flood = Flood { messages: 1_000_000, size: 4, limit: 10_000, rounds: 3 };

/// A case that contenders are measured with.
#[derive(Clone, Copy, Serialize)]
pub struct Case {
    pub name: &'static str,
    job: &'static str,
    content: &'static str,
    /// The bytes of a binary message, the characters of a text, or the number of a codec's records.
    size: usize,
    /// The number of messages.
    count: u32,
    /// The number of connections, which share the messages.
    connections: u32,
}

/// The contenders that the page knows. JavaScript is the base, with which the others are compared.
const CONTENDERS: &[&str] = &[
    JAVASCRIPT,
    "javascript-streams",
    "wasm-websocket",
    "wasm-websocket-callback",
    "wasm-websocket-streams",
    "wasm-websocket-reconnecting",
    "wasm-websocket-session",
    "web-sys-queue",
    "web-sys-callback",
    "gloo-net",
    "ws_stream_wasm",
    "websocket-web",
    "websocket-web-standard",
];

/// The minimal apps that do not have the name of their contender.
const APPS: &[&str] = &[
    "wasm-websocket-errors",
    "web-sys-queue-errors",
    "gloo-net-errors",
    "ws_stream_wasm-errors",
    "websocket-web-errors",
];

/// JavaScript's own `JSON`, and the codecs.
const CODECS: &[&str] = &[JAVASCRIPT, "Json", "JsonBytes", "JsJson", "Postcard"];

/// The minimal apps with a codec.
const CODEC_APPS: &[&str] = &["json", "js-json", "postcard"];

pub const JAVASCRIPT: &str = "javascript";

const fn case(name: &'static str, job: &'static str, content: &'static str, size: usize, count: u32) -> Case {
    Case { name, job, content, size, count, connections: 1 }
}

/// Returns a case with ten messages per second on each connection, for two seconds.
const fn trickle(name: &'static str, connections: u32) -> Case {
    Case { connections, ..case(name, "trickle", "ascii", 32, 20 * connections) }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const CASES: &[Case] = &[
    case("receive text 32 B", "receive", "ascii", 32, 20_000),
    case("receive binary 32 B", "receive", "binary", 32, 20_000),
    case("receive text 4 KiB ASCII", "receive", "ascii", 4 * KIB, 2_000),
    case("receive text 4 KiB non-ASCII", "receive", "non-ascii", 4 * KIB, 2_000),
    case("receive binary 1 MiB", "receive", "binary", MIB, 50),
    case("send text 32 B", "send", "ascii", 32, 10_000),
    case("send binary 32 B", "send", "binary", 32, 10_000),
    case("send text 4 KiB ASCII", "send", "ascii", 4 * KIB, 2_000),
    case("send text 4 KiB non-ASCII", "send", "non-ascii", 4 * KIB, 2_000),
    case("send binary 1 MiB", "send", "binary", MIB, 50),
    case("echo text 32 B", "echo", "ascii", 32, 1_000),
    case("echo binary 32 B", "echo", "binary", 32, 1_000),
    trickle("trickle on 16 connections", 16),
    trickle("trickle on 200 connections", 200),
];

/// The cases of codecs, each with a number of records at once.
const CODEC_CASES: &[Case] = &[
    case("encode 1 record", "encode", "", 1, 80_000),
    case("encode 10 records", "encode", "", 10, 16_000),
    case("encode 1,000 records", "encode", "", 1_000, 160),
    case("decode 1 record", "decode", "", 1, 80_000),
    case("decode 10 records", "decode", "", 10, 16_000),
    case("decode 1,000 records", "decode", "", 1_000, 160),
];

impl Plan {
    /// Plans to measure these contenders and cases. Empty lists mean all.
    pub fn new(only: &[String], cases: &[String], rounds: u32) -> Self {
        let is_asked_for =
            |name: &&&str| only.is_empty() || **name == JAVASCRIPT || only.iter().any(|one| one == **name);
        let has_a_word = |case: &&Case| cases.is_empty() || cases.iter().any(|word| case.name.contains(word.as_str()));
        Self {
            contenders: CONTENDERS.iter().filter(is_asked_for).copied().collect(),
            cases: CASES.iter().filter(has_a_word).copied().collect(),
            rounds,
            sockets: 1000,
            flood: None,
            counts: false,
            apps: Vec::new(),
        }
    }

    /// Adds a flood, which measures for how long the page is blocked. Beside busy loops it would take minutes, and show their share.
    pub fn with_flood(self) -> Self {
        Self { flood: Some(FLOOD), ..self }
    }

    /// Plans to measure the codecs, and to try the apps that use them.
    pub fn codecs(rounds: u32, sizes: &[Size]) -> Self {
        let apps = sizes.iter().map(|size| size.folder.clone()).collect();
        Self {
            contenders: CODECS.to_vec(),
            cases: CODEC_CASES.to_vec(),
            rounds,
            sockets: 0,
            flood: None,
            counts: false,
            apps,
        }
    }

    /// Returns the plan for the exact counts. It also tries the apps that were weighed.
    pub fn counts(&self, sizes: &[Size]) -> Self {
        let apps = sizes.iter().map(|size| size.folder.clone()).collect();
        // A trickle has the same counts as receiving.
        let cases = self.cases.iter().filter(|case| case.connections == 1).copied().collect();
        Self { counts: true, apps, cases, ..self.clone() }
    }
}

/// Returns the place of a contender, a case or an app in tables.
pub fn place(name: &str) -> usize {
    names().position(|other| other == name).unwrap_or(usize::MAX)
}

/// Returns whether a contender, a case or an app has this name.
pub fn has(name: &str) -> bool {
    names().any(|other| other == name)
}

fn names() -> impl Iterator<Item = &'static str> {
    let cases = CASES.iter().chain(CODEC_CASES).map(|case| case.name);
    CONTENDERS.iter().chain(APPS).chain(CODECS).chain(CODEC_APPS).copied().chain(cases)
}
