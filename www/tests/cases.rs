//! The cases of `tests/cases.md` that need a page over TLS, or a page with a service worker.

use anyhow::{Result, ensure};
use serde_json::json;
use wasm_websocket_browser::{Page, server, with_page, with_page_at};

use crate::{Demo, failed_connections, none, tls};

/// Reports that this browser deviates from the standard, for the conformance table.
pub fn deviation(case: &str, what: &str) {
    println!("deviation {case}: {what}");
}

/// Allows errors about blocked and failed connections, which browsers themselves write to the console.
fn blocked_connections(error: &str) -> bool {
    error.contains("Mixed Content") || failed_connections(error)
}

// N13: a page over `https:` reaches `wss:` anywhere, and `ws:` at most on its own machine.
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_secure_page_opens_no_insecure_connection() -> Result<()> {
    let secure = tls::in_front_of(server()?).await?;
    with_page_at(&format!("https://{secure}/"), blocked_connections, async |page: &Page| {
        elsewhere_is_blocked(page).await?;
        page.begin_to_connect(&format!("wss://{secure}/echo")).await?;
        page.find("#state[data-state=open]").await?;
        ensure!(page.send_text("by TLS").await?.contains("by TLS"));
        this_machine_may_be_allowed(page).await
    })
    .await
}

async fn elsewhere_is_blocked(page: &Page) -> Result<()> {
    page.starts().await?;
    page.find("#state[data-state=open]").await?;
    page.click("#clear-log").await?;
    // An address that is reserved for documentation: <https://www.rfc-editor.org/rfc/rfc5737>
    page.begin_to_connect("ws://192.0.2.1/").await?;
    page.find("#connect-problem:not([hidden])").await?;
    page.find("#state[data-state=closed]").await?;
    let problem = page.text("#connect-problem").await?;
    if problem.contains("is blocked by the browser") {
        deviation("N13", "throws");
    } else {
        ensure!(problem.contains("did not connect"), "{problem}");
    }
    ensure!(page.count("#log [data-kind=open]").await? == 0, "it was opened: {}", page.text("#log").await?);
    Ok(())
}

async fn this_machine_may_be_allowed(page: &Page) -> Result<()> {
    page.begin_to_connect(&format!("ws://{}/echo", server()?)).await?;
    page.find("#state[data-state=open], #connect-problem:not([hidden])").await?;
    match page.text("#state").await?.as_str() {
        "open" => ensure!(page.send_text("without TLS").await?.contains("without TLS")),
        _ => deviation("N13", "blocks the page's own machine, too"),
    }
    Ok(())
}

// N33: the handler of the service worker sees what the page fetches before and after, but not the connection.
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_service_worker_sees_no_connection() -> Result<()> {
    with_page(none, connection_passes_by_service_worker).await
}

async fn connection_passes_by_service_worker(page: &Page) -> Result<()> {
    page.run(CONTROL).await?;
    page.run("await fetch('/peers?before');").await?;
    page.connect("/echo", "open").await?;
    ensure!(page.send_text("unseen").await?.contains("unseen"));
    page.run("await fetch('/peers?after');").await?;
    let fetched = page.run(FETCHED).await?;
    ensure!(fetched == json!(["/peers?before", "/peers?after"]), "the service worker has seen {fetched}");
    Ok(())
}

/// Registers the service worker, and waits until it controls the page.
const CONTROL: &str = "
    const { serviceWorker } = navigator;
    const controlled = new Promise(resolve => serviceWorker.addEventListener('controllerchange', resolve));
    await serviceWorker.register('/service-worker.js');
    await controlled;";

/// Returns the requests for which the service worker's handler was called.
const FETCHED: &str = "
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise(resolve => port1.onmessage = ({ data }) => resolve(data));
    navigator.serviceWorker.controller.postMessage(null, [port2]);
    return await answer;";
