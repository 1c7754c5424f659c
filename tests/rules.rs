//! Rules of the architecture that the compiler does not check.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the Rust files below a folder of this package, except those below another folder.
fn files(folder: &str, without: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.starts_with(root.join(without))
            {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "there is nothing to check in {folder}");
    found
}

/// Returns the lines of code, without comments, that contain one of the words.
fn lines_with(path: &Path, words: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| words.iter().any(|word| line.contains(word))).map(|line| format!("{path:?}: {line}")).collect()
}

#[test]
fn only_sys_names_the_browsers_crates() {
    let found: Vec<_> = files("src", "src/sys")
        .into_iter()
        // These lines name the test attribute, and a `JsValue` that no browser has made.
        .filter(|path| !path.ends_with("src/tests/mod.rs") && !path.ends_with("src/tests/outside.rs"))
        .flat_map(|path| lines_with(&path, &["web_sys", "js_sys", "wasm_bindgen"]))
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn sys_depends_on_plain_types_only() {
    let plain = "crate::{BinaryType CloseCode CloseEvent CloseReason Error Message PublicUrl RawMessage ReadyState SendError \
                 Transport redact sys types";
    let is_plain =
        |word: &str| word.is_empty() || plain.split([' ', '{']).any(|name| name == word || word == "crate::");
    let imports = files("src/sys", "none").into_iter().flat_map(|path| lines_with(&path, &["crate::"]));
    let others: Vec<_> = imports
        .filter(|line| {
            let (_, imported) = line.split_once("crate::").unwrap_or_default();
            !imported.split(['{', '}', ',', ' ', ';', ':', '(', ')', '.']).take_while(|word| *word != "=").all(is_plain)
        })
        .collect();
    assert_eq!(others, [""; 0]);
}

#[test]
fn the_documentation_has_the_first_page_as_it_is_tested() {
    let documentation = fs::read_to_string("docs/first-page.md").unwrap();
    for file in ["src/lib.rs", "index.html"] {
        let text = fs::read_to_string(Path::new("examples/hello").join(file)).unwrap();
        assert!(documentation.contains(&text), "docs/first-page.md has another {file}");
    }
}

#[test]
fn the_readme_has_the_session_as_it_is_tested() {
    let readme = fs::read_to_string("README.md").unwrap();
    let files = ["examples/session/src/lib.rs", "session/server/examples/echo.rs"];
    let texts = files.map(|file| fs::read_to_string(file).unwrap());
    for (file, text) in files.iter().zip(&texts) {
        assert!(readme.contains(text), "README.md has another {file}");
    }
    assert!(texts.concat().lines().count() < 60, "they are longer than is said");
}

#[test]
fn the_recipes_have_the_code_that_is_tested() {
    let recipes = fs::read_to_string("docs/recipes.md").unwrap();
    for file in
        ["board", "exactly_once", "login", "pointers", "requests"].map(|name| format!("src/tests/reconnect/{name}.rs"))
    {
        let text = fs::read_to_string(&file).unwrap();
        let (_, tested) = text.split_once("// The recipe:\n").unwrap();
        let (tested, _) = tested.split_once("// Its test:\n").unwrap();
        assert!(recipes.contains(tested.trim_end()), "docs/recipes.md has other code than {file}");
    }
}

#[test]
fn the_frameworks_have_the_components_that_are_tested() {
    let unindented = |text: &str| text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
    let documentation = unindented(&fs::read_to_string("docs/frameworks.md").unwrap());
    let [feed, reconnecting] =
        ["feed", "reconnecting"].map(|name| fs::read_to_string(format!("examples/leptos-ssr/src/{name}.rs")).unwrap());
    let (_, reconnecting) = reconnecting.split_once("// The example:\n").unwrap();
    let (reconnecting, _) = reconnecting.split_once("// Its end.\n").unwrap();
    for tested in [feed.as_str(), reconnecting.trim_end()] {
        assert!(documentation.contains(&unindented(tested)), "docs/frameworks.md has other code than {tested}");
    }
}

/// Returns the lines of a Markdown file that are not code.
fn prose(path: &Path) -> Vec<String> {
    let mut is_code = false;
    let text = fs::read_to_string(path).unwrap();
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(is_prose).map(String::from).collect()
}

/// Returns the anchors that GitHub gives to the headings of a Markdown file.
fn anchors(path: &Path) -> Vec<String> {
    let headings = prose(path).into_iter().filter(|line| line.starts_with('#'));
    let words = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    words
        .map(|line| line.replace(' ', "-").replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', ""))
        .collect()
}

/// Returns whether the documentation of the public API has a page, such as `codec/trait.Encode.html#method.encode`.
fn is_documented(page: &str) -> bool {
    let api = fs::read_to_string("tests/api.txt").unwrap();
    let (page, anchor) = page.split_once(".html").unwrap_or((page, ""));
    let (module, item) = page.rsplit_once('/').map_or(("", page), |(module, item)| (module, item));
    let Some((kind, name)) = item.split_once('.') else { return false };
    let modules = api.lines().filter(|line| defined_in(line) == Some(name) && line.contains(&format!("pub {kind} ")));
    let modules = modules.filter_map(|line| line.split("wasm_websocket::").nth(1)?.split_once(name));
    // The page of an item is where the item is defined, even if the root exports it, too.
    let defined = modules.map(|(module, _)| module.trim_end_matches("::")).max_by_key(|module| module.len());
    let member = anchor.split_once('.').map(|(_, member)| format!("::{name}::{member}"));
    let is_member = |line: &str, member: &str| {
        line.split_once(member).is_some_and(|(_, rest)| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    defined == Some(module) && member.is_none_or(|member| api.lines().any(|line| is_member(line, &member)))
}

#[test]
fn links_between_texts_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["", "docs", "examples", "npm", "bench", "session", "session/server", "session/node", "session/vectors"];
    let texts = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let texts: Vec<_> =
        texts.map(|entry| entry.unwrap().path()).filter(|path| path.extension() == Some("md".as_ref())).collect();
    let (mut checked, mut broken) = (0, Vec::new());
    for text in &texts {
        let lines = prose(text).join("\n");
        for link in lines.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if let Some(page) = link.strip_prefix("https://docs.rs/wasm-websocket/latest/wasm_websocket/") {
                if !is_documented(page) {
                    broken.push(format!("{}: {link}", text.display()));
                }
                checked += 1;
                continue;
            }
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { text.clone() } else { text.parent().unwrap().join(file) };
            if !file.exists() || !anchor.is_empty() && !anchors(&file).iter().any(|known| known == anchor) {
                broken.push(format!("{}: {link}", text.display()));
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were found");
    assert_eq!(broken, [""; 0]);
}

#[test]
fn every_browser_test_is_guarded() {
    // Tests of the guard itself cannot use it; all others use `#[apply(browser_test)]`.
    let found: Vec<_> = files("tests/suite", "tests/suite/guard.rs")
        .into_iter()
        .flat_map(|path| lines_with(&path, &["#[wasm_bindgen_test", "::wasm_bindgen_test]"]))
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn nothing_from_the_browser_can_panic() {
    let found: Vec<_> = files("src", "src/tests")
        .into_iter()
        .chain(files("npm/src", "none"))
        .chain(files("session/src", "session/src/tests"))
        .filter(|path| !path.ends_with("src/sys/simulation/page.rs")) // a test that hangs must panic
        .flat_map(|path| {
            lines_with(&path, &["unwrap()", ".expect(\"", "unwrap_throw", "unreachable!", "panic!", "todo!"])
        })
        .collect();
    assert_eq!(found, [""; 0]);
}

/// Returns the name of the public type or trait that a line of code or of `tests/api.txt` defines.
fn defined_in(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("#[non_exhaustive] ");
    let path = ["pub struct ", "pub enum ", "pub trait "].iter().find_map(|kind| line.strip_prefix(kind))?;
    let path = path.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next()?;
    path.trim_end_matches(':').rsplit("::").next()
}

/// Returns the types and traits of a file whose documentation has an example.
fn documented(path: &Path) -> Vec<String> {
    let (mut found, mut has_example) = (Vec::new(), false);
    for line in fs::read_to_string(path).unwrap().lines().map(str::trim_start) {
        found.extend(defined_in(line).filter(|_| has_example).map(String::from));
        // Attributes stand between the documentation and the item.
        has_example = line.starts_with("/// ```") || has_example && (line.starts_with("///") || line.starts_with('#'));
    }
    found
}

#[test]
fn every_public_type_and_trait_has_an_example() {
    let api = fs::read_to_string("tests/api.txt").unwrap();
    let testing = fs::read_to_string("src/testing.rs").unwrap();
    // `tests/api.txt` is the API for wasm, which has no module for tests.
    let renamed =
        testing.lines().filter_map(|line| line.strip_prefix("pub use ")?.strip_suffix(';')?.rsplit("::").next());
    let public: Vec<_> = api.lines().chain(testing.lines()).filter_map(defined_in).chain(renamed).collect();
    assert!(public.len() > 60, "only {} were found", public.len());
    // A private type may have the same name.
    let documented: Vec<_> = files("src", "src/tests").iter().flat_map(|path| documented(path)).collect();
    let without: Vec<_> =
        public.into_iter().filter(|name| !documented.iter().any(|documented| documented == name)).collect();
    assert_eq!(without, [""; 0]);
}

/// Returns the modules that a file names behind `prefix`, without its own.
fn modules_in(path: &Path, prefix: &str, own: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let names = text.split(prefix).skip(1).flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => {
            let list = list.split('}').next().unwrap_or_default();
            assert!(!list.contains('{'), "{}: nested braces are not understood: {list}", path.display());
            list.split(',').map(str::trim).collect()
        }
        None => vec![rest],
    });
    let names = names.filter_map(|name| name.split(|c: char| !c.is_alphanumeric() && c != '_').next());
    names.filter(|name| *name != own).map(String::from).collect()
}

/// Checks that the modules of a folder, which name each other behind `prefix`, are in no circle. As a check of the check, the first
/// of `known` must name the second.
fn know_each_other_one_way(folder: &str, prefix: &str, known: (&str, &str)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    // A module in a folder belongs to the module with the name of the folder.
    let mut uses: Vec<(String, Vec<String>)> = Vec::new();
    for path in files(folder, "none") {
        let own = path.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap().replace(".rs", "");
        uses.push((own.clone(), modules_in(&path, prefix, &own)));
    }
    assert!(uses.iter().any(|(own, used)| own == known.0 && used.iter().any(|name| name == known.1)), "{uses:?}");
    // Removes modules that use no remaining module, until none can be removed. The rest contains a circle.
    loop {
        let left: Vec<_> = uses.iter().map(|(own, _)| own.clone()).collect();
        let before = uses.len();
        let is_free = |own: &str| {
            uses.iter().filter(|(other, _)| other == own).all(|(_, used)| used.iter().all(|name| !left.contains(name)))
        };
        let free: Vec<_> = left.iter().filter(|own| is_free(own)).cloned().collect();
        uses.retain(|(own, _)| !free.contains(own));
        if uses.len() == before {
            break;
        }
    }
    assert_eq!(uses, [], "these are in a circle");
}

#[test]
fn the_modules_of_the_page_know_each_other_one_way() {
    know_each_other_one_way("www/src", "crate::", ("drawing", "link"));
}

// So the state that handles share does not know the handles or the driver. Public types are named behind `crate`, so they do not
// count.
#[test]
fn the_modules_of_reconnect_know_each_other_one_way() {
    know_each_other_one_way("src/reconnect", "super::", ("driver", "shared"));
}
