//! Compares the public API with `tests/api.txt`, so that no change goes unnoticed.

use anyhow::{Result, bail, ensure};
use public_api::Builder;
use xshell::Shell;

use crate::toolchain::{self, TARGET, Toolchain, Way, unstable_folder};

#[derive(clap::Args)]
pub struct Options {
    /// Writes the current API to `tests/api.txt`.
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

/// Fails if the API has changed.
pub fn check(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    let (is, was) = (api(shell, toolchain)?, shell.read_file(BASELINE)?);
    let missing = |lines: &str, others: &str, mark: char| {
        let missing = lines.lines().filter(|line| !others.lines().any(|other| other == *line));
        missing.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    let changes = missing(&was, &is, '-') + &missing(&is, &was, '+');
    ensure!(
        changes.is_empty(),
        "the public API has changed:\n{changes}if that is intended, run `cargo xtask api --write`"
    );
    Ok(())
}

/// Returns the public API for browsers, with all features, one item per line.
fn api(shell: &Shell, toolchain: &Toolchain) -> Result<String> {
    toolchain
        .unstable_cargo(shell)
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--target", TARGET])
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .run()?;
    let json = unstable_folder().join(TARGET).join("doc/wasm_websocket.json");
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    match api {
        Ok(api) => Ok(api.to_string()),
        Err(error) => {
            bail!("`public-api` cannot read the output of this compiler's rustdoc; update `public-api`: {error}")
        }
    }
}
