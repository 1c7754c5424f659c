//! The demo page, driven as a person would, in a real browser with the real server.
#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod tls;

use std::io::Write;

use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};
use wasm_websocket_browser::{Page, server, with_page};

/// Cargo's folder for what tests write.
const PICTURES: &str = env!("CARGO_TARGET_TMPDIR");

/// What a person does with the demo page.
trait Demo {
    /// Connects to a path of the server, and waits for the state that follows.
    async fn connect(&self, path: &str, state: &str) -> Result<()>;

    /// Begins to connect to a URL.
    async fn begin_to_connect(&self, url: &str) -> Result<()>;

    /// Sends a text, and gives the log's line about the next message that comes.
    async fn send_text(&self, text: &str) -> Result<String>;
}

impl Demo for Page {
    async fn connect(&self, path: &str, state: &str) -> Result<()> {
        self.begin_to_connect(&format!("ws://{}{path}", server()?)).await?;
        self.find(&format!("#state[data-state={state}]")).await.map(drop)
    }

    async fn begin_to_connect(&self, url: &str) -> Result<()> {
        self.fill("#url", url).await?;
        self.click("#connect").await
    }

    async fn send_text(&self, text: &str) -> Result<String> {
        self.fill("#text", text).await?;
        self.click("#text-form .send").await?;
        Ok(self.find("#log li:first-child[data-kind=message]").await?.text().await?)
    }
}

/// The page ought not to cause errors in the console.
fn none(_error: &str) -> bool {
    false
}

/// Browsers write every connection that fails to the console themselves.
fn failed_connections(error: &str) -> bool {
    error.contains("WebSocket connection to")
}

/// Draws, sends, and compares the two canvases.
async fn canvas_goes_round(page: &Page, verdict: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    page.click("#clear-canvas").await?;
    page.draw(&[(-90.0, 40.0), (-40.0, -50.0), (0.0, 30.0), (50.0, -40.0), (90.0, 50.0)]).await?;
    page.click("#send-canvas").await?;
    page.find(&format!("#canvas-verdict[data-is={verdict}]")).await?;
    let (drawn, came_back) = (page.pixels("drawing").await?, page.pixels("echo").await?);
    ensure!(drawn.len() == 320 * 200 * 4, "the canvas has {} bytes", drawn.len());
    ensure!(drawn.chunks(4).any(|pixel| pixel != drawn[..4].to_vec()), "nothing was drawn");
    Ok((drawn, came_back))
}

/// A file of some MiB, in which no two parts are the same.
fn file() -> Result<(tempfile::NamedTempFile, String)> {
    let bytes: Vec<u8> = (0..800_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut file = tempfile::Builder::new().prefix("holiday-").suffix(".bin").tempfile()?;
    file.write_all(&bytes)?;
    Ok((file, Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn what_is_sent_comes_back() -> Result<()> {
    with_page(none, everything_goes_round).await
}

async fn everything_goes_round(page: &Page) -> Result<()> {
    page.connect("/echo", "open").await?;
    ensure!(page.send_text("Grüße aus dem Browser").await?.contains("text, 23 bytes: Grüße aus dem Browser"));

    let (file, hash) = file()?;
    page.find("#file").await?.send_keys(&file.path().to_string_lossy()).await?;
    for (binary_type, received) in [("#as-array-buffer", "binary as ArrayBuffer"), ("#as-blob", "binary as Blob")] {
        page.click(binary_type).await?;
        let (drawn, came_back) = canvas_goes_round(page, "good").await?;
        ensure!(drawn == came_back, "the pixels differ");

        page.click("#send-file").await?;
        page.find("#file-verdict[data-is=good]").await?;
        ensure!(page.text("#file-hash").await? == hash, "the page has another hash of the file");
        ensure!(page.text("#echo-hash").await? == hash, "another file came back");
        ensure!(page.text("#file-sent").await? == "3.2 MB of 3.2 MB", "sent: {}", page.text("#file-sent").await?);
        ensure!(page.text("#log").await?.contains(&format!("{received}, 3.2 MB")));
    }

    page.fill("#code", "4001").await?;
    page.fill("#reason", "enough").await?;
    page.picture(PICTURES, "demo").await?;
    page.click("#disconnect").await?;
    page.find("#state[data-state=closed]").await?;
    ensure!(page.text("#log li").await?.contains("4001: enough – clean"), "{}", page.text("#log").await?);
    Ok(())
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_change_on_the_way_is_noticed() -> Result<()> {
    with_page(failed_connections, a_change_is_noticed).await
}

async fn a_change_is_noticed(page: &Page) -> Result<()> {
    page.connect("/flip", "open").await?;

    let (drawn, came_back) = canvas_goes_round(page, "bad").await?;
    ensure!(drawn != came_back, "the server has changed nothing");
    ensure!(page.text("#canvas-verdict").await? == "1 pixel came back changed");

    let (file, _) = file()?;
    page.find("#file").await?.send_keys(&file.path().to_string_lossy()).await?;
    page.click("#send-file").await?;
    page.find("#file-verdict[data-is=bad]").await?;
    ensure!(page.text("#file-verdict").await? == "not the same came back");

    // Of a connection that ends, nothing more is to be waited for.
    page.connect("/reset", "open").await?;
    page.click("#send-file").await?;
    page.find("#state[data-state=closed]").await?;
    ensure!(page.text("#file-verdict").await? == "the connection ended before it came back");
    Ok(())
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn bad_input_is_explained_and_the_page_goes_on() -> Result<()> {
    with_page(failed_connections, bad_input_is_explained).await
}

async fn bad_input_is_explained(page: &Page) -> Result<()> {
    for (url, protocols, problem) in [
        ("ws://", "", "`ws://` is not a URL for a WebSocket"),
        ("ftp://127.0.0.1/", "", "`ftp://127.0.0.1/` is not a URL for a WebSocket"),
        ("not a url", "", "/not%20a%20url`: browsers do not say why"),
        ("ws://127.0.0.1:1/", "", "ws://127.0.0.1:1/`"),
        ("/echo", "a b", "`a b` is not a valid subprotocol"),
        ("/echo", "chat, chat", "subprotocol `chat` is named twice"),
    ] {
        page.fill("#url", url).await?;
        page.fill("#protocols", protocols).await?;
        page.click("#connect").await?;
        page.find("#problem:not([hidden])").await?;
        page.find("#state[data-state=closed]").await?;
        ensure!(page.text("#problem").await?.contains(problem), "{url}: {}", page.text("#problem").await?);
    }

    page.fill("#protocols", "").await?;
    page.connect("/close/4001/bye", "closed").await?;
    page.find("#problem[hidden]").await?;
    ensure!(page.text("#log li").await?.contains("4001: bye – clean"), "{}", page.text("#log").await?);

    page.connect("/echo", "open").await?;
    for (code, reason, problem) in [
        ("1006", "", "close code 1006 is neither 1000 nor in 3000–4999"),
        ("bye", "", "`bye` is not a close code"),
        ("4000", &*"€".repeat(42), "the reason for closing has 126 bytes; 123 are allowed"),
    ] {
        page.fill("#code", code).await?;
        page.fill("#reason", reason).await?;
        page.click("#disconnect").await?;
        page.find("#problem:not([hidden])").await?;
        ensure!(page.text("#problem").await? == problem, "{}", page.text("#problem").await?);
    }
    page.click("#send-file").await?;
    ensure!(page.text("#file-verdict").await? == "choose a file first");
    page.drop_file("#log-title", "dropped.txt").await?;
    ensure!(page.text("#file-name").await? == "dropped.txt (11 bytes)", "{}", page.text("#file-name").await?);
    page.click("#send-file").await?;
    page.find("#file-verdict[data-is=good]").await?;
    let (drawn, came_back) = canvas_goes_round(page, "good").await?;
    ensure!(drawn == came_back, "the pixels differ");

    page.picture(PICTURES, "bad-input").await
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn connecting_anew_while_connecting_is_no_error() -> Result<()> {
    with_page(none, connecting_anew_is_no_error).await
}

async fn connecting_anew_is_no_error(page: &Page) -> Result<()> {
    // In one go: the first connection cannot have been opened when the second takes its place.
    page.run("document.querySelector('#connect').click(); document.querySelector('#connect').click();").await?;
    page.find("#state[data-state=open]").await?;
    ensure!(page.send_text("still here").await?.contains("still here"));
    let counts = (page.count("#log [data-kind=connect]").await?, page.count("#log [data-kind=open]").await?);
    ensure!(counts == (2, 1), "{}", page.text("#log").await?);
    Ok(())
}
