//! The page stays responsive whatever else it does. The test counts instead of measuring time, since everything takes
//! longer on a busy machine.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use wasm_websocket_browser::{Page, with_page};

use crate::{Demo, none};

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_large_file_and_a_flood_do_not_freeze_the_page() -> Result<()> {
    // The file must outlive the page: otherwise a browser that still reads it reports an error in the console.
    let large = tempfile::Builder::new().prefix("large-").tempfile()?;
    large.as_file().set_len(500_000_000)?;
    with_page(none, async |page: &Page| nothing_freezes(page, large.path()).await).await
}

async fn nothing_freezes(page: &Page, large: &Path) -> Result<()> {
    page.connect("/echo", "open").await?;
    page.find("#file").await?.send_keys(&large.to_string_lossy()).await?;
    page.shows(".file .status", "left").await?;
    let moved = page.run(MOVED).await?;
    ensure!(moved == json!([]), "while figures changed, the buttons of a row moved: {moved}");
    page.fill("#flood-count", "300000").await?;
    page.fill("#flood-size", "64").await?;
    page.choose("#flood-reader", "").await?;
    let seen = page.run(FLOOD).await?;
    println!("nothing was drawn, or nothing else was done, for {} ms at most", seen["gap"]);
    ensure!(seen["flood"].as_str().is_some_and(|taken| taken != "–"), "there was no flood: {seen}");
    ensure!(seen["goes_on"] == true, "the flood was over before the page had drawn 30 times: {seen}");
    ensure!(seen["file"].as_str().is_some_and(|file| file.contains("left")), "the file has ended: {seen}");
    ensure!(page.send_text("meanwhile").await?.contains("meanwhile"));
    page.click(".file .cancel").await?;
    page.shows(".file .verdict", "Cancelled.").await
}

/// Returns the widths of the list at which a button of a row moves if other figures are shown.
const MOVED: &str = "
    const list = document.querySelector('#files-list');
    const part = name => list.querySelector('.file ' + name);
    const places = (status, percent, button) => {
        part('.status').textContent = status;
        part('.percent').textContent = percent;
        part('.pause').textContent = button;
        return JSON.stringify(['.pause', '.cancel'].map(name => part(name).getBoundingClientRect()));
    };
    const moves = width => {
        list.style.width = width + 'px';
        const first = places('500.0 MB, waiting', '', 'Pause');
        const others = [
            places('0 bytes/s · – left', '0 %', 'Pause'),
            places('paused', '9 %', 'Resume'),
            places('1.0 kB/s · 1 s left', '99 %', 'Pause'),
            places('999.9 MB/s · 59 min 59 s left', '99 %', 'Pause'),
            places('waiting for the server', '100 %', 'Pause'),
        ];
        return others.some(other => other != first);
    };
    const moved = [280, 340, 400, 460, 520, 580, 640, 700, 760, 820].filter(moves);
    list.style.width = '';
    return moved;";

/// Returns what the page shows during a flood when it has drawn 30 times and run 30 timers, and the longest time in milliseconds
/// between two drawings or two timers. It is one script, since the browser itself may let WebDriver wait meanwhile.
const FLOOD: &str = "
    const longest = async next => {
        let [last, longest] = [performance.now(), 0];
        for (let turns = 0; turns < 30; turns++) {
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
    const goes_on = button.textContent == 'Stop';
    const flood = shown('#flood-events-taken');
    if (goes_on) button.click();
    return { gap: Math.round(gap), goes_on, flood, file: shown('.file .status') };";
