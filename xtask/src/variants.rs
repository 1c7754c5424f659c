//! Tests the crate with shared memory and unwinding panics. This build needs a standard library of its own.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::browser::Browser;
use crate::scratch;
use crate::server::Server;
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain};

/// Threads need shared memory, and browsers refuse every view of it. With panics that unwind, wasm-bindgen requires closures and
/// futures to be unwind-safe. Users may have only one of the two. Neither affects the other, so one build tests both.
const RUSTFLAGS: &str = "-Ctarget-feature=+atomics,+bulk-memory -Clink-arg=--shared-memory -Clink-arg=--import-memory \
                         -Clink-arg=--max-memory=1073741824 -Clink-arg=--export=__wasm_init_tls \
                         -Clink-arg=--export=__tls_size -Clink-arg=--export=__tls_align \
                         -Clink-arg=--export=__tls_base -Cpanic=unwind";

/// Runs the suite in a window of a browser.
pub fn test(shell: &Shell, toolchain: &Toolchain, server: &Server, browser: &Browser) -> Result<()> {
    if !toolchain.is_distribution() {
        // The distribution's toolchain was installed with its source.
        cmd!(shell, "rustup component add rust-src").run()?;
    }
    let scratch = scratch::folder()?;
    let runner = browser.runner_config()?;
    step("testing with shared memory and unwinding panics", || {
        let cargo =
            toolchain.unstable_cargo(shell).args(["test", "--config", &runner, "--target", TARGET, "--test=web"]);
        let cargo = cargo.arg("-Zbuild-std=std,panic_unwind,panic_abort").env("RUSTFLAGS", RUSTFLAGS);
        let cargo = cargo.env("TEST_SERVER", &server.address).env("TMPDIR", scratch.path());
        Ok(browser.choose(cargo).env("WASM_BINDGEN_TEST_TIMEOUT", "600").run()?)
    })
}
