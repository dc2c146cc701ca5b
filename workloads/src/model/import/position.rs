//! Where each key of a JSON text stands, which the parsed value no longer tells.

use std::collections::HashMap;

/// A place in the text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    /// In characters.
    pub(super) column: usize,
}

/// Places of all keys and array elements, by path: `text_config.architectures[0]`.
#[derive(Debug)]
pub(super) struct KeyPositions<'a> {
    text: &'a str,
    offsets: HashMap<String, usize>,
}

impl<'a> KeyPositions<'a> {
    /// Scans a text that the JSON parser has accepted; of another text, what it understands.
    pub(super) fn scan(text: &'a str) -> Self {
        let mut scanner = Scanner { text, at: 0, offsets: HashMap::new() };
        let _understood = scanner.value("");
        Self { text, offsets: scanner.offsets }
    }

    /// Where the key at `path` stands; of a repeated key the last one, which is the one that counts.
    pub(super) fn get(&self, path: &str) -> Option<Position> {
        let before = self.text.get(..*self.offsets.get(path)?)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some(Position {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
        })
    }
}

/// Recursion is bounded by the parser's own limit on nesting.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    offsets: HashMap<String, usize>,
}

impl Scanner<'_> {
    fn value(&mut self, path: &str) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(path),
            b'[' => self.array(path),
            b'"' => self.string().map(drop),
            _ => {
                let rest = self.text.get(self.at..)?;
                let ends = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
                self.at += rest.find(ends).unwrap_or(rest.len());
                Some(())
            }
        }
    }

    fn object(&mut self, path: &str) -> Option<()> {
        self.at += 1;
        while self.peek()? != b'}' {
            let offset = self.at;
            let key = self.string()?;
            let path = join(path, &key);
            (self.peek()? == b':').then_some(())?;
            self.at += 1;
            self.value(&path)?;
            self.offsets.insert(path, offset);
            self.comma()?;
        }
        self.at += 1;
        Some(())
    }

    fn array(&mut self, path: &str) -> Option<()> {
        self.at += 1;
        let mut index = 0;
        while self.peek()? != b']' {
            let offset = self.at;
            let path = format!("{path}[{index}]");
            self.value(&path)?;
            self.offsets.insert(path, offset);
            index += 1;
            self.comma()?;
        }
        self.at += 1;
        Some(())
    }

    /// Steps over a comma or stops before the closing bracket.
    fn comma(&mut self) -> Option<()> {
        if self.peek()? == b',' {
            self.at += 1;
        }
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        (self.peek()? == b'"').then_some(())?;
        self.at += 1;
        loop {
            match self.text.as_bytes().get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    /// The next byte that is not white space, which is not taken.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }
}

/// The path of `key` inside the object at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_nested_objects_and_arrays() {
        let text = "{\n  \"a\": {\"b\\u0063\": [1, {\"d\": \"}\\\"\"}]},\n  \"é\": 0, \"f\": null}";
        let positions = KeyPositions::scan(text);
        let at = |path| positions.get(path).map(|p| (p.line, p.column));
        assert_eq!(at("a"), Some((2, 3)));
        assert_eq!(at("a.bc"), Some((2, 9)));
        assert_eq!(at("a.bc[1].d"), Some((2, 25)));
        assert_eq!(at("f"), Some((3, 11)));
        assert_eq!(at("g"), None);
    }

    #[test]
    fn broken_text_ends_the_scan_quietly() {
        for text in ["", "{", "{\"a\"", "[1,", "{\"a\":\"\\", "\u{feff}{}"] {
            assert!(KeyPositions::scan(text).get("b").is_none());
        }
    }
}
