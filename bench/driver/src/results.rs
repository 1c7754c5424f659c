//! What was measured.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::plan::{self, JAVASCRIPT};
use crate::size::Size;

/// What the page reports.
#[derive(Deserialize)]
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
#[derive(Deserialize)]
pub struct Time {
    contender: String,
    work: String,
    round: u32,
    /// Messages.
    count: u32,
    /// Seconds that went by.
    wall: f64,
    /// Seconds that the page's main thread was at work, where that is known.
    pub cpu: Option<f64>,
}

/// Exact counts per message.
#[derive(Deserialize)]
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
#[derive(Deserialize)]
pub struct Held {
    pub contender: String,
    /// Blocks of Rust's memory.
    pub blocks: f64,
    /// Bytes of Rust's memory.
    pub bytes: f64,
    /// JavaScript values that Rust holds.
    pub slots: f64,
    /// Bytes of JavaScript's memory, where that is known.
    #[serde(default)]
    pub heap: Option<f64>,
}

/// How long the page did not answer in a flood.
#[derive(Deserialize)]
pub struct Freeze {
    pub contender: String,
    pub milliseconds: f64,
}

/// Everything.
#[derive(Default)]
pub struct Results {
    pub runs: Vec<Run>,
    pub sizes: Vec<Size>,
}

/// What came of one browser, idle or loaded.
pub struct Run {
    pub browser: String,
    pub is_loaded: bool,
    pub counts: Vec<Count>,
    pub idle: Vec<Held>,
    pub leftovers: Vec<Held>,
    pub freezes: Vec<Freeze>,
    times: Vec<Time>,
}

/// What a time is read from.
#[derive(Clone, Copy)]
pub enum Clock {
    /// The system's account of the main thread.
    Cpu,
    /// The clock on the wall, which goes on while others are at work.
    Wall,
}

/// Times of one contender for one case, in all rounds.
pub struct Summary {
    /// Of what JavaScript took in the same round. For JavaScript, seconds per message.
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

    /// Adds what a page has reported.
    pub fn add(&mut self, reports: Vec<Report>) {
        for report in reports {
            match report {
                // It warms up.
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

    /// What was measured where.
    pub fn title(&self, clock: Clock) -> String {
        let what = match clock {
            Clock::Cpu => "CPU time of the main thread",
            Clock::Wall => "wall time",
        };
        format!("{}: {what}", self.name())
    }

    /// The browser, and what runs beside it.
    pub fn name(&self) -> String {
        let load = if self.is_loaded { ", with two busy loops" } else { "" };
        format!("{}{load}", self.browser)
    }

    /// The clocks that were read, the one first that says more.
    pub fn clocks(&self) -> &'static [Clock] {
        match self.times.iter().all(|time| time.cpu.is_some()) {
            true => &[Clock::Cpu, Clock::Wall],
            false => &[Clock::Wall],
        }
    }

    /// How often each was timed.
    pub fn rounds(&self) -> u32 {
        self.times.iter().map(|time| time.round).max().unwrap_or_default()
    }

    /// The contenders that were timed, JavaScript first.
    pub fn contenders(&self) -> Vec<&str> {
        in_place(self.times.iter().map(|time| time.contender.as_str()))
    }

    /// The cases that were timed.
    pub fn cases(&self) -> Vec<&str> {
        in_place(self.times.iter().map(|time| time.work.as_str()))
    }

    /// The times of a contender for a case.
    pub fn summary(&self, clock: Clock, contender: &str, case: &str) -> Option<Summary> {
        let base = self.seconds_per_message(clock, JAVASCRIPT, case);
        let own = self.seconds_per_message(clock, contender, case);
        let ratio = |(round, seconds): (&u32, &f64)| Some(seconds / base.get(round)?);
        match contender {
            JAVASCRIPT => Summary::new(base.values().copied().collect()),
            _ => Summary::new(own.iter().filter_map(ratio).collect()),
        }
    }

    /// By round.
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

/// Each of these names once, in the order of the plan.
pub fn in_place<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| plan::place(name));
    names.dedup();
    names
}
