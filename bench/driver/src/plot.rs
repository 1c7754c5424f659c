//! Draws the times as a plot. Each browser has its cases, and each case a dot per contender at the median, on a line from the
//! least to the most.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::{Results, Run, Summary};

/// The contenders over the browser's `WebSocket`, which every crate has, in colours that people with colour blindness can tell apart,
/// too, by Okabe and Ito. More in one plot cannot be told apart: the tables have all.
const CONTENDERS: &[(&str, &str)] = &[
    ("wasm-websocket", "#d55e00"),
    ("wasm-websocket-callback", "#e69f00"),
    ("web-sys-queue", "#000000"),
    ("web-sys-callback", "#999999"),
    ("gloo-net", "#0072b2"),
    ("ws_stream_wasm", "#56b4e9"),
    ("websocket-web", "#009e73"),
    ("websocket-web-standard", "#cc79a7"),
];

// Lengths in pixels.
const PANEL: f64 = 570.0;
const LABELS: f64 = 190.0;
const SCALE: f64 = 310.0;
const LEGEND: f64 = 50.0;
const HEADING: f64 = 40.0;
const DOT: f64 = 8.0;
const GAP: f64 = 8.0;
/// The height of a case.
const CASE: f64 = CONTENDERS.len() as f64 * DOT + GAP;

/// The ratios at the ends of the scale. A greater ratio is written at its end.
const ENDS: (f64, f64) = (0.5, 2.5);

/// Draws all runs, two side by side.
pub fn write(file: &Path, results: &Results) -> Result<()> {
    let runs: Vec<_> = results.runs.iter().filter(|run| !run.cases().is_empty()).collect();
    let cases = runs.first().map_or(0, |run| cases(run).count());
    let height = HEADING + cases as f64 * CASE + GAP;
    let mut svg = legend();
    for (index, run) in runs.iter().enumerate() {
        let (x, y) = ((index % 2) as f64 * PANEL, LEGEND + (index / 2) as f64 * height);
        let _ = writeln!(svg, "<g transform=\"translate({x},{y})\">\n{}</g>", panel(run));
    }
    let (width, height) = (2.0 * PANEL, LEGEND + runs.len().div_ceil(2) as f64 * height);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n{svg}</svg>\n"
    );
    fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))
}

/// Returns the cases that are plotted: all but the trickles, in which every contender mostly waits.
fn cases(run: &Run) -> impl Iterator<Item = &str> {
    run.cases().into_iter().filter(|case| !case.starts_with("trickle"))
}

fn legend() -> String {
    const COLUMNS: usize = 4;
    let mut svg = String::new();
    for (index, (name, colour)) in CONTENDERS.iter().enumerate() {
        let x = 2.0 * GAP + (index % COLUMNS) as f64 * 2.0 * PANEL / COLUMNS as f64;
        let y = 16.0 + (index / COLUMNS) as f64 * 18.0;
        let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/>");
        text(&mut svg, x + GAP, y + 4.0, "start", name);
    }
    svg
}

fn panel(run: &Run) -> String {
    let mut svg = String::new();
    let clock = run.clocks()[0];
    text(&mut svg, GAP, 16.0, "start", &format!("{}, × JavaScript", run.title(clock)));
    let bottom = HEADING + cases(run).count() as f64 * CASE;
    for ratio in [0.5, 1.0, 1.5, 2.0, 2.5] {
        let colour = if ratio == 1.0 { "#666" } else { "#ddd" };
        line(&mut svg, (x(ratio), HEADING), (x(ratio), bottom), colour);
        text(&mut svg, x(ratio), HEADING - 6.0, "middle", &ratio.to_string());
    }
    for (index, case) in cases(run).enumerate() {
        let top = HEADING + index as f64 * CASE;
        line(&mut svg, (GAP, top), (x(ENDS.1), top), "#ddd");
        text(&mut svg, GAP, top + CASE / 2.0 + 4.0, "start", case);
        for (index, (name, colour)) in CONTENDERS.iter().enumerate() {
            if let Some(summary) = run.summary(clock, name, case) {
                mark(&mut svg, top + GAP + index as f64 * DOT, &summary, colour);
            }
        }
    }
    svg
}

/// Returns the position of a ratio on the scale.
fn x(ratio: f64) -> f64 {
    let (least, most) = ENDS;
    LABELS + (ratio.clamp(least, most) - least) / (most - least) * SCALE
}

fn mark(svg: &mut String, y: f64, summary: &Summary, colour: &str) {
    line(svg, (x(summary.least), y), (x(summary.most), y), colour);
    let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>", x(summary.median));
    if summary.median > ENDS.1 {
        let _ = writeln!(svg, "<g font-size=\"8\">");
        text(svg, x(ENDS.1) + GAP, y + 3.0, "start", &format!("{:.1} →", summary.median));
        let _ = writeln!(svg, "</g>");
    }
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) {
    let _ = writeln!(svg, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"{colour}\"/>");
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}
