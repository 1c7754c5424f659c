//! Measures the demo page: what Lighthouse says of it, what it costs when idle, and how many drawings per second go round.

use anyhow::{Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::browser::{self, Browser};
use crate::server::{Options, Server};
use crate::step::step;
use crate::toolchain::{self, Way};
use crate::{page, test};

/// Its dependencies are not pinned, so that its scores may change by themselves: `ci` does without it.
const PACKAGE: &str = "lighthouse@12.8.2";

pub fn run(shell: &Shell, way: Way) -> Result<()> {
    let toolchain = toolchain::find_or_install(shell, way)?;
    let chromium = browser::chromium(shell)?;
    let page = page::build(shell, &toolchain)?;
    let server = Server::start(shell, &toolchain, Some(&page), &Options::default())?;
    test::figures(shell, &toolchain, &server, &chromium)?;
    for form in ["desktop", "mobile"] {
        step(&format!("asking Lighthouse about the page, {form}"), || lighthouse(shell, &chromium, &server, form))?;
    }
    Ok(())
}

/// Fails unless everything but the performance, which depends on the machine, is perfect.
fn lighthouse(shell: &Shell, chromium: &Browser, server: &Server, form: &str) -> Result<()> {
    let folder = page::target_folder().join("npm").join(PACKAGE);
    if !folder.exists() {
        shell.create_dir(&folder)?;
        cmd!(shell, "npm install --silent --no-audit --no-fund --prefix {folder} {PACKAGE}").quiet().run()?;
    }
    let program = folder.join("node_modules/lighthouse/cli/index.js");
    let url = format!("http://{}/", server.address);
    let preset = (form == "desktop").then_some("--preset=desktop");
    let flags = "--chrome-flags=--headless --no-sandbox --disable-dev-shm-usage";
    let report = cmd!(shell, "node {program} {url} --quiet --output=json {flags}").args(preset);
    let report: Value = serde_json::from_str(&report.env("CHROME_PATH", &chromium.program).quiet().read()?)?;
    let score = |name: &str| 100.0 * report["categories"][name]["score"].as_f64().unwrap_or_default();
    println!("performance {:.0}", score("performance"));
    for name in ["accessibility", "best-practices", "seo"] {
        println!("{name} {:.0}", score(name));
        ensure!(score(name) == 100.0, "Lighthouse finds something to complain about");
    }
    Ok(())
}
