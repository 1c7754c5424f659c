//! The results as Markdown.

use std::fmt::Write;

use time::OffsetDateTime;

use crate::plan::JAVASCRIPT;
use crate::results::{Results, Run};

/// All tables.
pub fn all(results: &Results, command: &str) -> String {
    let mut text = format!("`{command}`, {}.\n", OffsetDateTime::now_utc().date());
    for run in &results.runs {
        times(&mut text, run);
    }
    for run in &results.runs {
        counts(&mut text, run);
        leftovers(&mut text, run);
    }
    sizes(&mut text, results);
    text
}

fn times(text: &mut String, run: &Run) {
    let contenders = run.contenders();
    if contenders.is_empty() {
        return;
    }
    let what = if run.is_cpu() { "CPU time of the page's main thread" } else { "wall time" };
    let load = if run.is_loaded { "two busy loops beside it" } else { "nothing beside it" };
    heading(text, &format!("{}, {load}: {what}", run.browser));
    paragraph(
        text,
        "Ratio to JavaScript in the same round, median (least–most); for JavaScript itself, µs per message.",
    );
    row(text, std::iter::once("").chain(contenders.iter().copied()));
    row(text, std::iter::repeat_n("---", contenders.len() + 1));
    for case in run.cases() {
        let cells = contenders.iter().map(|contender| cell(run, contender, case));
        row(text, std::iter::once(case.to_owned()).chain(cells));
    }
}

fn cell(run: &Run, contender: &str, case: &str) -> String {
    match run.summary(contender, case) {
        Some(time) if contender == JAVASCRIPT => format!("{:.1} µs", time.median * 1e6),
        Some(time) => format!("{:.2} ({:.2}–{:.2})", time.median, time.least, time.most),
        None => "–".into(),
    }
}

fn counts(text: &mut String, run: &Run) {
    if run.counts.is_empty() {
        return;
    }
    heading(text, &format!("{}: per message", run.browser));
    paragraph(text, "Calls between JavaScript and wasm; allocations (+ reallocations) by Rust.");
    let mut cases: Vec<_> = run.counts.iter().map(|count| count.work.as_str()).collect();
    cases.sort_by_key(|case| crate::plan::place(case));
    cases.dedup();
    let mut contenders: Vec<_> = run.counts.iter().map(|count| count.contender.as_str()).collect();
    contenders.dedup();
    row(text, std::iter::once("").chain(contenders.iter().copied()));
    row(text, std::iter::repeat_n("---", contenders.len() + 1));
    for case in cases {
        let of_case = run.counts.iter().filter(|count| count.work == case);
        let cells = of_case.map(|count| {
            format!("{}; {} + {}", number(count.crossings), number(count.allocations), number(count.reallocations))
        });
        row(text, std::iter::once(case.to_owned()).chain(cells));
    }
}

fn leftovers(text: &mut String, run: &Run) {
    if run.leftovers.is_empty() {
        return;
    }
    heading(text, &format!("{}: left over per dropped socket", run.browser));
    row(text, ["", "blocks", "bytes", "slots for JavaScript values"]);
    row(text, ["---"; 4]);
    for left in &run.leftovers {
        row(text, [left.contender.clone(), number(left.blocks), number(left.bytes), number(left.slots)]);
    }
}

fn sizes(text: &mut String, results: &Results) {
    heading(text, "Bytes of a minimal app");
    paragraph(text, "It connects, sends one text and logs the answer.");
    row(text, ["", "", "wasm", "glue", "gzip", "brotli"]);
    row(text, ["---"; 6]);
    for size in &results.sizes {
        let how = if size.is_optimised { "wasm-opt -Oz, terser" } else { "wasm-bindgen" };
        let bytes = [size.wasm, size.glue, size.gzip, size.brotli].map(|bytes| bytes.to_string());
        row(text, [size.name.clone(), how.into()].into_iter().chain(bytes));
    }
}

/// With as many digits as say something.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn heading(text: &mut String, heading: &str) {
    let _ = writeln!(text, "\n## {heading}");
}

fn paragraph(text: &mut String, paragraph: &str) {
    let _ = writeln!(text, "\n{paragraph}");
}

fn row<T: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = T>) {
    let cells: Vec<_> = cells.into_iter().map(|cell| format!(" {} |", cell.as_ref())).collect();
    let _ = writeln!(text, "|{}", cells.concat());
}
