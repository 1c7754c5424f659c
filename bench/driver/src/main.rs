//! Runs the bench's page in browsers without DevTools and WebDriver, and writes the results.
//!
//! ```text
//! plan ─▶ parts ─▶ server ◀─▶ the page, in a browser ─▶ report ─▶ counts ─▶ limits
//!                    └─▶ cpu                                  └─▶ times ─┬─▶ markdown
//!                                                      sizes ────────────┴─▶ plot
//! ```

mod browser;
mod cpu;
mod limits;
mod load;
mod markdown;
mod parts;
mod peer;
mod plan;
mod plot;
mod results;
mod server;
mod size;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::browser::Browser;
use crate::load::Load;
use crate::parts::Parts;
use crate::plan::Plan;
use crate::results::{Results, Run};

/// Runs the bench's page. `cargo xtask bench` builds what this needs, and calls it.
#[derive(Parser)]
struct Options {
    /// The folder of the built page. Its folder `apps` has the minimal apps.
    #[arg(long)]
    page: PathBuf,
    /// The file with the limits of the exact counts.
    #[arg(long)]
    limits: PathBuf,
    /// A browser, as in `Chromium 156.0=/usr/bin/chromium`.
    #[arg(long = "browser", required = true)]
    browsers: Vec<Browser>,
    /// Measures only these contenders.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measures only cases whose name contains one of these.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// The number of rounds.
    #[arg(long)]
    rounds: u32,
    /// Measures times once more while two busy loops run.
    #[arg(long)]
    load: bool,
    /// Goes on with an interrupted run: takes what it has measured of the same page, and measures the rest.
    #[arg(long)]
    resume: bool,
    /// Also measures for how long a flood blocks the page.
    #[arg(long)]
    flood: bool,
    /// Measures only the exact counts, not times, and fails if they exceed the limits.
    #[arg(long)]
    counts: bool,
    /// Measures the codecs instead of connections.
    #[arg(long)]
    codecs: bool,
    /// Only weighs the chats.
    #[arg(long)]
    chats: bool,
    /// The folder to write the results to. Without this option they are only printed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The command that the results name as their source.
    #[arg(long)]
    command: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    if options.chats {
        return weigh_chats(&options);
    }
    let results = if options.codecs { measure_codecs(&options).await? } else { measure(&options).await? };
    println!("{}", markdown::all(&results, &options.command));
    if let Some(folder) = &options.out {
        write(folder, &results, &options)?;
    }
    let broken = limits::broken(&options.limits, &results)?;
    ensure!(broken.is_empty(), "counts exceed their limits in {}:\n{}", options.limits.display(), broken.join("\n"));
    Ok(())
}

async fn measure(options: &Options) -> Result<Results> {
    let unknown: Vec<_> = options.only.iter().filter(|name| !plan::has(name)).cloned().collect();
    ensure!(unknown.is_empty(), "unknown contenders: {}", unknown.join(", "));
    let plan = Plan::new(&options.only, &options.cases, options.rounds);
    let idle = if options.flood || options.out.is_some() { plan.clone().with_flood() } else { plan.clone() };
    let mut results = Results::default();
    // A partial run skips the counts, so that whoever times a few cases repeatedly does not wait for them.
    let is_counted = options.counts || options.out.is_some();
    if is_counted {
        results.sizes = size::all(&options.page.join("apps"))?;
    }
    let parts = Parts::open(&options.page, options.resume)?;
    for browser in &options.browsers {
        let mut run = Run::new(&browser.name, false);
        if is_counted {
            run.add(parts.run(browser, "counts", &plan.counts(&results.sizes)).await?);
        }
        if !options.counts {
            run.add(parts.run(browser, "idle", &idle).await?);
        }
        results.runs.push(run);
        if options.load && !options.counts {
            let _load = Load::start();
            let mut run = Run::new(&browser.name, true);
            run.add(parts.run(browser, "loaded", &plan).await?);
            results.runs.push(run);
        }
    }
    Ok(results)
}

fn weigh_chats(options: &Options) -> Result<()> {
    let text = markdown::chats(&size::chats(&options.page.join("chats"))?, &options.command);
    println!("{text}");
    options.out.as_ref().map_or(Ok(()), |folder| write_file(folder, "CHATS.md", text))
}

async fn measure_codecs(options: &Options) -> Result<Results> {
    let sizes = size::all(&options.page.join("apps"))?;
    let plan = Plan::codecs(options.rounds, &sizes);
    let mut results = Results { sizes, ..Results::default() };
    let parts = Parts::open(&options.page, options.resume)?;
    for browser in &options.browsers {
        let mut run = Run::new(&browser.name, false);
        run.add(parts.run(browser, "codecs", &plan).await?);
        results.runs.push(run);
    }
    Ok(results)
}

fn write(folder: &Path, results: &Results, options: &Options) -> Result<()> {
    if options.codecs {
        return write_file(folder, "CODECS.md", markdown::codecs(results, &options.command));
    }
    write_file(folder, "RESULTS.md", markdown::file(results, &options.command))?;
    plot::write(&folder.join("results.svg"), results)
}

fn write_file(folder: &Path, name: &str, text: String) -> Result<()> {
    let file = folder.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}
