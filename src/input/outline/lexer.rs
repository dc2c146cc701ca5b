//! Cuts a RON text into tokens.

use super::Span;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// One of `( ) [ ] { } : ,`.
    Mark(char),
    /// An identifier.
    Word(String),
    /// A string, unescaped.
    Text(String),
    /// A character.
    Char(char),
    /// A number as written.
    Number(String),
}

/// A problem of the syntax and its place.
pub(super) type Wrong = (Span, String);

/// All tokens of `text` with their places.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Wrong> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let Some(token) = lexer.token()? else { return Ok(tokens) };
        tokens.push((token, start..lexer.at));
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        let taken = rest[..end].to_string();
        self.at += end;
        taken
    }

    fn skip_blank(&mut self) -> Result<(), Wrong> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.skip_block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        let mut depth = 0usize;
        while self.at < self.text.len() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else {
                self.bump();
            }
        }
        Err((start..start + 2, "this comment has no end; `*/` is missing".into()))
    }

    fn token(&mut self) -> Result<Option<Token>, Wrong> {
        let start = self.at;
        let Some(c) = self.peek() else { return Ok(None) };
        let token = match c {
            '(' | ')' | '[' | ']' | '{' | '}' | ':' | ',' => {
                self.bump();
                Token::Mark(c)
            }
            '"' => Token::Text(self.text_token()?),
            '\'' => Token::Char(self.char_token()?),
            'r' if self.rest().starts_with("r\"") || self.rest().starts_with("r#") => {
                Token::Text(self.raw_text()?)
            }
            _ if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => Token::Number(self.number()),
            _ if c.is_alphabetic() || c == '_' => {
                Token::Word(self.take_while(|c| c.is_alphanumeric() || c == '_'))
            }
            _ => {
                let end = start + c.len_utf8();
                return Err((start..end, format!("{c:?} has no meaning here")));
            }
        };
        Ok(Some(token))
    }

    /// Sign, digits, point, exponent, in any order: whether it is a number is for the reader to say.
    fn number(&mut self) -> String {
        let start = self.at;
        while let Some(c) = self.peek() {
            let after_exponent = self.text[start..self.at].ends_with(['e', 'E']);
            let sign = matches!(c, '+' | '-') && (self.at == start || after_exponent);
            if !(c.is_alphanumeric() || matches!(c, '.' | '_') || sign) {
                break;
            }
            self.bump();
        }
        self.text[start..self.at].to_string()
    }

    fn text_token(&mut self) -> Result<String, Wrong> {
        let start = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => text.extend(self.escape()?),
                Some(c) => text.push(c),
                None => {
                    return Err((start..start + 1, "this text has no end; `\"` is missing".into()));
                }
            }
        }
    }

    fn char_token(&mut self) -> Result<char, Wrong> {
        let start = self.at;
        self.bump();
        let c = match self.bump() {
            Some('\\') => self.escape()?,
            c => c,
        };
        match (c, self.bump()) {
            (Some(c), Some('\'')) => Ok(c),
            _ => Err((start..start + 1, "text stands in double quotes".into())),
        }
    }

    fn raw_text(&mut self) -> Result<String, Wrong> {
        let start = self.at;
        self.bump();
        let hashes = self.take_while(|c| c == '#');
        let end = format!("\"{hashes}");
        if self.bump() == Some('"')
            && let Some(length) = self.rest().find(&end)
        {
            let text = self.rest()[..length].to_string();
            self.at += length + end.len();
            return Ok(text);
        }
        Err((start..start + 1, "this raw text has no end".into()))
    }

    /// The character that an escape stands for; none for an escaped line end.
    fn escape(&mut self) -> Result<Option<char>, Wrong> {
        let start = self.at - 1;
        let digits = |lexer: &mut Self, count: usize| {
            let code = u32::from_str_radix(lexer.rest().get(..count)?, 16).ok()?;
            lexer.at += count;
            char::from_u32(code)
        };
        let c = match self.bump() {
            Some(c @ ('"' | '\'' | '\\')) => Some(c),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('0') => Some('\0'),
            Some('x') => digits(self, 2),
            Some('u') if self.bump() == Some('{') => {
                let hex = self.take_while(|c| c.is_ascii_hexdigit());
                let closed = self.bump() == Some('}');
                u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).filter(|_| closed)
            }
            Some('\n') => {
                self.take_while(char::is_whitespace);
                return Ok(None);
            }
            _ => None,
        };
        c.map(Some).ok_or_else(|| (start..start + 1, "unknown escape after `\\`".into()))
    }
}
