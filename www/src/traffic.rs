//! The section “Traffic”: what goes out and comes in, and what is unsent, as curves.

use std::fmt::Write;
use std::rc::Rc;

use web_sys::Element;

use crate::demo::{Demo, HIGH_WATER_MARK, LOW_WATER_MARK};
use crate::format;
use crate::frame::every;
use crate::meter::{SAMPLES, Sample};
use crate::page::{element, set, show};

/// How often is measured, in milliseconds.
const INTERVAL: i32 = 200;

/// The most unsent bytes that the plot has room for. More than the high water mark by what one message may add.
const MOST_BUFFERED: u64 = 2 * HIGH_WATER_MARK;

/// Measures and plots, for as long as there is the page.
pub fn start(demo: &Rc<Demo>) {
    for (id, mark) in [("high-mark", HIGH_WATER_MARK), ("low-mark", LOW_WATER_MARK)] {
        let percent = 100.0 * mark as f64 / MOST_BUFFERED as f64;
        set(&element(id), "style", &format!("--at: {percent}%"));
    }
    let demo = demo.clone();
    every(INTERVAL, move || {
        plot(&demo.meter.sample());
        demo.drawing.show_rate();
    });
}

// region: traffic
/// Plots the samples. `buffered` of each is the `buffered_amount()` of a sender.
fn plot(samples: &[Sample]) {
    let Some(latest) = samples.last() else { return };
    let largest = samples.iter().fold(0.0, |largest: f64, sample| largest.max(sample.sent).max(sample.received));
    let (top, most) = (round_up(largest), MOST_BUFFERED as f64);
    draw("curve-sent", samples.iter().map(|sample| sample.sent / top));
    draw("curve-received", samples.iter().map(|sample| sample.received / top));
    draw("curve-buffered", samples.iter().map(|sample| sample.buffered as f64 / most));
    show("rate-top", &format::rate(top));
    show("rate-sent", &format::rate(latest.sent));
    show("rate-received", &format::rate(latest.received));
    show("buffered", &format::size(latest.buffered));
}
// endregion

fn draw(id: &str, heights: impl Iterator<Item = f64>) {
    set(&element::<Element>(id), "d", &path(heights));
}

/// A line through heights from 0 to 1, as SVG has it: in a box that is as wide as there can be samples, and 100 high.
fn path(heights: impl Iterator<Item = f64>) -> String {
    let heights: Vec<_> = heights.collect();
    let first = SAMPLES - heights.len();
    let mut path = String::new();
    for (index, height) in heights.into_iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {:.1}", first + index, 100.0 - 100.0 * height.min(1.0));
    }
    path
}

/// The next of 1, 2, 5, 10, 20, … that is not smaller; of little, 1 kB.
fn round_up(number: f64) -> f64 {
    let mut round = 1e3;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if round >= number {
            break;
        }
        round *= factor;
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([0.0, 1e3, 1_001.0, 2_001.0, 5_001.0, 9e7].map(round_up), [1e3, 1e3, 2e3, 5e3, 1e4, 1e8]);
    }

    #[test]
    fn the_newest_sample_is_at_the_right_end() {
        assert_eq!(path([0.0, 0.5, 7.0].into_iter()), "M147 100.0L148 50.0L149 0.0");
        assert_eq!(path([].into_iter()), "");
    }
}
