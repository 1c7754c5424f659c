//! The checks of continuous integration, beside the tests.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::browser::{self, Browser};
use crate::server::{Options, Server};
use crate::step::step;
use crate::test::{Job, at_the_same_time};
use crate::toolchain::{TARGET, Toolchain, Way, host_cargo};
use crate::{api, bench, examples, measure, msrv, npm, page, properties, scratch, setup, test, variants, wasm_bindgen};

pub fn run(shell: &Shell, way: Way) -> Result<()> {
    let (toolchain, browsers) = setup::everything(shell, way)?;
    let server = Server::start(shell, None, &Options::default())?;
    // Compilers and browsers both wait much of the time: four lanes of about the same length keep two cores busy. Linting holds
    // cargo's lock of the folder `debug`, so the other lanes begin with builds for release.
    let lanes: [Job<'_, ()>; 4] = [
        &|shell| {
            check(shell, &toolchain)?;
            variants::test(shell, &toolchain, &server, &browsers[0])
        },
        &|shell| {
            bench::counts(shell, &toolchain, &browsers)?;
            test::large(shell, &toolchain, &server, &browsers)
        },
        &|shell| {
            wasm_pack(shell, &toolchain, &server, &browsers)?;
            webkit(shell, &toolchain, &server)
        },
        &|shell| {
            npm::test_session_server(shell)?;
            let package = npm::archive(shell, &toolchain)?;
            measure::check(shell, &toolchain, &browsers[0])?;
            properties(shell)?;
            test::others(shell, &toolchain, &server, &browsers[0])?;
            examples::test_hello(shell, &toolchain, &browsers)?;
            npm::test(shell, &browsers, &package)
        },
    ];
    at_the_same_time(shell, &lanes, |shell, lane| lane(shell)).map(drop)
}

fn properties(shell: &Shell) -> Result<()> {
    step("checking the properties for 20,000 seeds", || properties::run(shell, &properties::Options::default()))
}

/// Runs the checks that need no browser.
fn check(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    step("checking the formatting", || {
        let fmt = || host_cargo(shell).args(["fmt", "--all", "--check"]);
        fmt().run()?;
        Ok(fmt().arg("--manifest-path=examples/Cargo.toml").run()?)
    })?;
    step("linting", || lint(shell, toolchain))?;
    step("checking the documentation", || {
        [&["--all-features"][..], &[], &["--no-default-features"]].iter().try_for_each(|features| {
            Ok(host_cargo(shell)
                .args(["doc", "--quiet", "--no-deps"])
                .args(*features)
                .env("RUSTDOCFLAGS", "-Dwarnings")
                .run()?)
        })
    })?;
    step("checking the public API", || api::check(shell, toolchain))?;
    step("testing xtask", || {
        Ok(host_cargo(shell).args(["test", "--quiet", "--profile=xtask", "--package=xtask"]).run()?)
    })?;
    step("checking with the oldest Rust", || msrv::check(shell, toolchain))
}

/// The packages that are linted only for the host.
const ON_THE_HOST: &[&str] =
    &["xtask", "wasm-websocket-server", "wasm-websocket-bench-driver", "websocket-session", "websocket-session-server"];

/// Lints all packages for the host, and the packages for browsers for wasm32, too.
fn lint(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    let everything = ["clippy", "--quiet", "--workspace", "--all-targets"];
    let without = ON_THE_HOST.iter().map(|package| format!("--exclude={package}"));
    let for_browsers = toolchain.cargo(shell).args(everything).args(["--target", TARGET]).args(without);
    for clippy in [host_cargo(shell).args(everything), for_browsers] {
        clippy.args(["--", "-Dwarnings"]).run()?;
    }
    Ok(())
}

/// The arguments of wasm-pack for Firefox.
const FIREFOX: &[&str] = &["--firefox", "--", "--test", "shared_worker", "--test", "service_worker"];

/// Builds and tests by wasm-pack, with the commands that its users know and only the server running. In Chromium it tests
/// everything. In Firefox it tests only shared and service workers, since `cargo xtask test` tests the other contexts.
fn wasm_pack(shell: &Shell, toolchain: &Toolchain, server: &Server, browsers: &[Browser]) -> Result<()> {
    let wasm_pack = setup::find_or_build(shell, "wasm-pack")?;
    // Without wasm-bindgen's tools, or with another version of them, wasm-pack would build them, which takes minutes.
    let tools = wasm_bindgen::folder(shell)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Without geckodriver on the `PATH`, wasm-pack would download it.
    let drivers = browsers.iter().map(Browser::driver_folder);
    let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)).chain(drivers))?;
    step("building the npm package's core by wasm-pack", || {
        let _core = npm::core();
        let out = page::target_folder().join("npm/pkg");
        let build = cmd!(shell, "{wasm_pack} build npm --target web --out-dir {out}");
        Ok(toolchain.apply(build).env("PATH", &path).run()?)
    })?;
    let scratch = scratch::folder()?;
    browsers.iter().try_for_each(|browser| {
        step(&format!("testing by wasm-pack in {}", browser.name), || {
            let which: &[&str] = if browser.is_chromium() { &["--chrome"] } else { FIREFOX };
            let test = toolchain.apply(cmd!(shell, "{wasm_pack} test --headless {which...}"));
            Ok(browser
                .choose(test)
                .env("PATH", &path)
                .env("TEST_SERVER", &server.address)
                .env("TMPDIR", scratch.path())
                .run()?)
        })
    })
}

/// Runs the suite in WebKitGTK, where it is available.
fn webkit(shell: &Shell, toolchain: &Toolchain, server: &Server) -> Result<()> {
    match browser::webkit(shell) {
        Ok(webkit) => test::suite_in(shell, toolchain, server, &webkit),
        Err(missing) => {
            eprintln!("– not testing in WebKitGTK, which needs {missing}");
            Ok(())
        }
    }
}
