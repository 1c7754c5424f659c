//! Builds the front ends in `examples/`, and serves or tests them.

use std::path::PathBuf;

use anyhow::Result;
use xshell::{Cmd, Shell};

use crate::server::{self, Server};
use crate::step::step;
use crate::toolchain::{self, TARGET, Toolchain, Way};
use crate::{page, setup, test, wasm_bindgen};

#[derive(clap::Args)]
#[group(skip)] // its name is that of the options below
pub struct Options {
    /// One example alone.
    #[arg(value_parser = NAMES)]
    name: Option<String>,
    /// Tests them in Chromium and Firefox, instead of serving them.
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    server: server::Options,
}

/// The folders in `examples/`. The package in each has the same name after `chat-`.
const NAMES: [&str; 4] = ["dioxus", "leptos", "worker", "yew"];

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let names = options.name.as_deref().map_or(NAMES.to_vec(), |name| vec![name]);
    if options.test {
        let (toolchain, browsers) = setup::everything(shell, way)?;
        let pages = build(shell, &toolchain, &names)?;
        step("linting", || Ok(cargo(shell, &toolchain, "clippy", &names).args(["--", "-Dwarnings"]).run()?))?;
        return test::examples(shell, &toolchain, &browsers, &pages, options.name.as_deref());
    }
    let toolchain = toolchain::find_or_install(shell, way)?;
    let pages = build(shell, &toolchain, &names)?;
    let server = Server::start(shell, &toolchain, Some(&pages), &options.server)?;
    println!("\nOpen one of these in two windows. Stop the server with Ctrl-C.");
    for name in names {
        println!("http://{}/{name}/", server.address);
    }
    server.wait()
}

/// Builds the examples and gives the folder that they are served from.
fn build(shell: &Shell, toolchain: &Toolchain, names: &[&str]) -> Result<PathBuf> {
    step(&format!("building the examples {}", names.join(", ")), || {
        let target = page::target_folder();
        let pages = target.join("examples");
        let sources = crate::root().join("examples");
        cargo(shell, toolchain, "build", names).run()?;
        for name in names {
            let page = pages.join(name);
            wasm_bindgen::bind(&target.join(TARGET).join(format!("release/chat-{name}.wasm")), &page)?;
            for file in shell.read_dir(sources.join(name))? {
                if file.extension().is_some_and(|extension| extension == "html" || extension == "js") {
                    shell.copy_file(file, &page)?;
                }
            }
        }
        shell.copy_file(sources.join("style.css"), &pages)?;
        Ok(pages)
    })
}

/// A command of cargo for all that are named at once: alone, each would have its dependencies with other features.
fn cargo<'a>(shell: &'a Shell, toolchain: &Toolchain, command: &str, names: &[&str]) -> Cmd<'a> {
    let manifest = crate::root().join("examples/Cargo.toml");
    let packages = names.iter().map(|name| format!("--package=chat-{name}"));
    let command = toolchain.cargo(shell).args([command, "--quiet", "--release", "--target", TARGET]);
    command.arg("--manifest-path").arg(manifest).args(packages)
}
