//! Rules of the architecture that the compiler does not hold.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below a folder of this package.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "there is nothing to check in {folder}");
    found
}

/// The lines of code, not of comments, in which a file has one of these words.
fn lines_with(path: &Path, words: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| words.iter().any(|word| line.contains(word))).map(|line| format!("{path:?}: {line}")).collect()
}

#[test]
fn only_sys_names_the_browsers_crates() {
    let others = files("src").into_iter().filter(|path| !path.components().any(|part| part.as_os_str() == "sys"));
    let found: Vec<_> = others
        .filter(|path| !path.ends_with("src/tests/mod.rs")) // it names the test attribute
        .flat_map(|path| lines_with(&path, &["web_sys", "js_sys", "wasm_bindgen"]))
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_browser_test_is_guarded() {
    // A test of the guard itself cannot be; all others are by `#[apply(browser_test)]`.
    let others = files("tests/suite").into_iter().filter(|path| !path.ends_with("guard.rs"));
    let found: Vec<_> =
        others.flat_map(|path| lines_with(&path, &["#[wasm_bindgen_test", "::wasm_bindgen_test]"])).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn nothing_from_the_browser_can_panic() {
    let found: Vec<_> = files("src")
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
        .flat_map(|path| lines_with(&path, &["unwrap()", "expect(", "unwrap_throw", "unreachable!", "panic!"]))
        .collect();
    assert_eq!(found, [""; 0]);
}
