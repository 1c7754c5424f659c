//! The demo page, used as a person would use it, in a real browser with the real server.
#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod defects;
mod lifecycle;
mod looks;
mod reconnection;
mod responsive;
mod sections;
mod session;
mod tls;

use std::io::Write;

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};
use wasm_websocket_browser::{Page, server, with_page};

/// Cargo's folder for the output of tests.
const PICTURES: &str = env!("CARGO_TARGET_TMPDIR");

/// Actions of a person on the demo page.
trait Demo {
    /// Waits until the page's module runs and has filled in the fields, and opens the options.
    async fn starts(&self) -> Result<()>;

    /// Connects to a path of the server, and waits for a state.
    async fn connect(&self, path: &str, state: &str) -> Result<()>;

    /// Begins to connect to a URL.
    async fn begin_to_connect(&self, url: &str) -> Result<()>;

    /// Sends a text, and returns the log's line about the next received message.
    async fn send_text(&self, text: &str) -> Result<String>;
}

impl Demo for Page {
    async fn starts(&self) -> Result<()> {
        self.find("#peer option[value='/echo']").await?;
        self.run("document.querySelector('#options').open = true;").await.map(drop)
    }

    async fn connect(&self, path: &str, state: &str) -> Result<()> {
        self.begin_to_connect(&format!("ws://{}{path}", server()?)).await?; // after this, the state is no longer “open”
        self.find(&format!("#state[data-state={state}]")).await.map(drop)
    }

    async fn begin_to_connect(&self, url: &str) -> Result<()> {
        self.starts().await?;
        // The key Enter connects, also to the current target.
        self.fill("#url", &format!("{url}\u{E007}")).await
    }

    async fn send_text(&self, text: &str) -> Result<String> {
        self.click("#clear-log").await?;
        self.fill("#message", text).await?;
        self.click("#message-form button").await?;
        Ok(self.find("#log [data-kind=message]").await?.text().await?)
    }
}

/// Allows no errors in the console.
fn none(_error: &str) -> bool {
    false
}

/// Allows errors about failed connections, which browsers themselves write to the console.
fn failed_connections(error: &str) -> bool {
    error.contains("WebSocket connection to")
}

/// Draws, sends, and waits for the verdict. Returns the pixels of both canvases.
async fn drawing_goes_round(page: &Page, verdict: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    page.click("#clear-drawing").await?;
    page.click("#swatch-red").await?;
    page.draw(&[(-90.0, 40.0), (-40.0, -50.0), (0.0, 30.0), (50.0, -40.0), (90.0, 50.0)]).await?;
    let frames = page.text("#frames-back").await?;
    page.click("#send-drawing").await?;
    page.changes("#frames-back", &frames).await?;
    page.find(&format!("#drawing-verdict[data-is={verdict}]")).await?;
    let (drawn, came_back) = (page.pixels("canvas").await?, page.pixels("echo").await?);
    ensure!(drawn.len() == 480 * 300 * 4, "the canvas has {} bytes", drawn.len());
    ensure!(drawn.chunks(4).any(|pixel| pixel == [200, 50, 75, 255]), "nothing was drawn in the chosen colour");
    Ok((drawn, came_back))
}

/// Makes a file of some MiB, in which no two parts are the same. Returns the file and its SHA-256.
fn file() -> Result<(tempfile::NamedTempFile, String)> {
    let bytes: Vec<u8> = (0..800_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut file = tempfile::Builder::new().prefix("holiday-").suffix(".bin").tempfile()?;
    file.write_all(&bytes)?;
    Ok((file, Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Sends a file to a path of the server, and waits for the verdict.
async fn file_ends(page: &Page, path: &str, file: &std::path::Path, verdict: &str, text: &str) -> Result<()> {
    page.choose("#file-peer", path).await?;
    page.find("#file").await?.send_keys(&file.to_string_lossy()).await?;
    page.find(&format!(".file:first-child .verdict[data-is={verdict}]")).await?;
    page.shows(".file:first-child .verdict", text).await
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn what_is_sent_comes_back() -> Result<()> {
    with_page(none, everything_goes_round).await
}

async fn everything_goes_round(page: &Page) -> Result<()> {
    page.connect("/echo", "open").await?;
    for (kind, received) in
        [("text", "text: Grüße"), ("bytes", "binary as ArrayBuffer"), ("blob", "binary as ArrayBuffer")]
    {
        page.choose("#message-kind", kind).await?;
        let line = page.send_text("Grüße").await?;
        ensure!(line.contains("7 bytes") && line.contains(received), "{kind}: {line}");
    }
    for binary_type in ["#as-array-buffer", "#as-blob"] {
        page.click(binary_type).await?;
        let (drawn, came_back) = drawing_goes_round(page, "good").await?;
        ensure!(drawn == came_back, "the pixels differ");
    }
    page.choose("#message-kind", "bytes").await?;
    ensure!(page.send_text("Grüße").await?.contains("binary as Blob"));

    let (file, hash) = file()?;
    for (path, verdict) in [("/echo", "The same came back."), ("/sink", "The server received the same.")] {
        file_ends(page, path, file.path(), "good", verdict).await?;
        page.click(".file:first-child summary").await?;
        for side in ["here", "there"] {
            let shown = page.text(&format!(".file:first-child .hash-{side}")).await?;
            ensure!(shown == hash, "{path}: the hash {side} is {shown}");
        }
    }
    ensure!(page.fetch_sha256(".file:nth-child(2) .download").await? == hash, "another file is offered for download");
    ensure!(page.text(".file:nth-child(2) .status").await? == "3.2 MB");

    page.fill("#code", "4001").await?;
    page.fill("#reason", "enough").await?;
    page.picture(PICTURES, "demo").await?;
    page.click("#disconnect").await?;
    page.find("#state[data-state=closed]").await?;
    page.shows("#log li", "4001: enough – clean").await?;
    page.shows("#ended", "4001: enough – clean").await
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_change_on_the_way_is_noticed() -> Result<()> {
    with_page(failed_connections, a_change_is_noticed).await
}

async fn a_change_is_noticed(page: &Page) -> Result<()> {
    page.connect("/flip", "open").await?;
    let (drawn, came_back) = drawing_goes_round(page, "bad").await?;
    ensure!(drawn != came_back, "the server has changed nothing");
    page.shows("#drawing-verdict", "1 pixel came back changed.").await?;

    let (file, hash) = file()?;
    file_ends(page, "/flip", file.path(), "bad", "The data came back changed.").await?;
    page.click(".file summary").await?;
    ensure!(page.text(".file .hash-here").await? == hash, "the page has another hash of the file");
    ensure!(page.text(".file .hash-there").await? != hash, "the server has changed nothing");
    // After the end of the connection, the page does not wait for the drawing.
    file_ends(page, "/reset", file.path(), "bad", "The connection ended before all came back: 1006").await?;
    page.connect("/reset", "open").await?;
    page.click("#send-drawing").await?;
    page.find("#state[data-state=closed]").await?;
    page.shows("#drawing-verdict", "The connection ended before the drawing came back.").await
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn bad_input_is_explained_and_the_page_goes_on() -> Result<()> {
    with_page(failed_connections, bad_input_is_explained).await
}

async fn bad_input_is_explained(page: &Page) -> Result<()> {
    page.starts().await?;
    for (url, protocols, problem) in [
        ("ws://", "", "`ws://` is not a WebSocket URL"),
        ("ftp://127.0.0.1/", "", "`ftp://127.0.0.1/` is not a WebSocket URL"),
        ("not a url", "", "/not%20a%20url` did not connect, and browsers hide why"),
        ("ws://127.0.0.1:1/", "", "ws://127.0.0.1:1/`"),
        ("/echo", "a b", "` ` is not allowed in a subprotocol"),
        ("/echo", "chat, chat", "a subprotocol is offered twice"),
    ] {
        page.fill("#protocols", protocols).await?;
        page.begin_to_connect(url).await?;
        page.shows("#connect-problem:not([hidden])", problem).await?;
        page.find("#state[data-state=closed]").await?;
    }
    page.click("#send-drawing").await?;
    page.shows("#drawing-problem", "There is no open connection: connect first.").await?;
    page.click("#message-form button").await?;
    page.shows("#message-problem", "There is no open connection: connect first.").await?;

    page.fill("#protocols", "").await?;
    page.connect("/close/4001/bye", "closed").await?;
    page.find("#connect-problem[hidden]").await?;
    page.shows("#log li", "4001: bye – clean").await?;

    page.connect("/echo", "open").await?;
    for (code, reason, problem) in [
        ("1006", "", "close code 1006 is not allowed; use 1000 or 3000–4999"),
        ("bye", "", "`bye` is not a close code"),
        ("4000", &*"€".repeat(42), "a close reason of 126 bytes is too long; use 123 at most"),
    ] {
        page.fill("#code", code).await?;
        page.fill("#reason", reason).await?;
        page.click("#disconnect").await?;
        page.shows("#close-problem:not([hidden])", problem).await?;
    }
    let (drawn, came_back) = drawing_goes_round(page, "good").await?;
    ensure!(drawn == came_back, "the pixels differ");

    for (field, problem) in
        [("#fault-code", "`x` is not a close code; use 1000–4999"), ("#flood-count", "`x` is not a number from 1 to")]
    {
        page.fill(field, "x").await?;
        page.click(&format!(".fault:has({field}) button")).await?;
        page.shows(&format!(".fault:has({field}) .verdict[data-is=bad]"), problem).await?;
    }
    page.picture(PICTURES, "bad-input").await
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn connecting_anew_while_connecting_is_no_error() -> Result<()> {
    with_page(none, connecting_anew_is_no_error).await
}

async fn connecting_anew_is_no_error(page: &Page) -> Result<()> {
    page.starts().await?;
    page.find("#state[data-state=open]").await?;
    page.click("#clear-log").await?;
    // One script does both, so that the first connection cannot be open when the second one replaces it.
    page.run("for (const turn of [1, 2]) document.querySelector('#connect-form').requestSubmit();").await?;
    page.find("#state[data-state=open]").await?;
    page.find("#log [data-kind=open]").await?;
    let counts = (page.count("#log [data-kind=connect]").await?, page.count("#log [data-kind=open]").await?);
    ensure!(counts == (2, 1), "{}", page.text("#log").await?);
    ensure!(page.send_text("still here").await?.contains("still here"));
    Ok(())
}
