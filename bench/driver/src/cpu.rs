//! The CPU time of main threads, as the system counts it. Other load on the machine affects it less than wall time.

use std::collections::HashMap;

/// The CPU time in nanoseconds of the main thread of each process that renders pages, by process.
pub type MainThreads = HashMap<i32, u64>;

/// Returns the CPU time in seconds of the busiest main thread, which is the page's, or `None` where the system does not count it.
pub fn busiest(before: &MainThreads, after: &MainThreads) -> Option<f64> {
    let used = |(process, end): (&i32, &u64)| Some(end.saturating_sub(*before.get(process)?));
    let most = after.iter().filter_map(used).max()?;
    Some(most as f64 / 1e9)
}

/// Returns the CPU times of the browser's descendants that render pages.
#[cfg(target_os = "linux")]
pub fn main_threads(browser: u32) -> MainThreads {
    use procfs::process::{Process, all_processes};

    let renders_pages = |process: &Process| {
        process.cmdline().is_ok_and(|words| {
            // Chromium joins its arguments to one word.
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

/// Returns nothing: only Linux is supported so far.
#[cfg(not(target_os = "linux"))]
pub fn main_threads(_browser: u32) -> MainThreads {
    MainThreads::new()
}
