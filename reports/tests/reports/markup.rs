//! A tiny reader of HTML: enough to see that every tag that opens also closes.

/// Tags that never close.
const VOID: [&str; 4] = ["meta", "br", "!DOCTYPE", "input"];

/// Walks through the tags of `page`; the first thing out of order is the error.
pub(crate) fn check(page: &str) -> Result<usize, String> {
    // What a script holds is no markup.
    let whole = without_scripts(page);
    let page = whole.as_str();
    let mut open: Vec<&str> = Vec::new();
    let mut tags = 0;
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + tag_end(&rest[start..])?;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        tags += 1;
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(expected) if expected == name => {}
                other => return Err(format!("</{name}> closes {other:?}")),
            }
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!') {
            return Err(format!("a stray < before {:?}", &tag[..tag.len().min(30)]));
        }
        if name == "style" {
            rest = &rest[rest.find("</style>").ok_or("style without end")?..];
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("never closed: {open:?}")) }
}

/// Where the tag that `text` starts with ends, quotes skipped.
fn tag_end(text: &str) -> Result<usize, String> {
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return Ok(i),
            _ => {}
        }
    }
    Err("a tag without end".to_owned())
}

fn without_scripts(page: &str) -> String {
    let mut rest = page;
    let mut text = String::new();
    while let Some((before, script)) = rest.split_once("<script>") {
        text += before;
        rest = script.split_once("</script>").map_or("", |(_, after)| after);
    }
    text + rest
}
