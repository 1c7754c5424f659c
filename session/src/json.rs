//! The part of JSON that control frames need: one object, read without building a tree.

use std::borrow::Cow;

/// How deep values may be nested in each other.
const DEPTH: usize = 16;

/// The value of a member. Objects and arrays are skipped.
pub(crate) enum Value<'a> {
    String(Cow<'a, str>),
    /// The number as it is written.
    Number(&'a str),
    Bool(bool),
    Null,
    Other,
}

/// The text is not one JSON object.
#[derive(Debug)]
pub(crate) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// Calls `member` with the name and the value of each member of the object in `text`.
pub(crate) fn members<'a>(text: &'a str, mut member: impl FnMut(&str, Value<'a>)) -> Result<()> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    reader.object(0, &mut |name, value| member(&name, value))?;
    reader.space();
    if reader.at == text.len() { Ok(()) } else { Err(Malformed) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.skip(byte) { Ok(()) } else { Err(Malformed) }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn object(&mut self, depth: usize, member: &mut dyn FnMut(Cow<'a, str>, Value<'a>)) -> Result<()> {
        self.list(b'{', b'}', &mut |reader| {
            let name = reader.string()?;
            reader.space();
            reader.expect(b':')?;
            reader.space();
            member(name, reader.value(depth)?);
            Ok(())
        })
    }

    /// Reads the items between two brackets, separated by commas.
    fn list(&mut self, open: u8, close: u8, element: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(open)?;
        self.space();
        if self.skip(close) {
            return Ok(());
        }
        loop {
            element(self)?;
            self.space();
            if self.skip(close) {
                return Ok(());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b'{' | b'[') if depth == DEPTH => Err(Malformed),
            Some(b'{') => self.object(depth + 1, &mut |_, _| ()).map(|()| Value::Other),
            Some(b'[') => self.list(b'[', b']', &mut |reader| reader.value(depth + 1).map(drop)).map(|()| Value::Other),
            _ if self.word("true") => Ok(Value::Bool(true)),
            _ if self.word("false") => Ok(Value::Bool(false)),
            _ if self.word("null") => Ok(Value::Null),
            _ => Err(Malformed),
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Malformed) }
    }

    fn number(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _sign = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut is_plain = true;
        loop {
            match self.peek().ok_or(Malformed)? {
                b'"' => break,
                b'\\' => (self.at, is_plain) = (self.at + 2, false),
                ..b' ' => return Err(Malformed),
                _ => self.at += 1,
            }
        }
        let end = self.at;
        self.at += 1;
        let written = self.text.get(start..end).ok_or(Malformed)?;
        if is_plain { Ok(Cow::Borrowed(written)) } else { unescape(written).map(Cow::Owned) }
    }
}

/// Resolves the escapes of a string, with one allocation of at most its length.
fn unescape(written: &str) -> Result<String> {
    let mut read = String::with_capacity(written.len());
    let mut reader = Reader { text: written, at: 0 };
    while reader.at < written.len() {
        let rest = &written[reader.at..];
        let plain = rest.find('\\').unwrap_or(rest.len());
        read.push_str(&rest[..plain]);
        reader.at += plain;
        if reader.skip(b'\\') {
            read.push(reader.escape()?);
        }
    }
    Ok(read)
}

impl Reader<'_> {
    fn escape(&mut self) -> Result<char> {
        let kind = self.peek().ok_or(Malformed)?;
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Malformed),
        })
    }

    fn unicode(&mut self) -> Result<char> {
        let first = self.hex()?;
        let code = match first {
            0xd800..0xdc00 => {
                self.expect(b'\\')?;
                self.expect(b'u')?;
                let second = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or(Malformed)?;
                0x10000 + ((first - 0xd800) << 10) + second
            }
            _ => first,
        };
        char::from_u32(code).ok_or(Malformed)
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Malformed)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |code, digit| char::from(*digit).to_digit(16).map(|value| code << 4 | value).ok_or(Malformed))
    }
}

/// Writes one object.
pub(crate) struct Writer(String);

impl Writer {
    pub(crate) fn new(kind: char) -> Self {
        Self(format!("{kind}{{"))
    }

    pub(crate) fn string(self, name: &str, value: &str) -> Self {
        let mut this = self.name(name);
        this.0.push('"');
        for character in value.chars() {
            match character {
                '"' | '\\' => this.0.extend(['\\', character]),
                '\0'..' ' => this.0.push_str(&format!("\\u{:04x}", u32::from(character))),
                _ => this.0.push(character),
            }
        }
        this.0.push('"');
        this
    }

    pub(crate) fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.string(name, value),
            None => self,
        }
    }

    pub(crate) fn number(self, name: &str, value: u64) -> Self {
        self.plain(name, &value.to_string())
    }

    pub(crate) fn bool(self, name: &str, value: bool) -> Self {
        self.plain(name, if value { "true" } else { "false" })
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn plain(self, name: &str, value: &str) -> Self {
        let mut this = self.name(name);
        this.0.push_str(value);
        this
    }

    fn name(mut self, name: &str) -> Self {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self
    }
}
