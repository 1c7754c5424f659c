//! Builds the front ends in `examples/`, and serves or tests them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Cmd, Shell, cmd};

use crate::browser::Browser;
use crate::server::{self, Server};
use crate::step::step;
use crate::toolchain::{self, TARGET, Toolchain, Way, host_cargo};
use crate::{npm, page, serve, setup, test};

#[derive(clap::Args)]
#[group(skip)] // the group of the options below has the same name
pub struct Options {
    /// Builds only this example.
    #[arg(value_parser = NAMES)]
    name: Option<String>,
    /// Tests the examples in Chromium and Firefox, instead of serving them.
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    server: server::Options,
}

/// The folders in `examples/`.
const NAMES: [&str; 7] = ["dioxus", HELLO, LEPTOS, SESSION, VITE, "worker", "yew"];

/// The examples that have their own server, and the server's name: it is an example of the crate `websocket-session-server`.
pub const SERVERS: [(&str, &str); 2] = [(LEPTOS, "chat"), (SESSION, "echo")];

/// The folder of the page in docs/first-page.md.
const HELLO: &str = "hello";

/// The folder of the chat that loses nothing.
const LEPTOS: &str = "leptos";

/// The folder of the example that counts.
const SESSION: &str = "session";

/// The folder of the chat in TypeScript.
const VITE: &str = "vite";

/// Tests the page of docs/first-page.md, which takes little time.
pub fn test_hello(shell: &Shell, toolchain: &Toolchain, browsers: &[Browser]) -> Result<()> {
    let pages = build(shell, toolchain, &[HELLO])?;
    test::examples(shell, browsers, &pages, Some(HELLO))
}

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let names = options.name.as_deref().map_or(NAMES.to_vec(), |name| vec![name]);
    if options.test {
        let (toolchain, browsers) = setup::everything(shell, way)?;
        let pages = build(shell, &toolchain, &names)?;
        if let Some(tests) = on_the_host(shell, &names) {
            step("testing on the host", || Ok(tests.run()?))?;
        }
        if names.contains(&LEPTOS) {
            step("testing server rendering", || Ok(on_a_server(shell).run()?))?;
        }
        if let Some(clippy) = cargo(shell, &toolchain, "clippy", &names) {
            step("linting", || Ok(clippy.args(["--", "-Dwarnings"]).run()?))?;
        }
        return test::examples(shell, &browsers, &pages, options.name.as_deref());
    }
    let toolchain = toolchain::find_or_install(shell, way)?;
    let pages = build(shell, &toolchain, &names)?;
    let server = Server::start(shell, Some(&pages), &options.server)?;
    println!("\nOpen one of the chats in two windows. Stop the server with Ctrl-C.");
    for name in &names {
        println!("http://{}/{name}/", server.address);
    }
    for (name, server) in SERVERS.iter().filter(|(name, _)| names.contains(name)) {
        println!("Run the server of {name}: cargo run -p websocket-session-server --features redis --example {server}");
    }
    server.wait()
}

/// Builds the examples, and returns the folder to serve.
fn build(shell: &Shell, toolchain: &Toolchain, names: &[&str]) -> Result<PathBuf> {
    let pages = page::target_folder().join("examples");
    // The chat in TypeScript is built first, since this takes only seconds, and its tools may be missing.
    if names.contains(&VITE) {
        build_app(shell, toolchain, &pages.join(VITE))?;
    }
    if let Some(build) = cargo(shell, toolchain, "build", names) {
        step("building the examples in Rust", || {
            build.run()?;
            let sources = crate::root().join("examples");
            let target = page::target_folder();
            crates(names).try_for_each(|name| {
                serve::make_page(shell, &package(name), &sources.join(name), &target, &pages.join(name))
            })
        })?;
        shell.copy_file(crate::root().join("examples/style.css"), &pages)?;
    }
    Ok(pages)
}

/// Builds the chat in TypeScript by its own script, with the npm package as it would be published.
fn build_app(shell: &Shell, toolchain: &Toolchain, page: &Path) -> Result<()> {
    let archive = npm::archive(shell, toolchain)?;
    step(&format!("building the example {VITE}"), || {
        let app = crate::root().join("examples").join(VITE);
        npm::install_with_package(shell, &app.join("package-lock.json"), &app, &archive)?;
        let _here = shell.push_dir(&app);
        npm::node(cmd!(shell, "npm run build -- --logLevel error --emptyOutDir --outDir {page}"))
    })
}

/// Returns the examples in Rust.
fn crates<'a>(names: &[&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().copied().filter(|name| *name != VITE)
}

/// Returns the name of the package in a folder.
fn package(name: &str) -> String {
    if is_chat(name) { format!("chat-{name}") } else { name.into() }
}

fn is_chat(name: &str) -> bool {
    name != HELLO && name != SESSION
}

/// Returns a cargo command for the examples in Rust that compiles for browsers, if there are any.
fn cargo<'a>(shell: &'a Shell, toolchain: &Toolchain, command: &str, names: &[&str]) -> Option<Cmd<'a>> {
    let command = toolchain.cargo(shell).args([command, "--quiet", "--release", "--target", TARGET]);
    for_all(command, names)
}

/// Returns the command that tests the chats in Rust in a simulated page, if there are any.
fn on_the_host<'a>(shell: &'a Shell, names: &[&str]) -> Option<Cmd<'a>> {
    let chats: Vec<_> = names.iter().copied().filter(|name| is_chat(name)).collect();
    for_all(host_cargo(shell).args(["test", "--quiet"]), &chats)
}

/// Returns the command that tests server rendering. It builds this package alone, since the chat needs other features of Leptos.
fn on_a_server(shell: &Shell) -> Cmd<'_> {
    host_cargo(shell).args(["test", "--quiet", "--package=leptos-ssr"]).arg("--manifest-path").arg(manifest())
}

/// Adds all examples in Rust to a cargo command, if there are any. Built one by one, each example would build its dependencies with
/// other features.
fn for_all<'a>(command: Cmd<'a>, names: &[&str]) -> Option<Cmd<'a>> {
    let packages: Vec<_> = crates(names).map(|name| format!("--package={}", package(name))).collect();
    (!packages.is_empty()).then(|| command.arg("--manifest-path").arg(manifest()).args(packages))
}

fn manifest() -> PathBuf {
    crate::root().join("examples/Cargo.toml")
}
