//! The package in a real browser: built by Vite, and as plain files. `cargo xtask ci` makes the pages, and serves them.
#![cfg(not(target_arch = "wasm32"))]

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wasm_websocket_browser::{Page, listening, server, with_page_at};

/// Browsers write every connection that fails to the console themselves, and a file that is not there. And there is a test of
/// what happens when the page makes a mistake.
fn is_expected(error: &str) -> bool {
    ["WebSocket connection to", "nowhere.wasm", "a mistake in the page"].iter().any(|expected| error.contains(expected))
}

/// Opens a page, and holds what its tests say.
async fn passes(url: &str) -> Result<()> {
    with_page_at(url, is_expected, async |page: &Page| {
        let outcomes = outcomes(page).await?;
        let mut failed = Vec::new();
        for outcome in &outcomes {
            let name = outcome["name"].as_str().context("a test has no name")?;
            println!("test {name} ... {}", if outcome["error"] == Value::Null { "ok" } else { "FAILED" });
            failed.extend(outcome["error"].as_str().map(|error| format!("{name}: {error}")));
        }
        ensure!(!outcomes.is_empty(), "no tests have run");
        ensure!(failed.is_empty(), "{} of {} tests have failed:\n{}", failed.len(), outcomes.len(), failed.join("\n"));
        Ok(())
    })
    .await
}

/// What came of the tests of a page. Drivers let no script run for as long as all of them take.
async fn outcomes(page: &Page) -> Result<Vec<Value>> {
    const WAIT: &str = "const later = new Promise(resolve => setTimeout(() => resolve(null), 5000));
        return await Promise.race([globalThis.outcomes, later]);";
    loop {
        let outcomes = page.run(WAIT).await?;
        if outcomes != Value::Null {
            return Ok(serde_json::from_value(outcomes)?);
        }
    }
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask ci` has them"]
async fn the_package_works_from_vite() -> Result<()> {
    passes(&format!("http://{}/app/index.html", server()?)).await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask ci` has them"]
async fn the_package_works_from_a_plain_page() -> Result<()> {
    passes(&format!("http://{}/plain.html", server()?)).await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask ci` has them"]
async fn the_package_works_from_vites_development_server() -> Result<()> {
    let app = std::env::var("TEST_APP").context("no app: run this by `cargo xtask ci`")?;
    let vite = format!("{app}/node_modules/.bin/vite");
    let (_vite, port) = listening(vite, &[&app, "--host=127.0.0.1", "--strictPort"]).await?;
    passes(&format!("http://127.0.0.1:{port}/dev.html?server={}", server()?)).await
}
