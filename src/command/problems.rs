//! Shows problems on stderr: to people with the line and a caret, to programs as JSON.

use crate::error::Problem;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};

/// Shows `problems` to a person.
pub(super) fn human(problems: &[Problem]) {
    let styled = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let texts: Vec<String> = problems.iter().map(|problem| show(problem, &renderer)).collect();
    write(&texts.join("\n"));
}

/// One problem, with the line it is about where that can be shown.
fn show(problem: &Problem, renderer: &Renderer) -> String {
    let title = Level::ERROR.primary_title(printable(&problem.message));
    let Some(file) = &problem.file else {
        return format!("{}\n", renderer.render(&[annotate_snippets::Group::with_title(title)]));
    };
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).ok();
    let place = text.as_deref().and_then(|text| Some((text, span(text, problem)?)));
    let group = match place {
        Some((text, span)) => title.element(
            Snippet::source(text.to_string())
                .path(path)
                .annotation(AnnotationKind::Primary.span(span)),
        ),
        None => title.element(annotate_snippets::Origin::path(path)),
    };
    format!("{}\n", renderer.render(&[group]))
}

/// The bytes of `text` that a problem is about.
fn span(text: &str, problem: &Problem) -> Option<std::ops::Range<usize>> {
    let (line, column) = (problem.line?, problem.column?);
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(before..)?;
    let offset = |characters: usize| {
        rest.char_indices().nth(characters).map_or(rest.len(), |(offset, _)| offset)
    };
    let start = column.checked_sub(1)?;
    Some(before + offset(start)..before + offset(start + problem.length.unwrap_or(1)))
}

/// Text that cannot play with the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Shows `problems` to a program: the first as `error`, all as `errors`.
pub(super) fn json(problems: &[Problem]) {
    let all: Vec<Value> = problems.iter().map(value).collect();
    let first = all.first().cloned().unwrap_or(Value::Null);
    write(&format!("{}\n", json!({ "error": first, "errors": all })));
}

fn value(problem: &Problem) -> Value {
    json!({
        "message": problem.message,
        "file": problem.file.as_ref().map(|file| file.display().to_string()),
        "line": problem.line,
        "column": problem.column,
    })
}

/// What to say about a panic.
pub(super) fn bug(what: &str) -> String {
    format!("this is a bug in wafersim, please report it with the scenario: {what}")
}

fn write(text: &str) {
    // Where stderr is closed, nobody is left to be told.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}
