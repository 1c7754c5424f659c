//! The card “Traffic”: curves of the sent, received and unsent bytes.

use std::fmt::Write;

use wasm_bindgen_futures::spawn_local;
use web_sys::Element;

use crate::format::{self, number};
use crate::frame::sleep;
use crate::meter::{INTERVAL, Meter, SAMPLES, Sample};
use crate::page::{element, hide, set, show};
use crate::server::{HIGH_WATER_MARK, LOW_WATER_MARK};

/// The unsent bytes at the top of the plot: a message may exceed the high water mark.
const MOST_BUFFERED: u64 = 2 * HIGH_WATER_MARK;

/// Measures and plots while there is traffic, and rests when the last traffic has left the plot.
pub fn start(meter: &Meter) {
    for (id, mark) in [("high-mark", HIGH_WATER_MARK), ("low-mark", LOW_WATER_MARK)] {
        let percent = 100.0 * mark as f64 / MOST_BUFFERED as f64;
        set(&element(id), "style", &format!("--at: {percent}%"));
    }
    let meter = meter.clone();
    spawn_local(async move {
        loop {
            meter.traffic().await;
            sleep(INTERVAL).await;
            plot(&meter.sample());
        }
    });
}

// region: traffic
/// Plots the samples. `buffered` is the largest `sender.buffered_amount()`.
fn plot(samples: &[Sample]) {
    let Some(latest) = samples.last() else { return };
    let bytes = samples.iter().flat_map(|sample| [sample.sent.bytes, sample.received.bytes]);
    let (top, most) = (round_up(bytes.fold(0.0, f64::max)), MOST_BUFFERED as f64);
    draw("curve-sent", samples.iter().map(|sample| Some(sample.sent.bytes / top)));
    draw("curve-received", samples.iter().map(|sample| Some(sample.received.bytes / top)));
    draw("curve-buffered", samples.iter().map(|sample| Some(sample.buffered as f64 / most)));
    show("rate-top", &format::rate(top));
    show("rate-half", &format::rate(top / 2.0));
    show("buffered", &format::size(latest.buffered));
    for (direction, rate) in [("sent", latest.sent), ("received", latest.received)] {
        show(&format!("rate-{direction}"), &format::rate(rate.bytes));
        show(&format!("messages-{direction}"), &format!("{} messages/s", number(rate.messages.round() as u64)));
    }
    plot_flood(samples);
}

/// Plots how many bytes of a flood the server has sent, by its own count. The plot appears with the first flood.
fn plot_flood(samples: &[Sample]) {
    let by_events = |sample: &Sample| sample.served?.by_events;
    let by_streams = |sample: &Sample| sample.served?.by_streams;
    let most = samples.iter().flat_map(|sample| [by_events(sample), by_streams(sample)]).flatten().max();
    let Some(top) = most.map(|most| round_up(most as f64)) else { return };
    plot_served("events", top, samples.iter().map(by_events));
    plot_served("streams", top, samples.iter().map(by_streams));
    show("served-top", &format::size(top as u64));
    hide(&element("served"), false);
}

fn plot_served(side: &str, top: f64, bytes: impl Iterator<Item = Option<u64>> + Clone) {
    let latest = bytes.clone().flatten().last();
    show(&format!("served-{side}"), &latest.map_or("–".into(), format::size));
    draw(&format!("curve-{side}"), bytes.map(|bytes| Some(bytes? as f64 / top)));
}
// endregion

fn draw(id: &str, heights: impl Iterator<Item = Option<f64>>) {
    set(&element::<Element>(id), "d", &path(heights));
}

/// Returns the path of a line through heights from 0 to 1, for a box that is `SAMPLES` wide and 100 high. The line has a gap where
/// a height is `None`.
fn path(heights: impl Iterator<Item = Option<f64>>) -> String {
    let heights: Vec<_> = heights.collect();
    let first = SAMPLES - heights.len();
    let (mut path, mut command) = (String::new(), 'M');
    for (index, height) in heights.into_iter().enumerate() {
        let Some(height) = height else {
            command = 'M';
            continue;
        };
        let _ = write!(path, "{command}{} {:.1}", first + index, 100.0 - 100.0 * height.min(1.0));
        command = 'L';
    }
    path
}

/// Rounds up to 1, 2, 5, 10, 20, … kB.
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
        assert_eq!(path([0.0, 0.5, 7.0].into_iter().map(Some)), "M147 100.0L148 50.0L149 0.0");
        assert_eq!(path([].into_iter()), "");
    }

    #[test]
    fn a_line_has_gaps_where_nothing_was_measured() {
        let heights = [None, Some(0.0), Some(1.0), None, Some(0.5)];
        assert_eq!(path(heights.into_iter()), "M146 100.0L147 0.0M149 50.0");
    }
}
