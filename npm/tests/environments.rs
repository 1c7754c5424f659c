//! Tests the package in a real browser, with the bundlers and the servers that `cargo xtask npm --environments` runs.
#![cfg(not(target_arch = "wasm32"))]

mod outcomes;

use std::process::Command;

use anyhow::{Context, Result};
use outcomes::passes;
use wasm_websocket_browser::{listening, server};

async fn the_page_passes(name: &str) -> Result<()> {
    passes(&format!("http://{}/environments/{name}/app.html", server()?)).await
}

/// Returns the folder of the apps and of their packages.
fn folder() -> Result<String> {
    std::env::var("TEST_ENVIRONMENTS").context("no folder: run this by `cargo xtask npm --environments`")
}

/// Runs a server in Node.js, whose page connects to the test server.
async fn a_server_passes(arguments: &[&str], page: &str) -> Result<()> {
    let (mut process, port) = listening("node", arguments).await?;
    let result = passes(&format!("http://127.0.0.1:{port}/{page}?server={}", server()?)).await;
    // This asks the process to end: only then `next dev` also ends the process that it has started.
    if let Some(id) = process.id() {
        Command::new("kill").arg(id.to_string()).status()?;
        process.wait().await?;
    }
    result
}

/// Runs a server of Next.js.
async fn next_js_passes(command: &str, app: &str) -> Result<()> {
    let folder = folder()?;
    let (next, app) = (format!("{folder}/node_modules/next/dist/bin/next"), format!("{folder}/{app}"));
    a_server_passes(&[&next, command, &app, "--hostname=127.0.0.1"], "").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_vite_7() -> Result<()> {
    the_page_passes("vite7").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_the_development_server_of_vite_7() -> Result<()> {
    let folder = folder()?;
    a_server_passes(
        &[&format!("{folder}/node_modules/vite7/bin/vite.js"), &folder, "--host=127.0.0.1", "--strictPort"],
        "app.html",
    )
    .await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_webpack() -> Result<()> {
    the_page_passes("webpack").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_rollup() -> Result<()> {
    the_page_passes("rollup").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_parcel() -> Result<()> {
    the_page_passes("parcel").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_esbuild() -> Result<()> {
    the_page_passes("esbuild").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn an_unconfigured_esbuild_is_an_error_that_names_the_cure() -> Result<()> {
    the_page_passes("esbuild-unconfigured").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_hook_works_in_reacts_strict_mode() -> Result<()> {
    the_page_passes("react").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_next_js() -> Result<()> {
    next_js_passes("start", "next").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_next_js_by_webpack() -> Result<()> {
    next_js_passes("start", "next-webpack").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_the_development_server_of_next_js() -> Result<()> {
    next_js_passes("dev", "next").await
}
