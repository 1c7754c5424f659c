//! How the page looks, and whether it is accessible.
//!
//! The pictures are written to `target/tmp`. `www/screenshots` has those of [`LOOKS`], and `www/screenshot.png` is the top
//! of `page.png`, all with no more than 128 colours, so that they are small.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::json;
use wasm_websocket_browser::{Page, with_page};

use crate::{Demo, PICTURES, failed_connections};

/// How the page is looked at: the name of the look, the width in pixels, and media features.
const LOOKS: [(&str, u32, &[Feature]); 5] = [
    ("wide-light", 1280, &[LIGHT]),
    ("wide-dark", 1280, &[DARK]),
    ("narrow-light", 390, &[LIGHT]),
    ("narrow-dark", 390, &[DARK]),
    ("forced-colors", 1280, &[DARK, ("forced-colors", "active")]),
];

/// A media feature and its value.
type Feature = (&'static str, &'static str);

const LIGHT: Feature = ("prefers-color-scheme", "light");
const DARK: Feature = ("prefers-color-scheme", "dark");

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn anyone_can_use_the_page() -> Result<()> {
    with_page(failed_connections, async |page: &Page| {
        let folder = tempfile::tempdir()?;
        use_everything(page, &large_file(folder.path())?).await?;
        page.look(1280, &[LIGHT]).await?;
        page.run("document.querySelector('#options').open = false;").await?;
        page.whole_picture(PICTURES, "page").await?;
        be_wrong(page).await?;
        for (name, width, features) in LOOKS {
            page.look(width, features).await?;
            page.whole_picture(PICTURES, name).await?;
            page.run("document.querySelectorAll('details').forEach(details => details.open = true);").await?;
            fits(page, name, width).await?;
            if name != "forced-colors" {
                is_accessible(page, name).await?; // axe-core compares the page's own colours, which this look does not show
            }
            page.run("document.querySelectorAll('details').forEach(details => details.open = false);").await?;
        }
        nothing_depends_on_lost_colours(page).await
    })
    .await
}

/// Fills every section with content.
async fn use_everything(page: &Page, large: &Path) -> Result<()> {
    page.connect("/echo", "open").await?;
    page.click("#send-drawing").await?;
    page.find("#drawing-verdict[data-is=good]").await?;
    page.drop_files("#drop", &[("hills.svg", "image/svg+xml", HILLS)]).await?;
    page.find(".file .verdict[data-is=good]").await?;
    page.choose("#file-peer", "/sink").await?;
    page.find("#file").await?.send_keys(&large.to_string_lossy()).await?;
    page.send_text("Hello, server!").await?;
    page.click("#session-draw").await?;
    page.click("#session-faults").await?;
    page.click("#reconnection-connect").await?;
    page.find("#reconnection-state[data-state=open]").await?;
    page.click("#reconnection-send").await?;
    page.click("#reconnection-cut").await?;
    page.find("#reconnection-state[data-state=waiting]").await?;
    page.click("#reconnection-send").await?;
    page.click("#try-close").await?;
    page.click("#try-stall").await?;
    page.click("#try-refuse").await?;
    page.click("#try-flood").await?;
    page.shows("#verdict-stall", "Closed").await?;
    page.shows("#log", "session: the page asks the server to cut").await?;
    page.find("#session-state[data-state=open]").await?;
    page.click("#session-faults").await?;
    page.click("#session-draw").await?;
    page.click(".file .pause").await
}

/// Makes the page show a problem, too.
async fn be_wrong(page: &Page) -> Result<()> {
    page.starts().await?; // opens the options
    page.fill("#code", "99").await?;
    page.click("#disconnect").await?;
    page.find("#close-problem:not([hidden])").await.map(drop)
}

/// A large sparse file, which takes no room on the disk.
fn large_file(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("holiday.mov");
    File::create(&path)?.set_len(1_200_000_000)?;
    Ok(path)
}

/// Checks that nothing is cut off, and that nothing scrolls sideways.
async fn fits(page: &Page, name: &str, width: u32) -> Result<()> {
    let needed = page.run("return document.documentElement.scrollWidth;").await?;
    ensure!(needed == json!(width), "{name}: the page is {needed} pixels wide");
    Ok(())
}

/// Checks the page in forced colours, which replace its own: things that only colours tell apart must keep their colours, or differ
/// in another way.
async fn nothing_depends_on_lost_colours(page: &Page) -> Result<()> {
    let looks = page.run(FORCED).await?;
    ensure!(
        looks == json!({ "swatches": 6, "legends": 5, "curves": 4, "verdicts": 3 }),
        "in forced colours, {looks} differ"
    );
    Ok(())
}

const FORCED: &str = "
    const different = (selector, part, look) => new Set([...document.querySelectorAll(selector)].map(element => {
        const style = getComputedStyle(element, part);
        return look.map(name => style[name]).join();
    })).size;
    const row = document.querySelector('#session tbody tr');
    const cell = is => {
        const cell = row.appendChild(document.createElement('td'));
        cell.dataset.is = is;
        return getComputedStyle(cell, '::before').content;
    };
    return {
        swatches: different('.swatches label', '::before', ['backgroundColor']),
        legends: different('.legend b', '::before', ['borderTopStyle', 'borderTopColor']),
        curves: different('.box path:not(.grid, .buffered)', null, ['stroke', 'strokeDasharray']),
        verdicts: new Set(['', 'good', 'bad'].map(cell)).size,
    };";

/// Checks the page by the rules of axe-core, which `cargo xtask test` gets from npm, if npm is installed.
async fn is_accessible(page: &Page, name: &str) -> Result<()> {
    let Some(file) = std::env::var_os("AXE_CORE") else {
        println!("not checked whether the page is accessible: there is no axe-core");
        return Ok(());
    };
    page.add_script(&std::fs::read_to_string(file)?).await?;
    let violations = page.run(VIOLATIONS).await?;
    ensure!(violations == json!([]), "{name}: {violations:#}");
    Ok(())
}

const VIOLATIONS: &str = "
    const { violations } = await axe.run();
    return violations.map(({ id, impact, nodes }) => [id, impact, ...nodes.map(node => node.html + node.failureSummary)]);";

const HILLS: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='480' height='200'>
    <rect width='480' height='200' fill='#cfe0ff'/><circle cx='370' cy='60' r='28' fill='#e08a00'/>
    <path d='M0 200L120 90 210 160 320 70 480 200z' fill='#0b8a5a'/></svg>";
