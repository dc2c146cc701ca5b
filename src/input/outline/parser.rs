//! Builds the tree from tokens.

use super::lexer::{Token, Wrong, tokens};
use super::{Field, Kind, Node, Span};

/// Deepest nesting that is read; nothing a scenario needs comes near it.
const DEEPEST: usize = 64;

/// The tree of `text`, or the place and reason where its syntax breaks off.
pub fn parse(text: &str) -> Result<Node, (Span, String)> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len() };
    let node = parser.value(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.wrong("nothing may follow the closing bracket")),
    }
}

struct Parser<'a> {
    tokens: &'a [(Token, Span)],
    at: usize,
    end: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end..self.end, |(_, span)| span.clone())
    }

    fn wrong(&self, message: &str) -> Wrong {
        (self.span(), message.to_string())
    }

    fn is(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    /// Takes `mark` if it comes next.
    fn eat(&mut self, mark: char) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Node, Wrong> {
        if depth > DEEPEST {
            return Err(self.wrong("brackets are nested too deep"));
        }
        let start = self.span().start;
        let Some(token) = self.peek().cloned() else {
            return Err(self.wrong("the text ends where a value is expected"));
        };
        let kind = match token {
            Token::Mark('(') => self.parentheses(None, depth)?,
            Token::Mark('[') => Kind::List(self.items('[', ']', depth)?),
            Token::Mark('{') => self.map(depth)?,
            Token::Mark(_) => return Err(self.wrong("a value is expected here")),
            token => {
                self.at += 1;
                match token {
                    Token::Word(word) if self.is('(') => self.parentheses(Some(word), depth)?,
                    Token::Word(word) => Kind::Word(word),
                    Token::Text(text) => Kind::Text(text),
                    Token::Char(c) => Kind::Char(c),
                    Token::Number(number) => Kind::Number(number),
                    Token::Mark(_) => return Err(self.wrong("a value is expected here")),
                }
            }
        };
        let end = self.tokens[self.at - 1].1.end;
        Ok(Node { span: start..end, kind })
    }

    fn parentheses(&mut self, name: Option<String>, depth: usize) -> Result<Kind, Wrong> {
        let has_fields = matches!(
            (self.tokens.get(self.at + 1), self.tokens.get(self.at + 2)),
            (Some((Token::Word(_), _)), Some((Token::Mark(':'), _)))
        );
        if !has_fields {
            return Ok(Kind::Tuple(name, self.items('(', ')', depth)?));
        }
        let fields = self.list('(', ')', |parser| {
            let span = parser.span();
            let Some(Token::Word(name)) = parser.peek().cloned() else {
                return Err(parser.wrong("the name of a field is expected here"));
            };
            parser.at += 1;
            parser.colon(&format!("the field `{name}`"))?;
            Ok(Field { name, span, value: parser.value(depth + 1)? })
        })?;
        Ok(Kind::Struct(name, fields))
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Wrong> {
        let entries = self.list('{', '}', |parser| {
            let key = parser.value(depth + 1)?;
            parser.colon("the key")?;
            Ok((key, parser.value(depth + 1)?))
        })?;
        Ok(Kind::Map(entries))
    }

    fn colon(&mut self, after: &str) -> Result<(), Wrong> {
        if self.eat(':') {
            Ok(())
        } else {
            Err(self.wrong(&format!("`:` is missing after {after}")))
        }
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Result<Vec<Node>, Wrong> {
        self.list(open, close, |parser| parser.value(depth + 1))
    }

    /// What stands between brackets, with commas between.
    fn list<T>(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let opening = self.span();
        self.eat(open);
        let mut items = Vec::new();
        loop {
            if self.eat(close) {
                return Ok(items);
            }
            if self.peek().is_none() {
                return Err((opening, format!("`{open}` is not closed; `{close}` is missing")));
            }
            items.push(item(self)?);
            if !self.eat(',') && !self.is(close) && self.peek().is_some() {
                return Err(self.wrong(&format!("`,` or `{close}` is missing before this")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_places() {
        let text =
            "// scenario\n(name: \"a\", list: [Wafer(count: Fixed(3))], map: {\"k\": -1.5e3})";
        let node = parse(text).unwrap();
        let at = |path: &str| {
            let node = path.split('.').try_fold(&node, |node, step| node.child(step)).unwrap();
            &text[node.span.clone()]
        };
        assert_eq!(at("name"), "\"a\"");
        assert_eq!(at("list.0.count"), "Fixed(3)");
        assert_eq!(at("map.k"), "-1.5e3");
    }

    #[test]
    fn broken_syntax_is_named_at_its_place() {
        for (text, at, message) in [
            ("(a: 1", 0, "`(` is not closed; `)` is missing"),
            ("(a: 1 b: 2)", 6, "`,` or `)` is missing before this"),
            ("(a: 1, b 2)", 9, "`:` is missing after the field `b`"),
            ("(a: \"x)", 4, "this text has no end; `\"` is missing"),
            ("(a: )", 4, "a value is expected here"),
            ("(a: 1))", 6, "nothing may follow the closing bracket"),
            ("", 0, "the text ends where a value is expected"),
        ] {
            let (span, found) = parse(text).unwrap_err();
            assert_eq!((span.start, found.as_str()), (at, message), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        let text = "(".repeat(100_000);
        assert_eq!(parse(&text).unwrap_err().1, "brackets are nested too deep");
    }
}
