//! Converts Rust into HTML, with its comments, strings and keywords marked.

const KEYWORDS: &str = " as async await break const continue else enum false fn for if impl in let loop match mod move mut pub \
                        ref return Self self static struct super trait true type use where while ";

/// Converts a line of Rust into HTML, and marks its parts: `<i>` for comments, `<q>` for strings, `<b>` for keywords.
pub fn highlight(line: &str) -> String {
    let (mut html, mut rest) = (String::new(), line);
    while let Some(first) = rest.chars().next() {
        let (len, tag) = match first {
            '/' if rest.starts_with("//") => (rest.len(), "i"),
            '"' => (string_len(rest), "q"),
            _ if first.is_alphabetic() => word(rest),
            _ => (first.len_utf8(), ""),
        };
        let (token, after) = rest.split_at(len);
        let token = token.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        html += &if tag.is_empty() { token } else { format!("<{tag}>{token}</{tag}>") };
        rest = after;
    }
    html
}

/// Returns the length of the string that a text begins with.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    let is_end = |(_, char): &(usize, char)| {
        let is_end = *char == '"' && !is_escaped;
        is_escaped = *char == '\\' && !is_escaped;
        is_end
    };
    text.char_indices().skip(1).find(is_end).map_or(text.len(), |(at, _)| at + 1)
}

/// Returns the length of the word that a text begins with, and the tag that marks it.
fn word(text: &str) -> (usize, &'static str) {
    let len = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
    let is_keyword = KEYWORDS.split(' ').any(|keyword| keyword == &text[..len]);
    (len, if is_keyword { "b" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_keywords_are_marked() {
        let line = r#"let url: Vec<u8> = f("ws://\"", letter); // let "#;
        let expected = r#"<b>let</b> url: Vec&lt;u8&gt; = f(<q>"ws://\""</q>, letter); <i>// let </i>"#;
        assert_eq!(highlight(line), expected);
    }
}
