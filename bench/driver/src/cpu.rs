//! The CPU time of main threads, as the system accounts for it: unlike the time of day, it says little of what else the
//! machine was doing.

use std::collections::HashMap;

/// CPU time in nanoseconds of the main thread of each process that renders pages, by process.
pub type MainThreads = HashMap<i32, u64>;

/// The time in seconds of that main thread that has used most of it: the page's. None where the system does not tell.
pub fn busiest(before: &MainThreads, after: &MainThreads) -> Option<f64> {
    let used = |(process, end): (&i32, &u64)| Some(end.saturating_sub(*before.get(process)?));
    let most = after.iter().filter_map(used).max()?;
    Some(most as f64 / 1e9)
}

/// Looks at the descendants of the process that is the browser.
#[cfg(target_os = "linux")]
pub fn main_threads(browser: u32) -> MainThreads {
    use procfs::process::{Process, all_processes};

    let renders_pages = |process: &Process| {
        process.cmdline().is_ok_and(|words| {
            // Chromium makes one word of all of them.
            let line = words.join(" ");
            line.contains("--type=renderer") || line.contains("-contentproc") && line.trim_end().ends_with(" tab")
        })
    };
    let Ok(processes) = all_processes() else { return MainThreads::new() };
    let processes: Vec<_> =
        processes.flatten().filter_map(|process| Some((process.stat().ok()?.ppid, process))).collect();
    let parents: HashMap<_, _> = processes.iter().map(|(parent, process)| (process.pid, *parent)).collect();
    let mut times = MainThreads::new();
    for (_, process) in &processes {
        let mut ancestors = std::iter::successors(Some(process.pid), |process| parents.get(process).copied());
        if ancestors.any(|ancestor| ancestor as u32 == browser) && renders_pages(process) {
            let time = process.task_main_thread().and_then(|thread| thread.schedstat());
            times.extend(time.ok().map(|time| (process.pid, time.sum_exec_runtime)));
        }
    }
    times
}

/// Only Linux is asked so far.
#[cfg(not(target_os = "linux"))]
pub fn main_threads(_browser: u32) -> MainThreads {
    MainThreads::new()
}
