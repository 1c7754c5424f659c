//! The section “Session”: what the user types and draws arrives once and in order, whatever happens to the server.

use anyhow::{Result, ensure};
use serde_json::json;
use wasm_websocket_browser::{Page, with_page};

use crate::{Demo, failed_connections};

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_session_loses_nothing_and_has_nothing_twice() -> Result<()> {
    with_page(failed_connections, async |page: &Page| {
        page.starts().await?;
        page.click("#session-kill").await?;
        page.shows("#session-problem", "There is no connection: connect first.").await?;
        typing_connects(page).await?;
        for fault in ["cut", "kill", "stall"] {
            the_session_goes_on(page, fault).await?;
        }
        what_is_forgotten_is_reported(page).await?;
        it_closes(page).await?;
        what_is_sent_again_is_processed_twice(page).await?;
        it_goes_by_itself(page).await?;
        the_report_comes_back(page).await
    })
    .await
}

async fn typing_connects(page: &Page) -> Result<()> {
    page.press("#session-typed", "Grüße").await?;
    for text in ["#session-text", "#without-text"] {
        page.shows(text, "Grüße").await?;
    }
    page.press("#session-typed", "\u{E003}\u{E003}n").await?; // backspace, twice
    page.shows("#session-text", "Grün").await?;
    page.find("#session-problem[hidden]").await?;
    page.find("#session-when-lost:disabled").await?; // the choice is in force from the next connection on
    page.press("#session-canvas", "\u{E014}\u{E014}\u{E015}").await?; // right, right, down
    settled(page, 11).await?;
    for side in ["session", "without"] {
        ensure!(page.text(&format!("#{side}-state")).await? == "open");
        page.find(&format!("#{side}-processed[data-is=good]")).await?;
    }
    same_picture(page).await
}

/// Waits until the server has processed this many messages of the session, each once.
async fn settled(page: &Page, messages: u32) -> Result<()> {
    page.shows("#session-sent", &messages.to_string()).await?;
    page.shows("#session-processed[data-is=good]", &messages.to_string()).await?;
    ensure!(page.text("#session-twice").await? == "0", "{} were processed twice", page.text("#session-twice").await?);
    ensure!(page.text("#session-in-doubt").await? == "0");
    Ok(())
}

/// Waits until the drawing that came back in the session is the one that was drawn.
async fn same_picture(page: &Page) -> Result<()> {
    for _ in 0..20 {
        if page.pixels("session-canvas").await? == page.pixels("session-picture").await? {
            return Ok(());
        }
    }
    anyhow::bail!("another drawing came back in the session");
}

/// Draws while the server fails. Without a session, some messages are in doubt.
async fn the_session_goes_on(page: &Page, fault: &str) -> Result<()> {
    let sent: u32 = page.text("#session-sent").await?.parse()?;
    let in_doubt: u32 = page.text("#without-in-doubt").await?.parse()?;
    page.run(&[HELPERS, &FAIL.replace("FAULT", fault)].concat()).await?;
    settled(page, sent + 40).await?;
    same_picture(page).await?;
    page.find("#without-state[data-state=open]").await?;
    let now: u32 = page.text("#without-in-doubt").await?.parse()?;
    ensure!(now >= in_doubt + 20, "{fault}: only {} messages are in doubt", now - in_doubt);
    Ok(())
}

/// The functions of scripts that do several steps in one go.
const HELPERS: &str = "
    const part = name => document.querySelector('#' + name);
    const shown = (name, is_expected) => new Promise(resolve => {
        const look = () => is_expected(part(name).textContent) && resolve();
        new MutationObserver(look).observe(part(name), { childList: true });
        look();
    });
    const draw = lines => {
        while (lines-- > 0) {
            const key = ['ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowUp'][lines % 4];
            part('session-canvas').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        }
    };";

/// Has the server fail, draws before anything can be confirmed, draws again while both connections are down, and waits until both
/// are back.
const FAIL: &str = "
    part('session-FAULT').click();
    draw(20);
    await Promise.all(['session', 'without'].map(side => shown(side + '-state', state => state != 'open')));
    draw(20);
    await Promise.all(['session', 'without'].map(side => shown(side + '-state', state => state == 'open')));";

/// A message that the server had processed is not lost; one that was never transmitted is sent in the next session.
async fn what_is_forgotten_is_reported(page: &Page) -> Result<()> {
    let sent: u32 = page.text("#session-sent").await?.parse()?;
    page.run(&[HELPERS, FORGET].concat()).await?;
    page.shows(
        "#session-lost",
        "The session is lost: the server has forgotten it. In doubt: 0 messages. Sent again, as it was never transmitted: 7 messages.",
    )
    .await?;
    page.shows("#log", "session: The session is lost").await?;
    settled(page, sent + 7).await?;
    same_picture(page).await
}

const FORGET: &str = "
    part('session-forget').click();
    await shown('session-state', state => state != 'open');
    draw(7);";

async fn it_closes(page: &Page) -> Result<()> {
    page.click("#session-connect").await?;
    page.shows("#session-connect", "Connect").await?;
    for side in ["session", "without"] {
        page.find(&format!("#{side}-state[data-state=closed]")).await?;
    }
    ensure!(page.text("#session-lost").await?.is_empty(), "the page still tells what was lost");
    page.find("#session-when-lost:enabled").await?;
    Ok(())
}

/// Without a session, the page can send again what is in doubt. The server then processes twice what it had received.
async fn what_is_sent_again_is_processed_twice(page: &Page) -> Result<()> {
    page.choose("#session-when-lost", "again").await?;
    let seen = page.run(&[HELPERS, TWICE].concat()).await?;
    ensure!(seen == json!(true), "nothing was processed twice: {seen}");
    ensure!(page.text("#without-in-doubt").await? == "0");
    page.find("#without-twice[data-is=bad]").await?;
    page.find("#session-twice[data-is=good]").await.map(drop)
}

/// Cuts both connections just after the server has processed messages, until this happens before a ping has confirmed them.
const TWICE: &str = "
    part('session-connect').click();
    for (let drawn = 5; drawn <= 50; drawn += 5) {
        await Promise.all(['session', 'without'].map(side => shown(side + '-state', state => state == 'open')));
        draw(5);
        await shown('without-processed', processed => processed == drawn);
        part('session-cut').click();
        await shown('without-state', state => state != 'open');
        await shown('without-state', state => state == 'open');
        await shown('without-processed', processed => processed == drawn);
        if (part('without-twice').textContent != '0') return true;
    }
    return false;";

/// Draws and types by itself while the server fails by itself.
async fn it_goes_by_itself(page: &Page) -> Result<()> {
    page.click("#session-connect").await?;
    page.find("#session-state[data-state=closed]").await?;
    page.click("#session-draw").await?;
    page.shows("#session-text", "the quick").await?;
    page.click("#session-faults").await?;
    page.shows("#log", "session: the page asks the server to stall").await?;
    page.shows("#log", "session: the page asks the server to cut").await?;
    page.click("#session-faults").await?;
    page.click("#session-draw").await?;
    page.find("#session-processed[data-is=good]").await?;
    same_picture(page).await?;
    ensure!(page.text("#session-typed").await?.is_empty() && page.text("#session-twice").await? == "0");
    page.click("#session-connect").await
}

/// Checks that the page follows what the server has processed, even if the first connection for these reports fails.
async fn the_report_comes_back(page: &Page) -> Result<()> {
    page.run(FAIL_ONCE).await?;
    page.click("#session-connect").await?;
    page.press("#session-canvas", "\u{E014}\u{E014}\u{E015}").await?;
    settled(page, 3).await?;
    ensure!(page.run("return window.failed;").await? == json!(true), "no connection for the reports has failed");
    page.click("#session-connect").await
}

const FAIL_ONCE: &str = "
    window.failed = false;
    window.WebSocket = class extends WebSocket {
        constructor(url, ...protocols) {
            const fails = !window.failed && String(url).endsWith('/report');
            window.failed ||= fails;
            super(fails ? new URL('/status/401', url).href : url, ...protocols);
        }
    };";
