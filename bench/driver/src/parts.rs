//! Keeps what each part of a run has measured, so that an interrupted run can be resumed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::browser::Browser;
use crate::plan::Plan;
use crate::results::Report;
use crate::server;

/// The parts of a run: each is one plan, measured in one browser.
pub struct Parts {
    /// The folder of the built page.
    page: PathBuf,
    /// The hash of the page's files.
    page_hash: u64,
    /// The folder of the parts.
    folder: PathBuf,
    /// Whether parts on the disk are taken.
    resumes: bool,
}

/// A part on the disk.
#[derive(Serialize, Deserialize)]
struct Part {
    /// The hash of the page and the plan.
    key: u64,
    reports: Vec<Report>,
}

impl Parts {
    /// Opens the folder of the parts, beside the page.
    pub fn open(page: &Path, resumes: bool) -> Result<Self> {
        let folder = page.with_file_name("parts");
        fs::create_dir_all(&folder)?;
        Ok(Self { page: page.into(), page_hash: hash_of(page)?, folder, resumes })
    }

    /// Returns what a page reports that runs this plan. If the run resumes another that has done so, it returns what that page reported.
    pub async fn run(&self, browser: &Browser, name: &str, plan: &Plan) -> Result<Vec<Report>> {
        let file = self.folder.join(format!("{} {name}.json", browser.name));
        let mut hasher = DefaultHasher::new();
        (self.page_hash, serde_json::to_vec(plan)?).hash(&mut hasher);
        let key = hasher.finish();
        if self.resumes
            && let Some(part) = read(&file).filter(|part| part.key == key)
        {
            return Ok(part.reports);
        }
        let part = Part { key, reports: server::run(&self.page, browser, plan).await? };
        fs::write(&file, serde_json::to_vec(&part)?).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(part.reports)
    }
}

fn read(file: &Path) -> Option<Part> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Hashes the files of the page, without those in its folders.
fn hash_of(page: &Path) -> Result<u64> {
    let entries = fs::read_dir(page)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
