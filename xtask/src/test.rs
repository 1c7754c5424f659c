//! Runs every test.

use anyhow::Result;
use xshell::{Cmd, Shell};

use crate::browser::Browser;
use crate::server::{Options, Server};
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain, Way};
use crate::{page, setup, wasm_bindgen};

pub fn run(shell: &Shell, way: Way) -> Result<()> {
    let (toolchain, browsers) = setup::everything(shell, way)?;
    let page = page::build(shell, &toolchain)?;
    let server = Server::start(shell, &toolchain, Some(&page), &Options::default())?;
    let tests = Tests { shell, toolchain: &toolchain, server: &server };
    step("testing on the host", || tests.on_the_host())?;
    for browser in &browsers {
        step(&format!("testing in {}", browser.name), || tests.in_browser(browser))?;
    }
    step("testing the page", || browsers.iter().try_for_each(|browser| tests.of_the_page(browser)))
}

struct Tests<'a> {
    shell: &'a Shell,
    toolchain: &'a Toolchain,
    server: &'a Server,
}

impl Tests<'_> {
    /// The pure parts, the examples in the documentation, and the server.
    fn on_the_host(&self) -> Result<()> {
        self.cargo(&["test", "--quiet"]).run()?;
        Ok(self.cargo(&["test", "--quiet", "--package=wasm-websocket-server"]).run()?)
    }

    /// The suite in a window and in a dedicated worker, and the pure parts once more.
    fn in_browser(&self, browser: &Browser) -> Result<()> {
        let runner = wasm_bindgen::runner_config()?;
        let cargo = self.cargo(&["test", "--quiet", "--config", &runner, "--target", TARGET, "--lib", "--tests"]);
        Ok(browser.choose(cargo).env("WASM_BINDGEN_USE_DEDICATED_WORKER", "1").run()?)
    }

    /// The demo page, driven as a person would.
    fn of_the_page(&self, browser: &Browser) -> Result<()> {
        Ok(browser.choose(self.cargo(&["test", "--quiet", "--package=wasm-websocket-demo"])).run()?)
    }

    fn cargo(&self, arguments: &[&str]) -> Cmd<'_> {
        self.toolchain
            .cargo(self.shell)
            .args(arguments)
            .env("TEST_SERVER", &self.server.address)
            // The runner's limits are for a whole run and an idle machine.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")
    }
}
