//! Runs `wasm-bindgen` and `wasm-bindgen-test-runner`, if this program has one of these names or gets one as its first argument.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result};
use xshell::Shell;

const BINDGEN: &str = "wasm-bindgen";
const TEST_RUNNER: &str = "wasm-bindgen-test-runner";

/// Runs the tool that the arguments name, if any.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Option<Result<()>> {
    let mut arguments = arguments.peekable();
    let own_name = PathBuf::from(arguments.peek()?).file_stem()?.to_owned();
    if own_name != BINDGEN && own_name != TEST_RUNNER {
        arguments.next();
    }
    let name = PathBuf::from(arguments.peek()?).file_stem()?.to_owned();
    match name.to_str()? {
        BINDGEN => Some(wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(arguments)),
        TEST_RUNNER => Some(run_tests(arguments)),
        _ => None,
    }
}

/// Runs tests in a browser. The browser's driver is on this machine, but the test runner would look for it behind the proxy that
/// the environment names. So this program runs once more, without proxies.
fn run_tests(arguments: impl Iterator<Item = OsString>) -> Result<()> {
    if env::var_os("NO_PROXY").is_some_and(|hosts| hosts == "*") {
        return wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(arguments);
    }
    let mut again = Command::new(env::current_exe()?);
    let status = again.args(env::args_os().skip(1)).env("NO_PROXY", "*").status()?;
    // An error was already printed.
    process::exit(status.code().unwrap_or(1))
}

/// Writes JavaScript glue for the module `wasm` to the folder `out`.
pub fn bind(wasm: &Path, out: &Path) -> Result<()> {
    run_bindgen(wasm, out, &["--no-typescript"])
}

/// Writes JavaScript glue with TypeScript declarations, under another name than the module's.
pub fn bind_with_types(wasm: &Path, out: &Path, name: &str) -> Result<()> {
    run_bindgen(wasm, out, &["--typescript", "--out-name", name])
}

fn run_bindgen(wasm: &Path, out: &Path, more: &[&str]) -> Result<()> {
    let common = ["--target=web", "--remove-name-section", "--remove-producers-section", "--out-dir"];
    let arguments =
        [BINDGEN].iter().chain(&common).map(AsRef::<OsStr>::as_ref).chain([out.as_os_str(), wasm.as_os_str()]);
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(arguments.chain(more.iter().map(AsRef::as_ref)))
}

/// Returns the setting with which cargo runs wasm tests by this program. The command `wrapper`, if not empty, runs the program.
pub fn runner_config(wrapper: &[&str]) -> Result<String> {
    let this = env::current_exe()?;
    let this = this.to_str().context("the target folder's path is not UTF-8")?;
    let runner = [wrapper, &[this, TEST_RUNNER]].concat();
    Ok(format!("target.wasm32-unknown-unknown.runner={runner:?}"))
}

/// Returns a folder with this program under the tools' names, for programs that look for the tools on the `PATH`.
pub fn folder(shell: &Shell) -> Result<PathBuf> {
    let this = env::current_exe()?;
    let folder = this.with_file_name("wasm-bindgen");
    // The folder is made anew, since this program may have been rebuilt.
    shell.remove_path(&folder)?;
    shell.create_dir(&folder)?;
    for name in [BINDGEN, TEST_RUNNER] {
        let path = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
        std::fs::hard_link(&this, &path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(folder)
}
