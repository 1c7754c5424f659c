//! Folders for temporary files.

use std::time::Duration;
use std::{env, fs};

use anyhow::Result;
use tempfile::{Builder, TempDir};

/// The beginning of each folder's name. It is short: browsers make sockets in these folders, and the path of a socket may have about 100
/// bytes.
const PREFIX: &str = "wws-xtask-";

/// No run takes this long.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a folder, which is removed when it is dropped. First removes the folders of runs that were interrupted, which drop nothing.
pub fn folder() -> Result<TempDir> {
    for entry in fs::read_dir(env::temp_dir())?.flatten() {
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && age().is_some_and(|age| age > DAY) {
            // Another user's folder stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(Builder::new().prefix(PREFIX).tempdir()?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn folders_of_interrupted_runs_are_removed_after_a_day() {
        let [old, new] = [(); 2].map(|()| folder().unwrap().keep());
        let times = fs::FileTimes::new().set_modified(SystemTime::now() - 2 * DAY);
        File::open(&old).unwrap().set_times(times).unwrap();
        drop(folder().unwrap());
        assert_eq!((old.exists(), new.exists()), (false, true));
        fs::remove_dir(new).unwrap();
    }
}
