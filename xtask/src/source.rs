//! Puts the Rust code behind each section of the demo page into the page, from the page's own source.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::highlight::highlight;

/// The beginning of a placeholder in `index.html` for a region of a file: `<!-- source: files.rs upload -->`.
const WANTED: &str = "<!-- source: ";

/// The placeholder in `index.html` for the first lines of Rust in the README.
const README: &str = "<!-- readme -->";

/// Replaces the placeholders of a page with code from the sources in a folder and from the README. Copies these sources to `out`,
/// since the page links to them.
pub fn fill_in(page: &str, folder: &Path, readme: &str, out: &Path) -> Result<String> {
    let page = page.replace(README, &hello(readme)?);
    let mut parts = page.split(WANTED);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (wanted, rest) = part.split_once(" -->").with_context(|| format!("`{WANTED}` has no end"))?;
        let (file, region) = wanted.split_once(' ').with_context(|| format!("`{wanted}` names no file and region"))?;
        let source =
            std::fs::read_to_string(folder.join(file)).with_context(|| format!("cannot read www/src/{file}"))?;
        let lines = cut_out(&source, region).with_context(|| format!("in www/src/{file}"))?;
        filled += &fold_out(file, region, &lines);
        filled += rest;
        std::fs::create_dir_all(out.join("source"))?;
        std::fs::write(out.join(link(file)), source)?;
    }
    Ok(filled)
}

/// Returns the lines between `// region: name` and `// endregion`, without the indentation that they share.
fn cut_out(source: &str, name: &str) -> Result<Vec<String>> {
    let begin = format!("// region: {name}");
    let lines = source.lines().skip_while(|line| line.trim() != begin).skip(1);
    let lines: Vec<_> = lines.take_while(|line| line.trim() != "// endregion").collect();
    ensure!(!lines.is_empty(), "there is no region `{name}`");
    Ok(to_the_left(&lines))
}

fn to_the_left(lines: &[&str]) -> Vec<String> {
    let depth = |line: &&str| line.len() - line.trim_start().len();
    let indent = lines.iter().filter(|line| !line.is_empty()).map(depth).min().unwrap_or_default();
    lines.iter().map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect()
}

/// Returns the body of the README's first function, without the last line, `Ok(())`.
fn hello(readme: &str) -> Result<String> {
    let lines = readme.lines().skip_while(|line| !line.starts_with("async fn ")).skip(1);
    let lines: Vec<_> = lines.take_while(|line| !line.trim_start().starts_with("Ok(())")).collect();
    ensure!((3..8).contains(&lines.len()), "the README's first function has {} lines", lines.len());
    Ok(code("Five lines of Rust", &to_the_left(&lines)))
}

fn fold_out(file: &str, region: &str, lines: &[String]) -> String {
    let code = code(&format!("www/src/{file}: {region}"), lines);
    let link = link(file);
    format!(
        "<details class=\"source\">\n<summary>Show the Rust code: {region}</summary>\n{code}\n\
         <p class=\"quiet\">From <a href=\"{link}\">www/src/{file}</a></p>\n</details>"
    )
}

/// Returns the path of a source's copy beside the page. Browsers show the copy only if its name is that of a text file.
fn link(file: &str) -> String {
    format!("source/{}.txt", file.replace('/', "-"))
}

fn code(label: &str, lines: &[String]) -> String {
    let mut code = String::new();
    for line in lines {
        let _ = writeln!(code, "{}", highlight(line));
    }
    format!(
        "<div class=\"code\"><button class=\"copy small\" aria-label=\"Copy: {label}\">Copy</button>\
         <pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><code>{}</code></pre></div>",
        code.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_first_lines_of_the_readme() {
        let readme = std::fs::read_to_string(crate::root().join("README.md")).unwrap();
        let hello = hello(&readme).unwrap();
        assert!(hello.contains("<b>let</b> <b>mut</b> stream"), "{hello}");
        assert_eq!(hello.lines().count(), 5, "{hello}");
    }

    #[test]
    fn a_region_is_moved_to_the_left() {
        let source = "    // region: a\n    fn f() {\n        1\n    }\n    // endregion\n";
        assert_eq!(cut_out(source, "a").unwrap(), ["fn f() {", "    1", "}"]);
        assert!(cut_out(source, "b").is_err());
    }
}
