//! Builds the npm package, and tests it as it would be published.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::browser::Browser;
use crate::server::{self, Server};
use crate::step::{alone, step};
use crate::toolchain::{self, TARGET, Toolchain, Way};
use crate::{page, setup, test, wasm_bindgen};

#[derive(clap::Args)]
pub struct Options {
    /// Also tests the package, in Chromium and in Firefox.
    #[arg(long)]
    test: bool,
    /// Tests the package in other environments, too: bundlers, Next.js, Node.js 22, Deno, Bun, vitest and React;
    /// and builds its documentation.
    #[arg(long)]
    environments: bool,
}

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    if options.environments {
        let (toolchain, browsers) = setup::everything(shell, way)?;
        test_environments(shell, &toolchain, &browsers)?;
    }
    if options.test {
        let (toolchain, browsers) = setup::everything(shell, way)?;
        let archive = archive(shell, &toolchain)?;
        return test(shell, &browsers, &archive);
    }
    if options.environments {
        return Ok(());
    }
    let toolchain = toolchain::find_or_install(shell, way)?;
    build(shell, &toolchain)?;
    println!("\nThe package is in the folder npm: `cd npm && npm pack` packs it, and `npm publish` publishes it.");
    Ok(())
}

/// The licences that are copied into the package.
const LICENSES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// The wasm modules: the features with which each is built, and its name.
const MODULES: &[(&str, &str)] = &[
    ("connect", "core"),
    ("connect,streams", "core-streams"),
    ("reconnect", "reconnect-core"),
    ("reconnect,streams", "reconnect-streams"),
    ("session", "session-core"),
];

/// The files whose type declarations are removed, since the package's public types do not name them.
const INTERNAL: &[&str] = &[
    "abort",
    "core",
    "core-streams",
    "core-streams_bg.wasm",
    "core_bg.wasm",
    "hooks",
    "inbox",
    "listeners",
    "outbox",
    "payload",
    "reconnect-core",
    "reconnect-core_bg.wasm",
    "reconnect-streams",
    "reconnect-streams_bg.wasm",
    "session-core",
    "session-core_bg.wasm",
    "states",
];

/// Waits until no other thread builds the core. Hold the guard until the built file was read: it has the same name for all features.
pub fn core() -> MutexGuard<'static, ()> {
    static CORE: Mutex<()> = Mutex::new(());
    alone(&CORE)
}

/// Builds the package into `npm/dist`.
pub fn build(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    let package = crate::root().join("npm");
    let dist = package.join("dist");
    let programs = install(shell, &package.join("package-lock.json"), &package)?;
    step("building the npm package", || {
        let _core = core();
        shell.remove_path(&dist)?;
        for (features, name) in MODULES {
            let build = ["build", "--quiet", "--release", "--package=wasm-websocket-npm", "--target", TARGET];
            let alone = ["--no-default-features", "--features", features];
            toolchain.cargo(shell).args(build).args(alone).run()?;
            let module = page::target_folder().join(TARGET).join("release/wasm_websocket_npm.wasm");
            wasm_bindgen::bind_with_types(&module, &dist, name)?;
            let (wasm, wasm_opt) = (dist.join(format!("{name}_bg.wasm")), programs.join("wasm-opt"));
            node(cmd!(shell, "{wasm_opt} -Oz --converge {wasm} --output {wasm}"))?;
        }
        let tsc = programs.join("tsc");
        node(cmd!(shell, "{tsc} --project {package}"))?;
        INTERNAL.iter().try_for_each(|name| shell.remove_path(dist.join(format!("{name}.d.ts"))))?;
        LICENSES.iter().try_for_each(|license| shell.copy_file(license, &dist))?;
        Ok(())
    })
}

/// All files of the package.
const FILES: &[&str] = &[
    "README.md",
    "dist/LICENSE-APACHE",
    "dist/LICENSE-MIT",
    "dist/abort.js",
    "dist/connect.d.ts",
    "dist/connect.js",
    "dist/core-streams.js",
    "dist/core-streams_bg.wasm",
    "dist/core.js",
    "dist/core_bg.wasm",
    "dist/dispose.d.ts",
    "dist/dispose.js",
    "dist/errors.d.ts",
    "dist/errors.js",
    "dist/hooks.js",
    "dist/inbox.js",
    "dist/index.d.ts",
    "dist/index.js",
    "dist/json.d.ts",
    "dist/json.js",
    "dist/listeners.js",
    "dist/load.d.ts",
    "dist/load.js",
    "dist/message.d.ts",
    "dist/message.js",
    "dist/options.d.ts",
    "dist/options.js",
    "dist/outbox.js",
    "dist/payload.js",
    "dist/reconnect-core.js",
    "dist/reconnect-core_bg.wasm",
    "dist/reconnect-options.d.ts",
    "dist/reconnect-options.js",
    "dist/reconnect-streams.js",
    "dist/reconnect-streams_bg.wasm",
    "dist/reconnect.d.ts",
    "dist/reconnect.js",
    "dist/reconnecting.d.ts",
    "dist/reconnecting.js",
    "dist/schema.d.ts",
    "dist/schema.js",
    "dist/session-core.js",
    "dist/session-core_bg.wasm",
    "dist/session-lost.d.ts",
    "dist/session-lost.js",
    "dist/session-options.d.ts",
    "dist/session-options.js",
    "dist/session-stream.d.ts",
    "dist/session-stream.js",
    "dist/session.d.ts",
    "dist/session.js",
    "dist/slices.d.ts",
    "dist/slices.js",
    "dist/socket.d.ts",
    "dist/socket.js",
    "dist/state.d.ts",
    "dist/state.js",
    "dist/states.js",
    "dist/web-socket.d.ts",
    "dist/web-socket.js",
    "package.json",
];

/// Tests the package as npm packs it: its files, its types, its size, and its behaviour in browsers.
pub fn test(shell: &Shell, browsers: &[Browser], archive: &Path) -> Result<()> {
    let work = page::target_folder().join("npm");
    let site = work.join("site");
    step("building the npm package's tests", || build_pages(shell, &work, archive, &site))?;
    let server = Server::start(shell, Some(&site), &server::Options::default())?;
    step("testing the npm package in Node.js", || {
        let _here = shell.push_dir(work.join("app"));
        let url = format!("ws://{}", server.address);
        // Node.js before version 22 has a `WebSocket` only with this flag.
        node(cmd!(shell, "node --experimental-websocket node.js {url}"))
    })?;
    step("testing the npm package", || test::package(shell, &work.join("app"), &server, browsers))
}

/// Tests the package as npm packs it, with the bundlers and in the runtimes that npm can install.
fn test_environments(shell: &Shell, toolchain: &Toolchain, browsers: &[Browser]) -> Result<()> {
    let archive = archive(shell, toolchain)?;
    let (sources, work) = (crate::root().join("npm"), page::target_folder().join("npm"));
    let (folder, site) = (shell.create_dir(work.join("environments"))?, work.join("site"));
    let tests = sources.join("tests/environments");
    for part in ["", "vitest", "next", "next/app"] {
        let (files, copies) = (shell.read_dir(tests.join(part))?, shell.create_dir(folder.join(part))?);
        files.into_iter().filter(|file| file.is_file()).try_for_each(|file| shell.copy_file(file, &copies))?;
    }
    ["tests/app/node.js", "README.md"].iter().try_for_each(|file| shell.copy_file(sources.join(file), &folder))?;
    install_with_package(shell, &tests.join("package-lock.json"), &folder, &archive)?;
    build_documentation(shell, &work, &archive)?;
    let _no_telemetry = shell.push_env("NEXT_TELEMETRY_DISABLED", "1");
    let server = Server::start(shell, Some(&site), &server::Options::default())?;
    step("testing the npm package in other environments", || {
        let (_here, address) = (shell.push_dir(&folder), &server.address);
        Ok(cmd!(shell, "node run.js {address} {site}").quiet().run()?)
    })?;
    step("testing the npm package from bundlers", || test::environments(shell, &folder, &server, browsers))
}

/// Builds the documentation of the package as npm packs it, by TypeDoc. Warnings are errors.
fn build_documentation(shell: &Shell, work: &Path, archive: &Path) -> Result<()> {
    let sources = crate::root().join("npm/tests/documentation");
    let folder = shell.create_dir(work.join("documentation"))?;
    shell.read_dir(&sources)?.into_iter().try_for_each(|file| shell.copy_file(file, &folder))?;
    let programs = install_with_package(shell, &sources.join("package-lock.json"), &folder, archive)?;
    step("building the npm package's documentation", || {
        let (_here, typedoc) = (shell.push_dir(&folder), programs.join("typedoc"));
        node(cmd!(shell, "{typedoc} --out docs"))
    })
}

/// Tests the session protocol's server for Node.js. Its tests need neither a browser nor another server.
pub fn test_session_server(shell: &Shell) -> Result<()> {
    let folder = crate::root().join("session/node");
    install(shell, &folder.join("package-lock.json"), &folder)?;
    step("testing the session server for Node.js", || {
        let _here = shell.push_dir(&folder);
        node(cmd!(shell, "npm test"))
    })
}

/// Builds the package, packs it as it would be published, and returns the archive.
pub fn archive(shell: &Shell, toolchain: &Toolchain) -> Result<PathBuf> {
    build(shell, toolchain)?;
    step("packing the npm package", || pack(shell, &page::target_folder().join("npm/archive")))
}

/// Packs the package, and checks what npm would publish.
fn pack(shell: &Shell, folder: &Path) -> Result<PathBuf> {
    shell.remove_path(folder)?;
    shell.create_dir(folder)?;
    let package = shell.push_dir(crate::root().join("npm"));
    let name = cmd!(shell, "npm pack --silent --pack-destination {folder}").quiet().ignore_stderr().read()?;
    let version = workspace_version(shell)?;
    ensure!(
        name.trim() == format!("wasm-websocket-{version}.tgz"),
        "npm packs {name}, but the crate has version {version}; change npm/package.json"
    );
    let archive = folder.join(name.trim());
    let files = cmd!(shell, "tar -tzf {archive}").quiet().read()?;
    let mut files: Vec<_> = files.lines().map(|file| file.trim_start_matches("package/")).collect();
    files.sort();
    ensure!(files == FILES, "npm packs other files than those in FILES: {files:#?}");
    let output = cmd!(shell, "npm publish --dry-run").quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // A dry run works without a login, but warns about it.
    let mut warnings = said.lines().filter(|line| line.contains("warn publish") && !line.contains("logged in"));
    ensure!(output.status.success() && warnings.next().is_none(), "`npm publish --dry-run` fails or warns:\n{said}");
    drop(package);
    Ok(archive)
}

fn workspace_version(shell: &Shell) -> Result<String> {
    let manifest = shell.read_file(crate::root().join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    Ok(version.context("the workspace has no version")?.trim_matches('"').to_owned())
}

/// Builds the pages that use the package, and puts two copies of the package beside them.
fn build_pages(shell: &Shell, work: &Path, archive: &Path, site: &Path) -> Result<()> {
    let tests = crate::root().join("npm/tests");
    let app = shell.create_dir(work.join("app"))?;
    for file in shell.read_dir(tests.join("app"))?.into_iter().filter(|file| file.is_file()) {
        shell.copy_file(file, &app)?;
    }
    let programs = install_with_package(shell, &tests.join("app/package-lock.json"), &app, archive)?;
    let [tsc, vite] = ["tsc", "vite"].map(|program| programs.join(program));
    let _here = shell.push_dir(&app);
    node(cmd!(shell, "node examples.js"))?;
    for project in ["tsconfig.json", "tsconfig.plain.json", "tsconfig.examples.json"] {
        node(cmd!(shell, "{tsc} --project {project}"))?;
    }
    // A server that renders pages can import the package. To connect is an error there, with the code `unsupported`.
    const IMPORT: &str =
        "delete globalThis.WebSocket; const { connect, reconnect, session } = await import('wasm-websocket');
        for (const call of [connect, reconnect, session])
            await call('/').catch(({ code }) => { if (code !== 'unsupported') throw new Error(code) });";
    node(cmd!(shell, "node --input-type=module --eval {IMPORT}"))?;
    let vite = |mode: &str, out: &Path| {
        node(cmd!(shell, "{vite} build --logLevel error --mode {mode} --emptyOutDir --outDir {out}"))
    };
    for (mode, function) in [("minimal", "connect"), ("minimal-reconnect", "reconnect"), ("minimal-session", "session")]
    {
        let minimal = work.join(mode);
        vite(mode, &minimal)?;
        cmd!(shell, "node {tests}/size.js {minimal}/assets {tests}/../README.md {function}").run()?;
    }
    vite("production", &site.join("app"))?;
    for copy in ["package", "copy"] {
        let folder = site.join(copy);
        shell.remove_path(&folder)?;
        shell.create_dir(&folder)?;
        cmd!(shell, "tar -xzf {archive} -C {folder} --strip-components=1").quiet().run()?;
    }
    for file in ["plain.html", "plain.js", "plain-worker.js", "plain-service-worker.js"] {
        shell.copy_file(tests.join(file), site)?;
    }
    Ok(())
}

/// Installs the packages of a folder's `package-lock.json`, unless they are installed. Returns the folder of their programs.
fn install(shell: &Shell, lock: &Path, folder: &Path) -> Result<PathBuf> {
    ensure!(
        is_installed(shell),
        "this machine lacks Node.js 20.19 or newer, or npm; install them from https://nodejs.org"
    );
    let changed = |file: &Path| -> Option<SystemTime> { file.metadata().ok()?.modified().ok() };
    if changed(&folder.join("node_modules/.package-lock.json")) < changed(lock) {
        step(&format!("installing the packages of {}", lock.display()), || {
            let _here = shell.push_dir(folder);
            node(cmd!(shell, "npm ci --no-audit --no-fund"))
        })?;
    }
    Ok(folder.join("node_modules/.bin"))
}

/// Installs the same packages, and the npm package from its archive. The archive's hash changes with each build, so no lock file
/// can name it.
pub fn install_with_package(shell: &Shell, lock: &Path, folder: &Path, archive: &Path) -> Result<PathBuf> {
    let programs = install(shell, lock, folder)?;
    let _here = shell.push_dir(folder);
    node(cmd!(shell, "npm install --no-save --no-package-lock --no-audit --no-fund {archive}"))?;
    Ok(programs)
}

/// Installs packages in a folder, unless these files of the packages are there. Returns the folder `node_modules`; `None` without
/// Node.js or npm.
pub fn find_or_install(shell: &Shell, folder: &Path, files: &[&str], arguments: &[&str]) -> Result<Option<PathBuf>> {
    let packages = folder.join("node_modules");
    if !files.iter().all(|file| packages.join(file).exists()) {
        if !is_installed(shell) {
            return Ok(None);
        }
        step(&format!("installing {}", arguments.join(" ")), || {
            shell.create_dir(folder)?;
            node(cmd!(shell, "npm install --no-audit --no-fund --prefix {folder} {arguments...}"))
        })?;
    }
    Ok(Some(packages))
}

/// Returns whether Node.js and npm are on the `PATH`.
fn is_installed(shell: &Shell) -> bool {
    let path = shell.var_os("PATH").unwrap_or_default();
    ["node", "npm"].iter().all(|name| setup::find_on(&path, name).is_some())
}

/// Runs a program. Only an error has its output.
pub fn node(command: Cmd<'_>) -> Result<()> {
    let text = command.to_string();
    let output = command.quiet().ignore_status().output()?;
    if !output.status.success() {
        bail!("{text}\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_npm_is_not_taken_for_its_absence() {
        let shell = Shell::new().unwrap();
        let folder = shell.create_temp_dir().unwrap();
        let install = || find_or_install(&shell, folder.path(), &["some/file.js"], &["some@1.0.0"]);
        let _path = shell.push_env("PATH", folder.path());
        assert_eq!(install().unwrap(), None);

        for name in ["node", "npm"] {
            let program = folder.path().join(name);
            shell.write_file(&program, "#!/bin/sh\necho npm error code E404 >&2\nexit 1\n").unwrap();
            cmd!(shell, "/bin/chmod +x {program}").quiet().run().unwrap();
        }
        let error = format!("{:#}", install().unwrap_err());
        assert!(error.contains("npm error code E404"), "{error}");

        shell.write_file(folder.path().join("node_modules/some/file.js"), "").unwrap();
        assert_eq!(install().unwrap(), Some(folder.path().join("node_modules")));
    }
}
