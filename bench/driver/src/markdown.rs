//! Formats the results as Markdown.

use std::fmt::Write;
use std::iter;

use time::OffsetDateTime;

use crate::plan::{FLOOD, JAVASCRIPT};
use crate::results::{Clock, Count, Results, Run, in_place};
use crate::size::Chat;

/// Returns all tables.
pub fn all(results: &Results, command: &str) -> String {
    let mut text = format!("`{command}`, {}.\n", OffsetDateTime::now_utc().date());
    for run in &results.runs {
        run.clocks().iter().for_each(|clock| times(&mut text, run, *clock));
        freezes(&mut text, run);
    }
    for run in &results.runs {
        counts(&mut text, run);
        idle(&mut text, run);
        leftovers(&mut text, run);
    }
    sizes(&mut text, results);
    text
}

/// Returns the file of the results: all tables, the plot, and how they are measured.
pub fn file(results: &Results, command: &str) -> String {
    format!(
        "# What messages cost\n\n![The times of the tables below](results.svg)\n\n{METHOD}\n{}",
        all(results, command)
    )
}

/// Returns the file of the codecs: all tables, and how they are measured.
pub fn codecs(results: &Results, command: &str) -> String {
    format!("# What codecs cost\n\n{CODECS}\n{}", all(results, command))
}

/// Returns the file with the sizes of the chats.
pub fn chats(chats: &[Chat], command: &str) -> String {
    let mut text = format!("# What a chat weighs\n\n{CHATS}\n`{command}`, {}.\n\n", OffsetDateTime::now_utc().date());
    header(&mut text, &["by hand", "over this crate", "more"]);
    for chat in chats {
        let more = chat.over_the_crate as i64 - chat.by_hand as i64;
        let percent = 100.0 * more as f64 / chat.by_hand as f64;
        let cells = [chat.by_hand.to_string(), chat.over_the_crate.to_string(), format!("{more} ({percent:.0} %)")];
        row(&mut text, iter::once(chat.name.clone()).chain(cells));
    }
    text
}

const CHATS: &str = "\
The table has the bytes of the wasm and the JavaScript of the chats in `examples/`, without the one in a worker: optimised by
wasm-opt -Oz and terser, or by Vite, and compressed by brotli. “By hand” is the same chat over `bench/by-hand`: a socket with
callbacks, a queue and JSON, and none of this crate's other features. The chat with Leptos uses a session, which loses no message,
even when its server is killed, if the server has a Redis. By hand, it loses the messages that a lost connection has not delivered.
";

const CODECS: &str = "\
Each codec turns records into what JavaScript would send, a string or a buffer, and back. A record has five fields, and about 100
bytes as JSON. The base is JavaScript's own `JSON`, with objects instead of Rust's values. `Json` and `JsonBytes` use serde_json;
`JsJson` uses JavaScript's `JSON` and serde-wasm-bindgen. The minimal app with a codec sends a value with one field, and logs this
field of the answer; `wasm-websocket` is the minimal app without a codec.
";

const METHOD: &str = "\
The browsers run without WebDriver and DevTools, since these make messages more expensive. One page does everything, one thing at
a time, in a random order in each round; the first round only warms up. The base is hand-written JavaScript; `javascript-streams` is
the same over the browser's own `WebSocketStream`, which `wasm-websocket-streams` and `websocket-web` use. In `receive` and `send`,
one side sends all messages without waiting for answers; `echo` has one message in flight. `web-sys-queue` and `web-sys-callback`
are what one writes without a crate. If the ratios of single rounds differ widely, the machine was busy with other work.
";

fn times(text: &mut String, run: &Run, clock: Clock) {
    let contenders = run.contenders();
    if contenders.is_empty() {
        return;
    }
    heading(text, &run.title(clock));
    let rounds = format!("median (least–most) of {} rounds", run.rounds());
    paragraph(
        text,
        &format!("Ratio to JavaScript in the same round, {rounds}; for JavaScript itself, µs per message."),
    );
    header(text, &contenders);
    for case in run.cases() {
        let cells = contenders.iter().map(|contender| time_cell(run, clock, contender, case));
        row(text, iter::once(case.to_owned()).chain(cells));
    }
}

fn time_cell(run: &Run, clock: Clock, contender: &str, case: &str) -> String {
    match run.summary(clock, contender, case) {
        Some(time) if contender == JAVASCRIPT => format!("{:.1} µs", time.median * 1e6),
        Some(time) => format!("{:.2} ({:.2}–{:.2})", time.median, time.least, time.most),
        None => "–".into(),
    }
}

fn freezes(text: &mut String, run: &Run) {
    if run.freezes.is_empty() {
        return;
    }
    heading(text, &format!("{}: milliseconds for which a flood blocks the page", run.name()));
    let messages = FLOOD.messages / 1_000_000;
    paragraph(
        text,
        &format!(
            "The longest time between two timers of the page in each round, while {messages},000,000 messages arrive and \
             nobody reads them. The base is a handler that keeps the last messages."
        ),
    );
    header(text, &["rounds"]);
    for contender in in_place(run.freezes.iter().map(|freeze| freeze.contender.as_str())) {
        let own = run.freezes.iter().filter(|freeze| freeze.contender == contender);
        let rounds: Vec<_> = own.map(|freeze| format!("{:.0}", freeze.milliseconds)).collect();
        row(text, [contender.to_owned(), rounds.join(", ")]);
    }
}

fn counts(text: &mut String, run: &Run) {
    if run.counts.is_empty() {
        return;
    }
    heading(text, &format!("{}: per message", run.browser));
    paragraph(text, "Calls between JavaScript and wasm; allocations (+ reallocations) by Rust.");
    header(text, &in_place(run.counts.iter().map(|count| count.contender.as_str())));
    for case in in_place(run.counts.iter().map(|count| count.work.as_str())) {
        let of_case = run.counts.iter().filter(|count| count.work == case);
        row(text, iter::once(case.to_owned()).chain(of_case.map(count_cell)));
    }
}

fn count_cell(count: &Count) -> String {
    let counts = [count.crossings, count.allocations, count.reallocations];
    let [crossings, allocations, reallocations] = counts.map(|count| number(count.max(0.0)));
    match reallocations.as_str() {
        "0" => format!("{crossings}; {allocations}"),
        _ => format!("{crossings}; {allocations} + {reallocations}"),
    }
}

fn idle(text: &mut String, run: &Run) {
    if run.idle.is_empty() {
        return;
    }
    heading(text, &format!("{}: held by an idle connection", run.browser));
    paragraph(
        text,
        "Blocks and bytes of Rust's memory, slots of its table of JavaScript values, and bytes of JavaScript's memory, \
         which only Chromium reports.",
    );
    header(text, &["blocks", "bytes", "slots", "bytes of JavaScript"]);
    for held in &run.idle {
        let heap = held.heap.map_or("–".into(), |heap| format!("{heap:.0}"));
        row(text, [held.contender.clone(), number(held.blocks), number(held.bytes), number(held.slots), heap]);
    }
}

fn leftovers(text: &mut String, run: &Run) {
    if run.leftovers.is_empty() {
        return;
    }
    heading(text, &format!("{}: left over per dropped socket", run.browser));
    paragraph(text, "Blocks and bytes of Rust's memory, and slots of its table of JavaScript values.");
    header(text, &["blocks", "bytes", "slots"]);
    for left in &run.leftovers {
        row(text, [left.contender.clone(), number(left.blocks), number(left.bytes), number(left.slots)]);
    }
}

fn sizes(text: &mut String, results: &Results) {
    if results.sizes.is_empty() {
        return;
    }
    heading(text, "Bytes of a minimal app");
    paragraph(text, "The app connects, sends one text and logs the answer. Apps called `…-errors` also log errors.");
    header(text, &["made by", "wasm", "glue", "both, gzip", "both, brotli"]);
    for size in &results.sizes {
        let how = if size.is_optimised { "… and wasm-opt -Oz, terser" } else { "wasm-bindgen" };
        let bytes = [size.wasm, size.glue, size.gzip, size.brotli].map(|bytes| bytes.to_string());
        row(text, [size.name.clone(), how.into()].into_iter().chain(bytes));
    }
}

/// Formats a number with at most two decimals, and without trailing zeros.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn heading(text: &mut String, heading: &str) {
    let _ = writeln!(text, "\n## {heading}");
}

fn paragraph(text: &mut String, paragraph: &str) {
    let _ = writeln!(text, "\n{paragraph}\n");
}

/// Writes the first row of a table, with an empty first cell, and the line below it.
fn header(text: &mut String, names: &[&str]) {
    row(text, iter::once("").chain(names.iter().copied()));
    row(text, iter::repeat_n("---", names.len() + 1));
}

fn row<T: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = T>) {
    let cells: Vec<_> = cells.into_iter().map(|cell| format!(" {} |", cell.as_ref())).collect();
    let _ = writeln!(text, "|{}", cells.concat());
}
