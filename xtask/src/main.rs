//! `cargo xtask`: sets up, builds, serves and tests wasm-websocket.
//!
//! ```text
//! setup ─▶ toolchain (wasm32) ─▶ page ─▶ server ─▶ demo, serve, examples
//!      └─▶ browsers and drivers ────────────────▶ test ─▶ ci
//!                                             ├─▶ bench
//!                                             └─▶ npm
//! ```
//!
//! This program is also `wasm-bindgen` and its test runner, in the version of `Cargo.lock`, so that neither has to be installed.

mod api;
mod axe;
mod bench;
mod browser;
mod chats;
mod ci;
mod conformance;
mod demo;
mod examples;
mod highlight;
mod measure;
mod msrv;
mod npm;
mod page;
mod properties;
mod scratch;
mod serve;
mod server;
mod setup;
mod source;
mod step;
mod test;
mod toolchain;
mod variants;
mod wasm_bindgen;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xshell::Shell;

/// Sets up, builds, serves and tests wasm-websocket.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    /// How to get a compiler for wasm32-unknown-unknown.
    #[arg(long, env = "XTASK_TOOLCHAIN", value_enum, default_value_t, global = true)]
    toolchain: toolchain::Way,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what building and testing need.
    Setup,
    /// Builds the demo page and serves it.
    Demo(server::Options),
    /// Builds the front ends in `examples/` and serves them.
    Examples(examples::Options),
    /// Builds the page of a crate of yours and serves it, together with an echo server.
    Serve(serve::Options),
    /// Runs only the server of the tests, which `wasm-pack test --headless --chrome` needs.
    Server(server::Options),
    /// Tests the crates on the host, and runs the suite and the page's tests in both browsers.
    Test,
    /// Checks the properties of random programs in the simulated page, for 20,000 seeds each by default.
    Properties(properties::Options),
    /// Compares the public API with `tests/api.txt`, or updates the file.
    Api(api::Options),
    /// Measures the cost of messages, compared with JavaScript and other crates.
    Bench(bench::Options),
    /// Measures the CPU time of the demo page, idle and while drawing, and its Lighthouse scores.
    Measure,
    /// Builds the npm package, in `npm/dist`.
    Npm(npm::Options),
    /// Runs the checks beyond `test`: formatting, lints, docs, the public API, the oldest Rust, shared memory, unwinding, the
    /// npm package, `wasm-pack test`, and WebKitGTK where it is available.
    Ci,
}

fn main() -> ExitCode {
    match wasm_bindgen::run(std::env::args_os()).unwrap_or_else(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let cli = Cli::parse();
    let shell = Shell::new()?;
    shell.change_dir(root());
    match cli.command {
        Command::Setup => setup::everything(&shell, cli.toolchain).map(drop),
        Command::Demo(options) => demo::run(&shell, cli.toolchain, &options),
        Command::Examples(options) => examples::run(&shell, cli.toolchain, &options),
        Command::Serve(options) => serve::run(&shell, cli.toolchain, &options),
        Command::Server(options) => server::run(&shell, &options),
        Command::Test => test::run(&shell, cli.toolchain),
        Command::Properties(options) => properties::run(&shell, &options),
        Command::Api(options) => api::run(&shell, cli.toolchain, &options),
        Command::Bench(options) => bench::run(&shell, cli.toolchain, &options),
        Command::Measure => measure::run(&shell, cli.toolchain),
        Command::Npm(options) => npm::run(&shell, cli.toolchain, &options),
        Command::Ci => ci::run(&shell, cli.toolchain),
    }
}

/// Returns the folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_that_is_taken_is_refused_before_anything_is_built() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        for command in [&["demo"][..], &["examples"], &["serve", "."], &["server"]] {
            let parse = || Cli::try_parse_from([&["xtask"], command, &["--port", &port]].concat());
            let error = parse().err().map(|error| error.to_string()).unwrap_or_default();
            let hint = format!("port {port} cannot be used; choose another one with --port");
            assert!(error.contains(&hint), "{command:?}: {error}");
        }
        drop(taken);
        assert!(Cli::try_parse_from(["xtask", "demo", "--port", &port]).is_ok());
    }
}
