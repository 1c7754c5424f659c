//! Measures the demo page: its Lighthouse scores, its CPU time when idle, and the echoed drawings per second.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::browser::{self, Browser};
use crate::server::{Options, Server};
use crate::step::step;
use crate::toolchain::{self, Toolchain, Way};
use crate::{npm, page, test};

const PACKAGE: &str = "lighthouse@12.8.2";

/// npm installs the versions that dependencies had on this day, so that the scores change only when the page does.
const DAY: &str = "2025-10-01";

/// The categories whose scores do not depend on the machine.
const CATEGORIES: [&str; 3] = ["accessibility", "best-practices", "seo"];

pub fn run(shell: &Shell, way: Way) -> Result<()> {
    let toolchain = toolchain::find_or_install(shell, way)?;
    let chromium = browser::chromium(shell)?;
    let page = page::build(shell, &toolchain)?;
    let server = Server::start(shell, Some(&page), &Options::default())?;
    let lighthouse = find(shell)?.context("measuring the page needs Node.js and npm")?;
    ask(shell, &lighthouse, &chromium, &server, &["performance"])?;
    test::figures(shell, &server, &chromium)
}

/// Fails unless Lighthouse gives the page full scores, except for performance. Without Node.js, it checks nothing.
pub fn check(shell: &Shell, toolchain: &Toolchain, chromium: &Browser) -> Result<()> {
    let Some(lighthouse) = find(shell)? else {
        eprintln!("– not checking the page by Lighthouse, which needs Node.js and npm");
        return Ok(());
    };
    let page = page::build(shell, toolchain)?;
    let server = Server::start(shell, Some(&page), &Options::default())?;
    ask(shell, &lighthouse, chromium, &server, &[])
}

/// Installs Lighthouse below the target folder, and returns its program; `None` without Node.js.
fn find(shell: &Shell) -> Result<Option<PathBuf>> {
    const FILE: &str = "lighthouse/cli/index.js";
    let folder = page::target_folder().join("npm").join(format!("{PACKAGE}-{DAY}"));
    let packages = npm::find_or_install(shell, &folder, &[FILE], &[PACKAGE, &format!("--before={DAY}")])?;
    Ok(packages.map(|packages| packages.join(FILE)))
}

fn ask(shell: &Shell, program: &Path, chromium: &Browser, server: &Server, more: &[&str]) -> Result<()> {
    ["desktop", "mobile"].into_iter().try_for_each(|form| {
        step(&format!("checking the page by Lighthouse, {form}"), || {
            let categories = [&CATEGORIES[..], more].concat().join(",");
            let url = format!("http://{}/", server.address);
            let preset = (form == "desktop").then_some("--preset=desktop");
            let flags = "--chrome-flags=--headless --no-sandbox --disable-dev-shm-usage";
            let report =
                cmd!(shell, "node {program} {url} --quiet --output=json --only-categories={categories} {flags}");
            let report = report.args(preset).env("CHROME_PATH", &chromium.program).quiet().read()?;
            judge(&serde_json::from_str(&report)?)
        })
    })
}

fn judge(report: &Value) -> Result<()> {
    for name in ["performance"].into_iter().chain(CATEGORIES) {
        // A category has no score if one of its audits has none, after an error.
        let score = report["categories"][name]["score"].as_f64().map(|score| 100.0 * score);
        if let Some(score) = score {
            println!("{name} {score:.0}");
        }
        let is_fine = score == Some(100.0) || name == "performance";
        ensure!(is_fine, "Lighthouse complains about {name}: {}", complaints(report, name));
    }
    Ok(())
}

/// Returns the names of a category's audits that have failed, or ended with an error.
fn complaints(report: &Value, category: &str) -> String {
    let audits = report["categories"][category]["auditRefs"].as_array().into_iter().flatten();
    let is_failed = |id: &&str| {
        let audit = &report["audits"][*id];
        audit["score"].as_f64().is_some_and(|score| score < 1.0) || audit["scoreDisplayMode"] == "error"
    };
    let failed = audits.filter_map(|audit| audit["id"].as_str()).filter(is_failed);
    failed.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(seo: f64) -> Value {
        json!({
            "categories": {
                "performance": { "score": 0.5 },
                "accessibility": { "score": 1 },
                "best-practices": { "score": 1 },
                "seo": { "score": seo, "auditRefs": [{ "id": "meta-description" }, { "id": "link-text" }] },
            },
            "audits": { "meta-description": { "score": 0 }, "link-text": { "score": 1 } },
        })
    }

    #[test]
    fn all_but_the_performance_must_be_perfect() {
        assert!(judge(&report(1.0)).is_ok());
        assert_eq!(judge(&report(0.9)).unwrap_err().to_string(), "Lighthouse complains about seo: meta-description");
    }

    #[test]
    fn a_category_without_a_score_fails() {
        let mut without = report(1.0);
        without["categories"]["seo"]["score"] = Value::Null;
        without["audits"]["link-text"] = json!({ "score": null, "scoreDisplayMode": "error" });
        let complaint = "Lighthouse complains about seo: meta-description, link-text";
        assert_eq!(judge(&without).unwrap_err().to_string(), complaint);
        without["categories"].as_object_mut().unwrap().remove("seo");
        assert!(judge(&without).is_err());
        let mut unasked = report(1.0);
        unasked["categories"].as_object_mut().unwrap().remove("performance");
        assert!(judge(&unasked).is_ok());
    }
}
