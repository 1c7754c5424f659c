//! Compares the exact counts with their limits.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::plan;
use crate::results::{Count, Held, Results};
use crate::size::Size;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// The counts of a message, by contender and case.
    message: BTreeMap<String, BTreeMap<String, PerMessage>>,
    /// What an idle socket holds, by contender.
    idle: BTreeMap<String, PerSocket>,
    /// What a dropped socket leaves behind, by contender.
    leftover: BTreeMap<String, PerSocket>,
    /// The bytes of the minimal app, optimised and compressed by brotli, by app.
    app: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PerMessage {
    crossings: f64,
    allocations: f64,
    reallocations: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PerSocket {
    blocks: f64,
    bytes: f64,
    slots: f64,
}

/// Returns a description of each count that exceeds its limit.
pub fn broken(file: &Path, results: &Results) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let limits: Limits = toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    let unknown: Vec<_> = limits.names().filter(|name| !plan::has(name)).collect();
    ensure!(unknown.is_empty(), "unknown names in {}: {}", file.display(), unknown.join(", "));
    let mut broken = Vec::new();
    for run in &results.runs {
        let counts = run.counts.iter().flat_map(|count| limits.of_count(count));
        let idle = run.idle.iter().flat_map(|held| of_held(&limits.idle, held, "held by an idle socket"));
        let leftovers =
            run.leftovers.iter().flat_map(|held| of_held(&limits.leftover, held, "left by a dropped socket"));
        broken.extend(counts.chain(idle).chain(leftovers).map(|what| format!("{}: {what}", run.browser)));
    }
    broken.extend(results.sizes.iter().flat_map(|size| limits.of_size(size)));
    Ok(broken)
}

impl Limits {
    /// Returns the names of contenders, cases and apps in the limits.
    fn names(&self) -> impl Iterator<Item = &str> {
        let cases = self.message.values().flat_map(|cases| cases.keys());
        let contenders = self.message.keys().chain(self.idle.keys()).chain(self.leftover.keys()).chain(self.app.keys());
        cases.chain(contenders).map(String::as_str)
    }

    fn of_count(&self, count: &Count) -> Vec<String> {
        let Some(limit) = self.message.get(&count.contender).and_then(|cases| cases.get(&count.work)) else {
            return Vec::new();
        };
        let name = format!("{}, {}", count.contender, count.work);
        above(
            &name,
            &[
                ("crossings per message", count.crossings, limit.crossings),
                ("allocations per message", count.allocations, limit.allocations),
                ("reallocations per message", count.reallocations, limit.reallocations),
            ],
        )
    }

    fn of_size(&self, size: &Size) -> Vec<String> {
        match self.app.get(&size.name) {
            Some(&limit) if size.is_optimised => {
                above(&size.name, &[("bytes of the minimal app, by brotli", size.brotli as f64, limit as f64)])
            }
            _ => Vec::new(),
        }
    }
}

fn of_held(limits: &BTreeMap<String, PerSocket>, held: &Held, when: &str) -> Vec<String> {
    let Some(limit) = limits.get(&held.contender) else { return Vec::new() };
    let [blocks, bytes, slots] = ["blocks", "bytes", "slots"].map(|what| format!("{what} {when}"));
    above(
        &held.contender,
        &[(&blocks, held.blocks, limit.blocks), (&bytes, held.bytes, limit.bytes), (&slots, held.slots, limit.slots)],
    )
}

fn above(name: &str, counts: &[(&str, f64, f64)]) -> Vec<String> {
    let above = counts.iter().filter(|(_, count, limit)| count > limit);
    above.map(|(what, count, limit)| format!("{name}: {count} {what}; the limit is {limit}")).collect()
}
