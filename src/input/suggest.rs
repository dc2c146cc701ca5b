//! "Did you mean": the known name that is nearest to what was written.

/// The name that `word` most likely stands for, if one is near enough.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    names
        .into_iter()
        .map(|name| (distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (word.len().min(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to write after naming an unknown `word`: the nearest name, or all of them.
pub fn hint(word: &str, names: &[&str]) -> String {
    match nearest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("expected {}", one_of(names)),
    }
}

/// "one of `a`, `b`, `c`".
pub fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing here".to_string(),
        [name] => format!("`{name}`"),
        _ => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("one of {}", names.join(", "))
        }
    }
}

/// Edits between two words: insertions, deletions, replacements, swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let a: Vec<char> = a.chars().take(LONGEST).collect();
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 4] = ["prompt_tokens", "reasoning_tokens", "answer_tokens", "seed"];

    #[test]
    fn misspelt_names_are_recognised() {
        for (word, name) in [
            ("promt_tokens", "prompt_tokens"),
            ("prompt_token", "prompt_tokens"),
            ("sede", "seed"),
            ("Seed", "seed"),
            ("awnser_tokens", "answer_tokens"),
        ] {
            assert_eq!(nearest(word, FIELDS), Some(name), "{word}");
        }
    }

    #[test]
    fn names_that_are_far_off_get_the_list_instead_of_a_guess() {
        assert_eq!(nearest("temperature", FIELDS), None);
        assert!(hint("temperature", &FIELDS).starts_with("expected one of `prompt_tokens`"));
    }
}
