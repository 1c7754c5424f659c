//! The results of the measurements.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::{self, JAVASCRIPT};
use crate::size::Size;

/// A report of the page.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Report {
    Time(Time),
    Count(Count),
    Idle(Held),
    Leftover(Held),
    Freeze(Freeze),
    Failed { message: String },
    Done,
}

/// The time that one contender took for one case in one round.
#[derive(Serialize, Deserialize)]
pub struct Time {
    contender: String,
    work: String,
    round: u32,
    /// The number of messages.
    count: u32,
    /// The wall time in seconds.
    wall: f64,
    /// The CPU time of the page's main thread in seconds, where it is known.
    pub cpu: Option<f64>,
}

/// Exact counts per message.
#[derive(Serialize, Deserialize)]
pub struct Count {
    pub contender: String,
    pub work: String,
    /// Calls between JavaScript and wasm, both ways.
    pub crossings: f64,
    /// Blocks that Rust allocated.
    pub allocations: f64,
    /// Blocks whose size Rust changed.
    pub reallocations: f64,
}

/// What an idle socket holds, or leaves behind when it is dropped.
#[derive(Serialize, Deserialize)]
pub struct Held {
    pub contender: String,
    /// Blocks of Rust's memory.
    pub blocks: f64,
    /// Bytes of Rust's memory.
    pub bytes: f64,
    /// JavaScript values that Rust holds.
    pub slots: f64,
    /// Bytes of JavaScript's memory, where they are known.
    #[serde(default)]
    pub heap: Option<f64>,
}

/// For how long a flood blocked the page.
#[derive(Serialize, Deserialize)]
pub struct Freeze {
    pub contender: String,
    pub milliseconds: f64,
}

/// All results.
#[derive(Default)]
pub struct Results {
    pub runs: Vec<Run>,
    pub sizes: Vec<Size>,
}

/// The results of one browser, on an idle or a loaded machine.
pub struct Run {
    pub browser: String,
    pub is_loaded: bool,
    pub counts: Vec<Count>,
    pub idle: Vec<Held>,
    pub leftovers: Vec<Held>,
    pub freezes: Vec<Freeze>,
    times: Vec<Time>,
}

/// The clock that measures a time.
#[derive(Clone, Copy)]
pub enum Clock {
    /// The main thread's CPU time, as the system counts it.
    Cpu,
    /// Wall time, which includes the time that other programs take.
    Wall,
}

/// The times of one contender for one case, in all rounds: ratios to JavaScript's time in the same round. JavaScript's own times
/// are seconds per message.
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Run {
    pub fn new(browser: &str, is_loaded: bool) -> Self {
        let browser = browser.into();
        let (counts, idle, leftovers, freezes, times) = Default::default();
        Self { browser, is_loaded, counts, idle, leftovers, freezes, times }
    }

    /// Adds the reports of a page.
    pub fn add(&mut self, reports: Vec<Report>) {
        for report in reports {
            match report {
                // The first round only warms up.
                Report::Time(Time { round: 0, .. }) => {}
                Report::Time(time) => self.times.push(time),
                Report::Count(count) => self.counts.push(count),
                Report::Idle(idle) => self.idle.push(idle),
                Report::Leftover(leftover) => self.leftovers.push(leftover),
                Report::Freeze(freeze) => self.freezes.push(freeze),
                Report::Failed { .. } | Report::Done => {}
            }
        }
    }

    /// Returns the title of the times: the browser, the load, and what was measured.
    pub fn title(&self, clock: Clock) -> String {
        let what = match clock {
            Clock::Cpu => "CPU time of the main thread",
            Clock::Wall => "wall time",
        };
        format!("{}: {what}", self.name())
    }

    /// Returns the browser's name, and the load, if any.
    pub fn name(&self) -> String {
        let load = if self.is_loaded { ", with two busy loops" } else { "" };
        format!("{}{load}", self.browser)
    }

    /// Returns the clocks that were read, the more meaningful one first.
    pub fn clocks(&self) -> &'static [Clock] {
        match self.times.iter().all(|time| time.cpu.is_some()) {
            true => &[Clock::Cpu, Clock::Wall],
            false => &[Clock::Wall],
        }
    }

    /// Returns the number of rounds that were timed.
    pub fn rounds(&self) -> u32 {
        self.times.iter().map(|time| time.round).max().unwrap_or_default()
    }

    /// Returns the contenders that were timed, JavaScript first.
    pub fn contenders(&self) -> Vec<&str> {
        in_place(self.times.iter().map(|time| time.contender.as_str()))
    }

    /// Returns the cases that were timed.
    pub fn cases(&self) -> Vec<&str> {
        in_place(self.times.iter().map(|time| time.work.as_str()))
    }

    /// Returns the summary of a contender's times for a case, if there are any.
    pub fn summary(&self, clock: Clock, contender: &str, case: &str) -> Option<Summary> {
        let base = self.seconds_per_message(clock, JAVASCRIPT, case);
        let own = self.seconds_per_message(clock, contender, case);
        let ratio = |(round, seconds): (&u32, &f64)| Some(seconds / base.get(round)?);
        match contender {
            JAVASCRIPT => Summary::new(base.values().copied().collect()),
            _ => Summary::new(own.iter().filter_map(ratio).collect()),
        }
    }

    /// Returns the seconds per message in each round.
    fn seconds_per_message(&self, clock: Clock, contender: &str, case: &str) -> BTreeMap<u32, f64> {
        let times = self.times.iter().filter(|time| time.contender == contender && time.work == case);
        let seconds = |time: &Time| match clock {
            Clock::Cpu => time.cpu.unwrap_or_default(),
            Clock::Wall => time.wall,
        };
        times.map(|time| (time.round, seconds(time) / f64::from(time.count))).collect()
    }
}

impl Summary {
    fn new(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => (values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0,
            _ => *values.get(middle)?,
        };
        Some(Self { median, least: *values.first()?, most: *values.last()? })
    }
}

/// Returns each of these names once, in the order of the plan.
pub fn in_place<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| plan::place(name));
    names.dedup();
    names
}
