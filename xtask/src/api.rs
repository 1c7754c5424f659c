//! Holds the public API to what `tests/api.txt` says it is, so that no change of it goes unnoticed.

use anyhow::{Result, bail, ensure};
use public_api::Builder;
use xshell::Shell;

use crate::page;
use crate::toolchain::{self, TARGET, Toolchain, Way};

#[derive(clap::Args)]
pub struct Options {
    /// Writes the API as it is into `tests/api.txt`.
    #[arg(long)]
    write: bool,
}

const BASELINE: &str = "tests/api.txt";

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let toolchain = toolchain::find_or_install(shell, way)?;
    if !options.write {
        return check(shell, &toolchain);
    }
    Ok(shell.write_file(BASELINE, api(shell, &toolchain)?)?)
}

/// Fails if the API is another one.
pub fn check(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    let (is, was) = (api(shell, toolchain)?, shell.read_file(BASELINE)?);
    let missing = |lines: &str, others: &str, mark: char| {
        let missing = lines.lines().filter(|line| !others.lines().any(|other| other == *line));
        missing.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    let changes = missing(&was, &is, '-') + &missing(&is, &was, '+');
    ensure!(
        changes.is_empty(),
        "the public API has changed:\n{changes}If that is meant, `cargo xtask api --write` writes it down."
    );
    Ok(())
}

/// The public API as it is for browsers, with all features, an item a line.
fn api(shell: &Shell, toolchain: &Toolchain) -> Result<String> {
    let folder = page::target_folder().join("api");
    // Of its own folder: `-Z` is for the nightly compiler, or one that is told to take itself for it, by which build scripts
    // decide what they build.
    toolchain
        .cargo(shell)
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--target", TARGET, "--target-dir"])
        .arg(&folder)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1")
        .run()?;
    let json = folder.join(TARGET).join("doc/wasm_websocket.json");
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    match api {
        Ok(api) => Ok(api.to_string()),
        Err(error) => bail!("this compiler's rustdoc writes what `public-api` does not read; update that: {error}"),
    }
}
