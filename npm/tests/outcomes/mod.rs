//! The outcomes of the tests of a page.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use wasm_websocket_browser::{Page, with_page_at};

/// Returns whether an error in the console is expected. Browsers themselves report every connection that fails, and every file that
/// is missing. And there are tests of mistakes in the page, and of a loss without a listener.
fn is_expected(error: &str) -> bool {
    ["WebSocket connection to", ".wasm", "a mistake in the page", "`afterClose` returned", "SessionLostError"]
        .iter()
        .any(|expected| error.contains(expected))
}

/// Opens a page, and fails if one of its tests has failed.
pub async fn passes(url: &str) -> Result<()> {
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

/// Returns the outcomes of the tests of a page. It asks for them repeatedly, since drivers do not let a script run as long as all
/// tests take.
async fn outcomes(page: &Page) -> Result<Vec<Value>> {
    const WAIT: &str = "const later = new Promise(resolve => setTimeout(() => resolve(null), 5000));
        return await Promise.race([globalThis.outcomes ?? later, later]);";
    for _ in 0..60 {
        let outcomes = page.run(WAIT).await?;
        if outcomes != Value::Null {
            return Ok(serde_json::from_value(outcomes)?);
        }
    }
    bail!("the page has no outcomes after 5 minutes")
}
