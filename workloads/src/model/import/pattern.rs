//! Patterns that name modules in the lists of a quantisation configuration.
//!
//! | written | matches | used by |
//! |---|---|---|
//! | `re:.*self_attn.*` | names that the regular expression matches from their start | compressed-tensors |
//! | `model.layers.0*` | names that the glob matches as a whole; `*` also crosses dots | modelopt |
//! | `lm_head`, `model.layers.0` | this module and what lies inside it | all |

use regex_lite::Regex;

/// One entry of an `ignore` or `targets` list.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Regex(Regex),
    Glob(String),
    Module(String),
}

impl Pattern {
    /// Reads an entry; the error says what is wrong with a regular expression.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if let Some(expression) = text.strip_prefix("re:") {
            let anchored = format!("^(?:{expression})");
            return Regex::new(&anchored).map(Self::Regex).map_err(|error| error.to_string());
        }
        let glob = text.contains(['*', '?']);
        Ok(if glob { Self::Glob(text.to_owned()) } else { Self::Module(text.to_owned()) })
    }

    /// Whether the module called `name` is meant, with or without the prefix that a model with several
    /// towers puts before its text model.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.matches_exactly(name) || self.matches_exactly(&format!("language_model.{name}"))
    }

    fn matches_exactly(&self, name: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(name),
            Self::Glob(glob) => glob_matches(glob.as_bytes(), name.as_bytes()),
            Self::Module(module) => name
                .strip_prefix(module.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }
}

/// `*` is any run of characters, `?` any one of them.
fn glob_matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                last_star = Some((g, n));
                g += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                g += 1;
                n += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else { return false };
                last_star = Some((star, taken + 1));
                g = star + 1;
                n = taken + 1;
            }
        }
    }
    glob[g..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn regular_expressions_match_from_the_start() {
        assert!(matches("re:.*self_attn.*", "model.layers.5.self_attn.o_proj"));
        assert!(!matches("re:self_attn", "model.layers.5.self_attn.o_proj"));
        let dense = r"re:.*mlp\.(gate|up|gate_up|down)_proj.*";
        assert!(matches(dense, "model.layers.0.mlp.down_proj"));
        assert!(!matches(dense, "model.layers.5.mlp.experts.7.gate_proj"));
        assert!(!matches(dense, "model.layers.5.mlp.shared_experts.up_proj"));
    }

    #[test]
    fn globs_match_whole_names_with_the_prefix_of_the_text_model() {
        assert!(matches("language_model.model.layers.0*", "model.layers.0.mlp.down_proj"));
        let first = "language_model.model.layers.1.self_attn*";
        assert!(matches(first, "model.layers.1.self_attn.o_proj"));
        assert!(!matches(first, "model.layers.10.self_attn.o_proj"));
        assert!(matches("*.shared_experts.*_proj", "model.layers.5.mlp.shared_experts.up_proj"));
        assert!(!matches("vision_tower*", "lm_head"));
        assert!(matches("lm_hea?", "lm_head"));
    }

    #[test]
    fn plain_names_match_a_module_and_its_inside() {
        assert!(matches("lm_head", "lm_head"));
        assert!(matches("language_model.lm_head", "lm_head"));
        assert!(matches("model.layers.1", "model.layers.1.self_attn.o_proj"));
        assert!(!matches("model.layers.1", "model.layers.10.self_attn.o_proj"));
    }

    #[test]
    fn a_broken_regular_expression_is_an_error() {
        assert!(Pattern::new("re:(").is_err());
        assert!(Pattern::new("re:((a{1000}){1000}){1000}").is_err());
    }
}
