//! Gets axe-core, with which the page's tests check whether the page is accessible.

use std::path::PathBuf;

use xshell::{Shell, cmd};

use crate::page;

/// It depends on nothing else, so that its version is all there is to pin.
const PACKAGE: &str = "axe-core@4.14.1";

/// Installs it below the target folder and returns its one file. Without Node.js, accessibility is not tested.
pub fn find(shell: &Shell) -> Option<PathBuf> {
    let folder = page::target_folder().join("npm").join(PACKAGE);
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        let install = cmd!(shell, "npm install --silent --no-audit --no-fund --prefix {folder} {PACKAGE}");
        if let Err(error) = shell.create_dir(&folder).and_then(|_| install.quiet().run()) {
            eprintln!("– not testing whether everyone can use the page, which needs Node.js and npm: {error}");
            return None;
        }
    }
    Some(file)
}
