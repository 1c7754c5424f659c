//! Actions of the user, as messages. Each text begins with a number, so that the server detects messages that it has processed before.

use crate::canvas::Point;

/// One action of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Line {
        from: Point,
        to: Point,
    },
    /// Removes characters at the end, and appends others.
    Type {
        removed: usize,
        added: String,
    },
    /// Clears the drawing and the text.
    Clear,
}

impl Act {
    pub fn encode(&self, number: u64) -> String {
        match self {
            Self::Line { from, to } => format!("{number} line {:.0} {:.0} {:.0} {:.0}", from.0, from.1, to.0, to.1),
            Self::Type { removed, added } => format!("{number} type {removed} {added}"),
            Self::Clear => format!("{number} clear"),
        }
    }

    /// Returns `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        let (_, text) = text.split_once(' ')?;
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        match name {
            "line" => {
                let mut numbers = rest.split(' ').map_while(|number| number.parse().ok());
                let mut point = || Some((numbers.next()?, numbers.next()?));
                Some(Self::Line { from: point()?, to: point()? })
            }
            "type" => {
                let (removed, added) = rest.split_once(' ')?;
                Some(Self::Type { removed: removed.parse().ok()?, added: added.into() })
            }
            "clear" => Some(Self::Clear),
            _ => None,
        }
    }

    /// Returns the action that turns one text into another; `None` if they are equal.
    pub fn between(before: &str, after: &str) -> Option<Self> {
        let common = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
        let removed = before.chars().count() - common;
        let added: String = after.chars().skip(common).collect();
        (removed > 0 || !added.is_empty()).then_some(Self::Type { removed, added })
    }
}

/// Removes and appends characters of a text.
pub fn apply(text: &mut String, removed: usize, added: &str) {
    for _ in 0..removed {
        text.pop();
    }
    text.push_str(added);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_decoded_as_they_were() {
        let typed = |removed, added: &str| Act::Type { removed, added: added.into() };
        for act in [Act::Line { from: (1.0, 2.0), to: (3.0, 400.0) }, typed(2, "a b "), typed(1, ""), Act::Clear] {
            assert_eq!(Act::decode(&act.encode(17)), Some(act));
        }
        for other in ["ping", "1", "1 line 2 3", "1 type x y", "1 jump"] {
            assert_eq!(Act::decode(other), None);
        }
    }

    #[test]
    fn a_text_becomes_another() {
        for (before, after) in [("", "Grüße"), ("Grüße", "Grüß Gott"), ("abc", ""), ("abc", "aXc")] {
            let Some(Act::Type { removed, added }) = Act::between(before, after) else { panic!("{before}, {after}") };
            let mut text = String::from(before);
            apply(&mut text, removed, &added);
            assert_eq!(text, after);
        }
        assert_eq!(Act::between("same", "same"), None);
    }
}
