//! Puts the lines of Rust that do what a section of the page shows in the page, cut out of its own source.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Where `index.html` wants a region of a file: `<!-- source: files.rs upload -->`.
const WANTED: &str = "<!-- source: ";

/// Fills in every region that a page wants.
pub fn fill_in(page: &str, folder: &Path) -> Result<String> {
    let mut parts = page.split(WANTED);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (wanted, rest) = part.split_once(" -->").with_context(|| format!("`{WANTED}` has no end"))?;
        let (file, region) = wanted.split_once(' ').with_context(|| format!("`{wanted}` names no file and region"))?;
        let source =
            std::fs::read_to_string(folder.join(file)).with_context(|| format!("cannot read www/src/{file}"))?;
        let lines = cut_out(&source, region).with_context(|| format!("in www/src/{file}"))?;
        filled += &fold_out(file, &lines);
        filled += rest;
    }
    Ok(filled)
}

/// The lines between `// region: name` and `// endregion`, moved to the left as far as they can be.
fn cut_out(source: &str, name: &str) -> Result<Vec<String>> {
    let begin = format!("// region: {name}");
    let lines = source.lines().skip_while(|line| line.trim() != begin).skip(1);
    let lines: Vec<_> = lines.take_while(|line| line.trim() != "// endregion").collect();
    ensure!(!lines.is_empty(), "there is no region `{name}`");
    let depth = |line: &&str| line.len() - line.trim_start().len();
    let indent = lines.iter().filter(|line| !line.is_empty()).map(depth).min().unwrap_or_default();
    Ok(lines.into_iter().map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect())
}

fn fold_out(file: &str, lines: &[String]) -> String {
    let mut code = String::new();
    for line in lines {
        let escaped = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = match escaped.find("//") {
            // Of a comment alone, or of one that follows code. No string of the page has slashes in it.
            Some(at) => writeln!(code, "{}<i>{}</i>", &escaped[..at], &escaped[at..]),
            None => writeln!(code, "{escaped}"),
        };
    }
    format!(
        "<details>\n<summary>The Rust that does it</summary>\n<pre tabindex=\"0\" role=\"region\" \
         aria-label=\"www/src/{file}\"><code>{}</code></pre>\n</details>",
        code.trim_end()
    )
}
