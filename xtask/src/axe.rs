//! Installs axe-core, with which the page's tests check accessibility.

use std::path::PathBuf;

use xshell::{Shell, cmd};

use crate::page;

/// axe-core has no dependencies, so no other version has to be pinned.
const PACKAGE: &str = "axe-core@4.14.1";

/// Installs axe-core below the target folder, and returns its script. Without Node.js it returns `None`, and accessibility is not
/// tested.
pub fn find(shell: &Shell) -> Option<PathBuf> {
    let folder = page::target_folder().join("npm").join(PACKAGE);
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        let install = cmd!(shell, "npm install --silent --no-audit --no-fund --prefix {folder} {PACKAGE}");
        if let Err(error) = shell.create_dir(&folder).and_then(|_| install.quiet().run()) {
            eprintln!("– not testing whether the page is accessible, which needs Node.js and npm: {error}");
            return None;
        }
    }
    Some(file)
}
