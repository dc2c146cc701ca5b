//! `report.html`: one file, no network, light and dark, wide and narrow, on paper, complete without
//! scripts. The one script reads out the PE under a pointer.
//!
//! [`page`] runs through the sections in the order in which a reader asks: the answer, why, what
//! it rests on, how to do it again. A section that has nothing to show is left out. Charts are
//! inline SVG whose x coordinates are percent and y coordinates pixels, so that they follow the
//! width of the page while their text keeps its size.

mod answer;
mod basis;
mod chart;
mod cluster;
mod escape;
mod frontier;
mod heat;
mod layers;
mod links;
mod placement;
mod sensitivity;
mod table;
mod timeline;
mod token;
mod xy;

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::outcome::Outcome;
use crate::parts::{CATEGORIES, PARTS, Rgb};
use crate::view;
use escape::text;

/// Writes the body of a section; an empty body leaves the section out.
type Body = fn(&mut String, &Outcome) -> fmt::Result;

/// Identifier, heading and body of all sections, in order.
const SECTIONS: [(&str, &str, Body); 17] = [
    ("answer", "The answer", answer::write),
    ("token", "Where the time of one token goes", token::write),
    ("timeline", "One layer, operator by operator", timeline::write),
    ("layers", "Layers", layers::write),
    ("curve", "Speed as the context grows", frontier::write_curve),
    ("wafer", "The wafer, PE by PE", heat::write),
    ("cluster", "The cluster", cluster::write),
    ("links", "Busiest links", links::write),
    ("frontier", "One user against all users", frontier::write),
    ("sensitivity", "What moves the answer", sensitivity::write),
    ("claims", "Claims", basis::write_claims),
    ("validation", "Against published measurements", basis::write_validation),
    ("placement", "Placement", placement::write),
    ("parameters", "Every hardware parameter", basis::write_parameters),
    ("fidelity", "What is simulated, and how", basis::write_fidelity),
    ("model", "The model", basis::write_model),
    ("reproduce", "How to reproduce this", basis::write_reproduce),
];

/// The report as one HTML page.
pub fn page(outcome: &Outcome) -> String {
    let mut page = String::with_capacity(256 * 1024);
    write_page(&mut page, outcome).expect("writing to a String cannot fail");
    page
}

fn write_page(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let name = text(view::scenario_name(outcome)).to_string();
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name} - wafersim</title>\n<style>\n{}{}</style>\n</head>\n<body>\n",
        STANDARD.encode(Sha256::digest(heat::SCRIPT)),
        include_str!("html/style.css"),
        colours()
    )?;
    let bodies = SECTIONS.map(|(id, heading, write)| {
        let mut body = String::new();
        write(&mut body, outcome).expect("writing to a String cannot fail");
        (id, heading, body)
    });
    let shown = || bodies.iter().filter(|(_, _, body)| !body.is_empty());

    write!(out, "<header>\n<p class=\"kicker\">wafersim report</p>\n<h1>{name}</h1>\n")?;
    write!(out, "<p class=\"lead\">{}", text(&answer::model_line(outcome)))?;
    if let Some(request) = view::request(outcome) {
        write!(out, "<br>Request: {}", text(&request))?;
    }
    out.push_str("</p>\n<nav aria-label=\"Sections\">\n");
    for (id, heading, _) in shown() {
        writeln!(out, "<a href=\"#{id}\">{heading}</a>")?;
    }
    out.push_str("</nav>\n</header>\n<main>\n");
    for (id, heading, body) in shown() {
        write!(out, "<section id=\"{id}\">\n<h2>{heading}</h2>\n{body}</section>\n")?;
    }
    write!(
        out,
        "</main>\n<footer><p>Written by {}. Format of the outcome: version {}. This page loads \
         nothing and is complete without scripts.</p></footer>\n{}</body>\n</html>\n",
        text(&outcome.simulator),
        outcome.schema_version,
        match shown().any(|(id, ..)| *id == "wafer") {
            true => format!("<script>{}</script>\n", heat::SCRIPT),
            false => String::new(),
        }
    )
}

/// CSS classes for the colours that charts share with the pictures.
fn colours() -> String {
    let rgb = |(red, green, blue): Rgb| format!("rgb({red},{green},{blue})");
    let mut css = String::new();
    for (i, part) in PARTS.iter().enumerate() {
        css += &format!(".p{i}{{--c:{}}}\n", rgb(part.colour));
    }
    for (i, colour) in CATEGORIES.iter().enumerate() {
        css += &format!(".c{i}{{--c:{}}}\n", rgb(*colour));
    }
    // The two darkest categories, lighter where the page is dark.
    css += "@media (prefers-color-scheme:dark){.c0{--c:#4aa3dc}.c1{--c:#ee7a30}}\n";
    css
}
