//! Writes `tests/CONFORMANCE.md`, from `tests/cases.md`, the tests that name its cases, and their results.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use xshell::Shell;

const CASES: &str = "tests/cases.md";
const TABLE: &str = "tests/CONFORMANCE.md";
/// The folders whose tests name cases in the comment above them.
const TESTS: &[&str] = &["tests/suite", "www/tests"];

/// The output of one run of tests.
#[derive(Clone)]
pub struct Run {
    /// The name and the version of the browser, or of the simulation.
    pub browser: String,
    /// Where the tests ran: in a `window` or a `worker` of the browser, on the demo `page`, or on the `host`.
    pub context: &'static str,
    pub output: String,
}

/// A case, and the cells that follow its name.
type Row<'a> = (&'a str, Vec<&'a str>);

/// Writes the table. Fails if a case has neither a test nor a reason for having none, or if it has both.
pub fn write(shell: &Shell, runs: &[Run]) -> Result<()> {
    let source = shell.read_file(CASES)?;
    let (cases, reasons) = source.split_once("## Cases without a test").unwrap_or((&source, ""));
    let reasons: BTreeMap<_, _> = reasons.lines().filter_map(row).collect();
    let tests = tests_by_case(shell)?;
    check(cases, &reasons, &tests)?;
    let browsers: BTreeSet<_> = runs.iter().map(|run| run.browser.as_str()).collect();
    let mut table = HEAD.to_owned();
    for line in cases.lines().skip_while(|line| !line.starts_with("## ")) {
        let mut cells = Vec::new();
        if let Some((case, _)) = row(line) {
            let names = tests.get(case).map(Vec::as_slice).unwrap_or_default();
            let names_or_reason = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            cells.push(reasons.get(case).map_or(names_or_reason, |reason| format!("not tested: {}", reason.join(""))));
            cells.extend(browsers.iter().map(|browser| outcome(runs, browser, case, names)));
        } else if line.starts_with("| Case") {
            cells.push("Shown by".into());
            cells.extend(browsers.iter().map(|&browser| browser.into()));
        } else if line.starts_with("|-") {
            cells.resize(browsers.len() + 1, "---".into());
        }
        let cells: String = cells.iter().map(|cell| format!(" {cell} |")).collect();
        table += &format!("{line}{cells}\n");
    }
    Ok(shell.write_file(TABLE, table)?)
}

const HEAD: &str = "# What browsers do, and which tests show it

`cargo xtask test` writes this file from [`cases.md`](cases.md), the tests and their results. A test names its cases in the
comment above it. The column of a browser says where a test of the case has passed, such as `window` or `worker`. If the browser
deviates from the standard, the column also says in bold what it does instead; the test accepts both. The simulation is the
simulated page of the feature `testing`, which behaves like either engine.

";

/// Returns a browser's cell for a case: where a test of the case has passed, and how the browser deviates.
fn outcome(runs: &[Run], browser: &str, case: &str, tests: &[String]) -> String {
    let runs = || runs.iter().filter(|run| run.browser == browser);
    let passed = |run: &&Run| tests.iter().any(|test| has_passed(&run.output, test));
    let contexts: Vec<_> = runs().filter(passed).map(|run| run.context).collect();
    let marker = format!("deviation {case}: ");
    let lines = runs().flat_map(|run| run.output.lines());
    let deviations: BTreeSet<_> = lines.filter_map(|line| Some(line.split_once(&marker)?.1)).collect();
    let shown = [contexts.join(", ")].into_iter().chain(deviations.into_iter().map(|what| format!("**{what}**")));
    shown.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Returns whether a test has passed, and has not reported that it shows nothing here.
fn has_passed(output: &str, test: &str) -> bool {
    let is_ok = ["::", "test "].iter().any(|before| output.contains(&format!("{before}{test} ... ok")));
    is_ok && !output.lines().any(|line| line.ends_with(&format!("skipped {test}")))
}

/// Checks that each case has either tests or a reason for having none.
fn check(cases: &str, reasons: &BTreeMap<&str, Vec<&str>>, tests: &BTreeMap<String, Vec<String>>) -> Result<()> {
    let cases: BTreeSet<_> = cases.lines().filter_map(row).map(|(case, _)| case).collect();
    for case in &cases {
        let (is_tested, has_reason) = (tests.contains_key(*case), reasons.contains_key(case));
        ensure!(is_tested || has_reason, "{CASES}: case {case} has neither a test nor a reason for having none");
        ensure!(!(is_tested && has_reason), "{CASES}: case {case} has a test, and a reason for having none");
    }
    let unknown = tests.keys().map(String::as_str).chain(reasons.keys().copied()).find(|case| !cases.contains(case));
    ensure!(unknown.is_none(), "{CASES}: there is no case {unknown:?}");
    Ok(())
}

/// Returns the case and the cells of a table's row, if the row is about a case.
fn row(line: &str) -> Option<Row<'_>> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let case = cells.next().filter(|cell| is_case(cell))?;
    Some((case, cells.collect()))
}

/// Returns whether a word is the name of a case: a letter and two digits.
fn is_case(word: &str) -> bool {
    matches!(word.as_bytes(), [b'N' | b'M' | b'S' | b'C' | b'L', digits @ ..] if digits.len() == 2 && digits.iter().all(u8::is_ascii_digit))
}

/// Returns the names of the tests of each case, from the comments above the tests.
fn tests_by_case(shell: &Shell) -> Result<BTreeMap<String, Vec<String>>> {
    let mut tests = BTreeMap::<_, Vec<_>>::new();
    for folder in TESTS {
        for file in shell.read_dir(folder)? {
            let source = if file.is_file() { shell.read_file(&file)? } else { continue };
            let mut comment = String::new();
            for line in source.lines() {
                if let Some(text) = line.strip_prefix("// ") {
                    comment += text;
                } else if let Some((name, _)) = line.strip_prefix("async fn ").and_then(|rest| rest.split_once('(')) {
                    named(&comment).for_each(|case| tests.entry(case).or_default().push(name.to_owned()));
                    comment.clear();
                } else if !line.starts_with("#[") {
                    comment.clear();
                }
            }
        }
    }
    Ok(tests)
}

/// Returns the cases that a comment begins with, as in `N05, N07: …`.
fn named(comment: &str) -> impl Iterator<Item = String> + '_ {
    let cases = comment.split_once(':').map_or(comment, |(cases, _)| cases);
    cases.split(", ").filter(|word| is_case(word)).map(str::to_owned)
}
