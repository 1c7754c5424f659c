//! Builds the demo page and serves it.

use anyhow::Result;
use xshell::Shell;

use crate::server::{Options, Server};
use crate::toolchain::Way;
use crate::{page, setup};

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let toolchain = setup::toolchain(shell, way)?;
    let page = page::build(shell, &toolchain)?;
    let server = Server::start(shell, &toolchain, Some(&page), options)?;
    println!("\nThe demo is at http://{}/ — open it in a browser. Stop it with Ctrl-C.", server.address);
    server.wait()
}
