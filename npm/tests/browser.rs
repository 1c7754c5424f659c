//! Tests the package in a real browser, built by Vite and as plain files. `cargo xtask ci` makes the pages, and serves them.
#![cfg(not(target_arch = "wasm32"))]

mod outcomes;

use anyhow::{Context, Result};
use outcomes::passes;
use wasm_websocket_browser::{listening, server};

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask ci` has them"]
async fn the_package_works_from_vite() -> Result<()> {
    passes(&format!("http://{}/app/index.html", server()?)).await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask ci` has them"]
async fn the_package_works_from_a_plain_page() -> Result<()> {
    passes(&format!("http://{}/plain.html", server()?)).await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask ci` has them"]
async fn the_package_works_from_vites_development_server() -> Result<()> {
    let app = std::env::var("TEST_APP").context("no app: run this by `cargo xtask ci`")?;
    let vite = format!("{app}/node_modules/.bin/vite");
    let (_vite, port) = listening(vite, &[&app, "--host=127.0.0.1", "--strictPort"]).await?;
    passes(&format!("http://127.0.0.1:{port}/dev.html?server={}", server()?)).await
}
