//! The package in a real browser, from the bundlers that `cargo xtask npm --environments` runs.
#![cfg(not(target_arch = "wasm32"))]

mod outcomes;

use anyhow::{Context, Result};
use outcomes::passes;
use wasm_websocket_browser::{listening, server};

async fn the_page_passes(name: &str) -> Result<()> {
    passes(&format!("http://{}/environments/{name}/app.html", server()?)).await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_vite_7() -> Result<()> {
    the_page_passes("vite7").await
}

#[tokio::test]
#[ignore = "it takes a browser and the built pages: `cargo xtask npm --environments` has them"]
async fn the_package_works_from_the_development_server_of_vite_7() -> Result<()> {
    let folder =
        std::env::var("TEST_ENVIRONMENTS").context("no folder: run this by `cargo xtask npm --environments`")?;
    let vite = format!("{folder}/node_modules/vite7/bin/vite.js");
    let (_vite, port) = listening("node", &[&vite, &folder, "--host=127.0.0.1", "--strictPort"]).await?;
    passes(&format!("http://127.0.0.1:{port}/app.html?server={}", server()?)).await
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
