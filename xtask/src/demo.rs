//! Builds the demo page and serves it.

use anyhow::Result;
use xshell::Shell;

use crate::page;
use crate::server::{Options, Server};
use crate::toolchain::{self, Way};

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    // This needs only the toolchain: users open the page in their own browser.
    let toolchain = toolchain::find_or_install(shell, way)?;
    let page = page::build(shell, &toolchain)?;
    let server = Server::start(shell, Some(&page), options)?;
    println!("\nThe demo is at http://{}/ — open it in a browser. Stop it with Ctrl-C.", server.address);
    server.wait()
}
