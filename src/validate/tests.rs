use super::*;

const TABLE: Table = Table {
    name: "some",
    what: "something",
    source: "somewhere",
    unit: "cycles",
    rows: Predicts::Here(|| Ok(Vec::new())),
};

fn row(published: f64, predicted: f64, band: Band) -> Row {
    let name = "row".to_string();
    Row::new(&TABLE, &Measured { name, published, predicted, band, calibrated: false })
}

#[test]
fn a_band_decides_what_counts_as_right() {
    assert!(row(100.0, 114.9, Band::Within(0.15)).ok);
    assert!(!row(100.0, 115.1, Band::Within(0.15)).ok);
    assert!(!row(100.0, 84.9, Band::Within(0.15)).ok);
    assert!(row(928.0, 930.0, Band::Off(2.0)).ok);
    assert!(!row(928.0, 931.0, Band::Off(2.0)).ok);
    assert!(row(1.5, 1.0, Band::AtMost).ok);
    assert!(!row(1.5, 1.51, Band::AtMost).ok);
    let open = row(100.0, 300.0, Band::Open);
    assert_eq!((open.ok, open.band), (true, None));
    assert!(row(5130.0, 5130.0, Band::Within(0.0)).ok);
    assert!(!row(5130.0, 5131.0, Band::Within(0.0)).ok);
}

#[test]
fn errors_have_a_sign_and_names_their_table() {
    let row = row(100.0, 90.0, Band::Within(0.15));
    assert!((row.error + 0.1).abs() < 1e-12);
    assert_eq!((row.name.as_str(), row.band), ("some/row", Some(0.15)));
}

#[test]
fn tables_and_rows_are_chosen_by_name() {
    let names = |only: &str| -> Vec<String> {
        run(Some(only), false).unwrap().into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names("pe_fp32_multiply").len(), 5);
    assert_eq!(names("pe").len(), 5);
    assert_eq!(names("pe_fp32_multiply/1028").len(), 2);
    for unknown in ["nothing", "pe_fp32_multiply/nothing"] {
        let error = run(Some(unknown), false).unwrap_err();
        assert!(matches!(&error, Error::Arguments(text) if text.contains("reduce")), "{error}");
    }
}

/// The checked-in page has today's rows, with about today's figures: where others change a prediction by
/// less than a twentieth, the page may wait.
#[test]
fn golden_the_page_has_the_rows_of_today() {
    let numbers = |page: &str| -> Vec<(String, Vec<f64>)> {
        let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
        rows.map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let name = cells.next().unwrap_or_default().to_string();
            (name, cells.filter_map(|cell| cell.parse().ok()).collect())
        })
        .collect()
    };
    let today = numbers(&page::markdown(&run(None, false).unwrap()));
    let page = numbers(include_str!("../../docs/validation.md"));
    let names = |rows: &[(String, Vec<f64>)]| -> Vec<String> {
        rows.iter().map(|row| row.0.clone()).collect()
    };
    let anew = "write it anew: wafersim validate --format markdown > docs/validation.md";
    assert_eq!(names(&page), names(&today), "{anew}");
    for (then, now) in page.iter().zip(&today) {
        for (then, now) in then.1.iter().zip(&now.1) {
            assert!((then / now - 1.0).abs() < 0.05, "{page:?}: {anew}");
        }
    }
}
