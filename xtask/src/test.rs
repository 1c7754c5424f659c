//! Runs every test.

use std::path::Path;
use std::thread;

use anyhow::{Result, bail};
use xshell::{Cmd, Shell};

use crate::browser::Browser;
use crate::server::{Options, Server};
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain, Way};
use crate::{page, setup};

pub fn run(shell: &Shell, way: Way) -> Result<()> {
    let (toolchain, browsers) = setup::everything(shell, way)?;
    let page = page::build(shell, &toolchain)?;
    let server = Server::start(shell, &toolchain, Some(&page), &Options::default())?;
    let scratch = shell.create_temp_dir()?;
    let tests = Tests { toolchain: &toolchain, address: &server.address, scratch: scratch.path() };
    step("building the tests", || tests.build(shell))?;
    step("testing on the host", || tests.on_the_host(shell))?;
    let names: Vec<_> = browsers.iter().map(|browser| browser.name).collect();
    step(&format!("testing in {}", names.join(" and in ")), || tests.in_browsers(shell, &browsers))
}

/// Runs the suite alone, in one more browser.
pub fn suite_in(shell: &Shell, toolchain: &Toolchain, browser: &Browser) -> Result<()> {
    let server = Server::start(shell, toolchain, None, &Options::default())?;
    let scratch = shell.create_temp_dir()?;
    let tests = Tests { toolchain, address: &server.address, scratch: scratch.path() };
    step(&format!("testing in {}", browser.name), || tests.suite_in(shell, browser))
}

/// What is tested on the host, always selected together: for another selection, cargo may find other features of their
/// dependencies, and build those anew. The server is built alone for the demo, and so for its tests, too.
const HOST: &[&str] = &["test", "--package=wasm-websocket", "--package=wasm-websocket-demo"];
const SERVER: &[&str] = &["test", "--package=wasm-websocket-server"];

struct Tests<'a> {
    toolchain: &'a Toolchain,
    address: &'a str,
    /// For what drivers and browsers leave behind: the test runner does not give them the time to tidy up.
    scratch: &'a Path,
}

impl Tests<'_> {
    /// Compiles everything before anything runs, so that nothing waits for the compilation of something else.
    fn build(&self, shell: &Shell) -> Result<()> {
        for tests in [self.cargo(shell, HOST), self.cargo(shell, SERVER), self.suite(shell)] {
            tests.args(["--no-run", "--quiet"]).run()?;
        }
        Ok(())
    }

    /// The pure parts, the examples in the documentation, and the server.
    fn on_the_host(&self, shell: &Shell) -> Result<()> {
        self.cargo(shell, HOST).arg("--quiet").run()?;
        Ok(self.cargo(shell, SERVER).arg("--quiet").run()?)
    }

    /// Everything at the same time: mostly they wait.
    fn in_browsers(&self, shell: &Shell, browsers: &[Browser]) -> Result<()> {
        thread::scope(|scope| {
            let start = |browser, test: fn(&Self, &Shell, &Browser) -> Result<()>| {
                let shell = shell.clone();
                scope.spawn(move || test(self, &shell, browser))
            };
            let start_both = |browser| [start(browser, Self::suite_in), start(browser, Self::page_in)];
            let running: Vec<_> = browsers.iter().flat_map(start_both).collect();
            let results: Vec<_> = running.into_iter().map(|thread| thread.join().expect("it does not panic")).collect();
            results.into_iter().collect()
        })
    }

    /// The suite in a window and in a dedicated worker. (The pure parts run in a browser by `wasm-pack test`.)
    fn suite_in(&self, shell: &Shell, browser: &Browser) -> Result<()> {
        run_captured(browser, self.suite(shell).args(["--config", &browser.runner_config()?]))
    }

    /// The demo page, driven as a person would.
    fn page_in(&self, shell: &Shell, browser: &Browser) -> Result<()> {
        let page = self.cargo(shell, HOST).args(["--test=demo", "--", "--ignored"]);
        // Elsewhere than in Chromium what the page is for is enough: starting browsers takes most of the time.
        run_captured(browser, if browser.is_chromium() { page } else { page.arg("what_is_sent_comes_back") })
    }

    fn suite<'a>(&self, shell: &'a Shell) -> Cmd<'a> {
        self.cargo(shell, &["test", "--target", TARGET, "--test=web", "--test=worker"])
    }

    fn cargo<'a>(&self, shell: &'a Shell, arguments: &[&str]) -> Cmd<'a> {
        self.toolchain
            .cargo(shell)
            .args(arguments)
            .env("TEST_SERVER", self.address)
            .env("TMPDIR", self.scratch)
            // The runner's limits are for a whole run and an idle machine.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")
    }
}

/// Runs a command, and prints what it has printed when it has ended, so that it does not mix with that of others.
fn run_captured(browser: &Browser, command: Cmd<'_>) -> Result<()> {
    let command = browser.choose(command);
    let text = command.to_string();
    let output = command.quiet().ignore_status().output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("── {}: {text}\n{err}{out}", browser.name);
    if !output.status.success() {
        bail!("tests fail in {}", browser.name);
    }
    Ok(())
}
