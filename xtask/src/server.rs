//! Builds and runs the server of the tests, which also serves the demo page.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use xshell::Shell;

use crate::page;
use crate::step::step;
use crate::toolchain::host_cargo;

/// The default port of the server, as in `tests/server/src/main.rs`.
const PORT: u16 = 8765;

#[derive(clap::Args, Default)]
pub struct Options {
    /// The port to listen on. Default: 8765. If that is taken, all commands but `server` choose a free port.
    // The port is checked here, before anything is built.
    #[arg(long, value_parser = usable_port)]
    port: Option<u16>,
}

/// A running server. It ends when this is dropped.
pub struct Server {
    process: Child,
    /// The server's address, such as `127.0.0.1:8765`.
    pub address: String,
}

impl Server {
    /// Starts the server and waits until it listens.
    pub fn start(shell: &Shell, page: Option<&Path>, options: &Options) -> Result<Server> {
        step("building the server", || {
            Ok(host_cargo(shell).args(["build", "--quiet", "--package=wasm-websocket-server"]).run()?)
        })?;
        let program = page::target_folder().join("debug/wasm-websocket-server");
        let mut command = Command::new(&program);
        command.args(options.port.map(|port| format!("--port={port}"))).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(page) = page {
            command.arg("--page").arg(page);
        }
        let mut process = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let mut line = String::new();
        let output = process.stdout.take().context("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        match line.trim().strip_prefix("listening on http://") {
            Some(address) => Ok(Server { process, address: address.to_owned() }),
            None => bail!("the server did not start: {line}{}", process.wait()?),
        }
    }

    /// Waits until the server ends, which happens only on request.
    pub fn wait(mut self) -> Result<()> {
        // `Child::wait` would close the server's input, which ends the server, so the input is taken out first.
        let input = self.process.stdin.take();
        let status = self.process.wait()?;
        drop(input);
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing its input asks the server to end.
        if self.process.stdin.take().is_some() && self.process.wait().is_err() {
            let _ = self.process.kill();
        }
    }
}

/// Runs the server until it is interrupted.
pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    // `wasm-pack test` connects to no other port than the default one.
    let port = options.port.map_or_else(|| check_port(PORT), Ok)?;
    let server = Server::start(shell, None, &Options { port: Some(port) })?;
    println!("An echo server is at ws://{}/echo, beside other peers for tests. Stop it with Ctrl-C.", server.address);
    server.wait()
}

/// Parses a port, and fails if it cannot be used.
fn usable_port(text: &str) -> Result<u16> {
    check_port(text.parse()?)
}

/// Returns the port, or fails if it cannot be used.
fn check_port(port: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", port));
    listener.with_context(|| format!("port {port} cannot be used; choose another one with --port"))?;
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_refused_with_what_to_do() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = check_port(port).unwrap_err().to_string();
        assert_eq!(error, format!("port {port} cannot be used; choose another one with --port"));
        drop(taken);
        assert!(check_port(port).is_ok());
    }
}
