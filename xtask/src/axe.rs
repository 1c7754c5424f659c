//! Installs axe-core, with which the page's tests check accessibility.

use std::path::PathBuf;

use anyhow::Result;
use xshell::Shell;

use crate::{npm, page};

/// axe-core has no dependencies, so no other version has to be pinned.
const PACKAGE: &str = "axe-core@4.14.1";

/// Installs axe-core below the target folder, and returns its script. Without Node.js it returns `None`, and accessibility is not
/// tested.
pub fn find(shell: &Shell) -> Result<Option<PathBuf>> {
    const FILE: &str = "axe-core/axe.min.js";
    let folder = page::target_folder().join("npm").join(PACKAGE);
    let packages = npm::find_or_install(shell, &folder, &[FILE], &[PACKAGE])?;
    if packages.is_none() {
        eprintln!("– not testing whether the page is accessible, which needs Node.js and npm");
    }
    Ok(packages.map(|packages| packages.join(FILE)))
}
