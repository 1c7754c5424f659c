//! The page answers whatever else it does. This is measured while nothing else runs: of the time that a page had to wait for
//! the processor it knows nothing.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use wasm_websocket_browser::{Page, with_page};

use crate::{Demo, none};

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_large_file_and_a_flood_do_not_freeze_the_page() -> Result<()> {
    // It outlives the page: a browser that still reads it would say in the console that it is gone.
    let large = tempfile::Builder::new().prefix("large-").tempfile()?;
    large.as_file().set_len(500_000_000)?;
    with_page(none, async |page: &Page| nothing_freezes(page, large.path()).await).await
}

async fn nothing_freezes(page: &Page, large: &Path) -> Result<()> {
    page.connect("/echo", "open").await?;
    page.find("#file").await?.send_keys(&large.to_string_lossy()).await?;
    page.shows(".file .status", "left").await?;
    let seen = page.run(FLOOD).await?;
    let gap = seen["gap"].as_f64().context("no gap")?;
    println!("nothing was drawn, or nothing else was done, for {gap} ms at most");
    ensure!(gap < 500.0, "for {gap} ms nothing was drawn, or nothing else was done");
    ensure!(seen["flood"].as_str().is_some_and(|flood| flood.contains("taken")), "there was no flood: {seen}");
    ensure!(seen["file"].as_str().is_some_and(|file| file.contains("left")), "the file has ended: {seen}");
    ensure!(page.send_text("meanwhile").await?.contains("meanwhile"));
    page.click(".file .cancel").await?;
    page.shows(".file .verdict", "Cancelled.").await
}

/// What is seen during two seconds of a flood, and the longest time in milliseconds that the page could draw nothing, or do
/// nothing else. In one go: the browser itself may let WebDriver wait meanwhile.
const FLOOD: &str = "
    const longest = async next => {
        const started = performance.now();
        let [last, longest] = [started, 0];
        while (last - started < 2000) {
            await new Promise(next);
            longest = Math.max(longest, performance.now() - last);
            last = performance.now();
        }
        return longest;
    };
    const shown = selector => document.querySelector(selector).textContent;
    const button = document.querySelector('#try-flood');
    button.click();
    const gap = Math.max(...await Promise.all([longest(requestAnimationFrame), longest(setTimeout)]));
    const seen = { gap, flood: shown('#progress-flood') + shown('#verdict-flood'), file: shown('.file .status') };
    if (button.textContent == 'Stop') button.click();
    return seen;";
