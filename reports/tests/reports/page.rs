//! The page: well-formed, self-contained, small, escaped, complete.

use reports::html::page;
use reports::outcome::Outcome;

use crate::{markup, sample};

#[test]
fn every_tag_that_opens_closes() {
    let tags = markup::check(&page(&sample::outcome())).unwrap();
    assert!(tags > 2_000, "{tags}");
    assert!(markup::check("<p><b></p></b>").is_err());
}

#[test]
fn loads_nothing_and_runs_one_script_of_its_own() {
    let page = page(&sample::outcome());
    assert_eq!(page.matches("<script").count(), 1);
    let policy = page.find("script-src 'sha256-").unwrap();
    assert!(policy < page.find("<script>").unwrap());
    assert!(!page.contains("script-src 'unsafe"));
    for fetch in ["<link", "<img", "<iframe", "src=", "url(", "@import", "<object"] {
        assert!(!page.contains(fetch), "{fetch}");
    }
    for (i, _) in page.match_indices("href=\"") {
        let inside = |start: &str| page[i + 6..].starts_with(start);
        assert!(inside("#") || inside("data:image/png;base64,"), "{}", &page[i..i + 40]);
    }
    // A source may name an address, as text in a cell.
    for (i, _) in page.match_indices("http") {
        let is_text = page[..i].rfind('>') > page[..i].rfind('<');
        assert!(is_text || page[i..].starts_with("http-equiv"), "{}", &page[i - 40..i + 40]);
    }
}

#[test]
fn stays_small() {
    let size = page(&sample::outcome()).len();
    assert!(size < 4_000_000, "{size} bytes");
}

#[test]
fn sections_come_in_the_order_in_which_a_reader_asks() {
    let page = page(&sample::outcome());
    let ids = [
        "answer",
        "token",
        "timeline",
        "layers",
        "curve",
        "wafer",
        "cluster",
        "links",
        "frontier",
        "sensitivity",
        "claims",
        "validation",
        "placement",
        "parameters",
        "fidelity",
        "reproduce",
    ];
    let places: Vec<_> =
        ids.map(|id| page.find(&format!("<section id=\"{id}\">")).expect(id)).into();
    assert!(places.is_sorted());
}

#[test]
fn says_what_the_outcome_says() {
    let outcome = sample::outcome();
    let page = page(&outcome);
    for wanted in ["981", "712", "1,204", "6.20 times", "One MoE layer on wse3", "k-tree(8)"] {
        assert!(page.contains(wanted), "{wanted}");
    }
    let machines = &outcome.machines;
    for parameter in machines.iter().flat_map(|m| &m.parameters) {
        assert!(page.contains(&parameter.path));
    }
    for claim in &outcome.claims {
        assert!(page.contains(&claim.note));
    }
}

#[test]
fn every_drawing_has_a_name_for_those_who_do_not_see_it() {
    let page = page(&sample::outcome());
    for (i, _) in page.match_indices("<svg") {
        let tag = &page[i..i + page[i..].find("</title>").unwrap()];
        assert!(tag.contains("role=\"img\""), "{tag}");
        assert_eq!(tag.matches('<').count(), 2, "the title comes first: {tag}");
    }
}

#[test]
fn hostile_text_stays_text() {
    const HOSTILE: &str = "</td></title></style><script>alert(1)</script>\" onload='x' &amp;\u{0}";
    let json = serde_json::to_value(sample::outcome()).unwrap();
    let outcome: Outcome = serde_json::from_value(poison(json, HOSTILE)).unwrap();
    let page = page(&outcome);
    markup::check(&page).unwrap();
    assert!(page.matches("<script").count() <= 1);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("\" onload"));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    reports::summary::text(&outcome, None);
}

/// Every text in `value` with `text` in its place.
fn poison(value: serde_json::Value, text: &str) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Array(all) => all.into_iter().map(|v| poison(v, text)).collect(),
        Value::Object(all) => all.into_iter().map(|(k, v)| (k, poison(v, text))).collect(),
        other => other,
    }
}
