//! What goes on while a page is hidden, frozen or in the page cache, and what happens to its connections.
//!
//! The page is in `tests/page`. It records when something happens, and the server tells what it received. The page has four
//! connections:
//!
//! - one uploads 100 MiB;
//! - one receives ten messages a second;
//! - one reconnects, and sends each of these messages on;
//! - one reconnects, and sends only its heartbeat.

mod peer;
mod seen;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use wasm_websocket_browser::{Page, server, with_page_at};

use crate::cases::deviation;
use crate::failed_connections;
use peer::Peer;
use seen::Seen;

/// The number of messages of an upload, and of bytes in each message.
const UPLOAD: (u32, usize) = (1600, 64 << 10);

/// The number of bytes that the server reads per second: an upload takes ten seconds.
const RATE: usize = 10 << 20;

/// The high water mark of the page's connections, in bytes: the default.
const HIGH_WATER_MARK: usize = 1 << 20;

// S29, L13: timers of a hidden page come once a second, or less often.
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_hidden_page_goes_on() -> Result<()> {
    let peer = Peer::new("hidden");
    with_page_at(&test_page()?, failed_connections, async |page: &Page| {
        peer.begin(page).await?;
        let tab = page.tab().await?;
        page.open_tab(&test_page()?).await?;
        peer.has_upload(page).await?;
        page.show_tab(&tab).await?;
        let seen = peer.account(page).await?;
        timers_are_throttled_and_nothing_else(&seen)?;
        seen.stays_connected()?;
        let pings = peer.quiet(page).await?.received.iter().filter(|text| *text == "ping").count();
        ensure!(pings > 3, "the heartbeat has stopped after {pings} pings");
        Ok(())
    })
    .await
}

fn timers_are_throttled_and_nothing_else(seen: &Seen) -> Result<()> {
    let hidden = seen.time("visibilitychange", "hidden")?..seen.time("visibilitychange", "visible")?;
    let late = seen.median("timer", &hidden).context("there was no timer")?;
    ensure!(late > 500, "timers are only {late} ms late: the page was not hidden");

    let last = seen.times("uploaded").last().context("nothing was uploaded")?;
    ensure!(hidden.contains(&last), "the upload was not under way while the page was hidden");
    let uploading = hidden.start..last;
    let timers = seen.numbers("timer", &uploading).len() + 1;
    let each = seen.numbers("uploaded", &uploading).len() * UPLOAD.1 / timers;
    ensure!(each > 2 * HIGH_WATER_MARK, "only {each} bytes were uploaded for each timer");

    let received: Vec<_> = seen.times("received").filter(|at| hidden.contains(at)).collect();
    let gap = received.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    ensure!(received.len() > 50, "only {} messages were received", received.len());

    let (count, seconds) = (received.len(), (hidden.end - hidden.start) / 1e3);
    println!("in a page hidden for {seconds:.1} s timers of 50 ms are {late} ms late (median),");
    println!("{} KiB are uploaded for each, and {count} messages received, up to {gap:.0} ms apart", each >> 10);
    Ok(())
}

// L13
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_page_that_slept_keeps_its_connections() -> Result<()> {
    let peer = Peer::new("slept");
    with_page_at(&test_page()?, failed_connections, async |page: &Page| {
        peer.begin(page).await?;
        // The page is blocked for longer than the heartbeat waits for an answer. Then its overdue timers, the wake-up and the
        // answers come in whatever order the browser has.
        page.run(SLEEP).await?;
        peer.account(page).await?.stays_connected()
    })
    .await
}

const SLEEP: &str = "
    await happened(event => event.kind == 'echoed' && event.what == 3);
    const end = performance.now() + 6000;
    while (performance.now() < end);
    dispatchEvent(new Event('online'));";

// L22
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_frozen_page_loses_nothing_unnoticed() -> Result<()> {
    let peer = Peer::new("frozen");
    with_page_at(&test_page()?, failed_connections, async |page: &Page| {
        let tab = page.tab().await?;
        let other = page.open_tab(&test_page()?).await?;
        page.show_tab(&tab).await?;
        peer.begin(page).await?;
        page.freeze().await?;
        page.show_tab(&other).await?;
        // This is longer than the heartbeat waits for an answer.
        pass_seconds(page, 6).await?;
        page.show_tab(&tab).await?;
        let seen = peer.account(page).await?;

        let frozen = seen.time("freeze", "hidden")?..seen.time("resume", "hidden")?;
        ensure!(frozen.end - frozen.start > 5_000.0, "the page was frozen only for {frozen:?}");
        let moved: Vec<_> = seen.during(&frozen).filter(|event| event.kind != "freeze").collect();
        ensure!(moved.is_empty(), "the page was not frozen: {moved:?}");
        println!("in a page that was frozen: {}", seen.order(frozen.end));

        if seen.is_lost() {
            deviation("L22", "ends connections with 1006 when the page is resumed");
        }
        seen.goes_on()
    })
    .await
}

// L09, L10
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_page_that_is_left_and_come_back_to_connects_once() -> Result<()> {
    let peer = Peer::new("left");
    with_page_at(&test_page()?, failed_connections, async |page: &Page| {
        peer.begin(page).await?;
        leave_and_come_back(page).await?;
        if !is_kept(page).await? {
            deviation("L09", "does not keep the page (L10)");
            return peer.upload_has_ended(page).await;
        }
        deviation("L10", "keeps the page (L09)");
        let seen = peer.account(page).await?;
        println!("in a page that comes from the cache: {}", seen.order(seen.time("pageshow", "cached")?));
        seen.goes_on()
    })
    .await
}

// L10
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_paused_connection_stays_paused_in_the_page_cache() -> Result<()> {
    let peer = Peer::new("paused");
    with_page_at(&test_page()?, failed_connections, async |page: &Page| {
        peer.connect(page).await?;
        page.run(PAUSE).await?;
        leave_and_come_back(page).await?;
        ensure!(is_kept(page).await?, "the browser has not kept the page");
        page.run("await happened(event => event.kind == 'pageshow' && event.what == 'cached');").await?;
        pass_seconds(page, 1).await?;
        let seen = Seen::on(page).await?;
        for name in ["channel", "quiet"] {
            ensure!(seen.what(name).last() == Some(&"Paused"), "{name} is not paused: {:?}", seen.what(name));
        }
        page.run("channel.resume(); channel.send('back'); await happened(event => event.what == 'back');").await?;
        let connections = peer.channel(page).await?.connections;
        ensure!(connections == 2, "there were {connections} connections");
        Ok(())
    })
    .await
}

const PAUSE: &str = "
    channel.pause();
    quiet.pause();
    await happened(() => events.filter(event => event.what == 'Paused').length == 2);";

fn test_page() -> Result<String> {
    Ok(format!("http://{}/test-page/", server()?))
}

/// Waits until the page that is shown has received ten messages from the server for each second.
async fn pass_seconds(page: &Page, seconds: u32) -> Result<()> {
    let ticks = format!(
        "const socket = new WebSocket('ws://{}/ticks/100');
        await new Promise(resolve => socket.onmessage = ({{ data }}) => data == {} && resolve());
        socket.close();",
        server()?,
        10 * seconds
    );
    page.run(&ticks).await.map(drop)
}

async fn leave_and_come_back(page: &Page) -> Result<()> {
    page.go(&format!("{}?elsewhere", test_page()?)).await?;
    pass_seconds(page, 2).await?;
    page.back().await
}

/// Returns whether the browser has kept the page rather than loaded it anew.
async fn is_kept(page: &Page) -> Result<bool> {
    Ok(page.run("return 'channel' in window;").await? == json!(true))
}
