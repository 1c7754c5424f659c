//! Tests the crate in builds that need a standard library of their own: with shared memory, and with unwinding panics.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::browser::Browser;
use crate::page;
use crate::server::Server;
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain};

/// A build variant of some users.
struct Variant {
    name: &'static str,
    rustflags: &'static str,
    std: &'static str,
}

const VARIANTS: &[Variant] = &[
    // wasm threads. Browsers then refuse every view of wasm memory.
    Variant {
        name: "shared memory",
        rustflags: "-Ctarget-feature=+atomics,+bulk-memory -Clink-arg=--shared-memory -Clink-arg=--import-memory \
                    -Clink-arg=--max-memory=1073741824 -Clink-arg=--export=__wasm_init_tls \
                    -Clink-arg=--export=__tls_size -Clink-arg=--export=__tls_align -Clink-arg=--export=__tls_base",
        std: "-Zbuild-std=std,panic_abort",
    },
    // wasm-bindgen then requires closures and futures to be unwind-safe.
    Variant { name: "unwinding panics", rustflags: "-Cpanic=unwind", std: "-Zbuild-std=std,panic_unwind,panic_abort" },
];

/// Runs the suite in a window of a browser, for each variant.
pub fn test(shell: &Shell, toolchain: &Toolchain, server: &Server, browser: &Browser) -> Result<()> {
    if !toolchain.is_distribution() {
        // The distribution's was installed with its source.
        cmd!(shell, "rustup component add rust-src").run()?;
    }
    let scratch = shell.create_temp_dir()?;
    let runner = browser.runner_config()?;
    for variant in VARIANTS {
        step(&format!("testing with {}", variant.name), || {
            let folder = page::target_folder().join(variant.name.replace(' ', "-"));
            let cargo = toolchain.cargo(shell).args(["test", "--config", &runner, "--target", TARGET, "--test=web"]);
            let cargo = cargo.arg(variant.std).arg("--target-dir").arg(folder);
            // `-Z` is for the nightly compiler, or for one with RUSTC_BOOTSTRAP.
            let cargo = cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", variant.rustflags);
            let cargo = cargo.env("TEST_SERVER", &server.address).env("TMPDIR", scratch.path());
            Ok(browser.choose(cargo).env("WASM_BINDGEN_TEST_TIMEOUT", "600").run()?)
        })?;
    }
    Ok(())
}
