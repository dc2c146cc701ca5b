//! The one way in which text from an outcome gets into the page.

use std::fmt::{self, Display, Formatter, Write};

/// `text` with everything replaced that HTML would read as markup, for content and attributes.
pub(super) fn text(text: &str) -> Text<'_> {
    Text(text)
}

/// Text that prints escaped.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                // HTML has no way to write a control character.
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn markup_and_control_characters_do_not_survive() {
        assert_eq!(
            text("<a href=\"x\" b='y'>&\u{0}").to_string(),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\u{fffd}"
        );
    }
}
