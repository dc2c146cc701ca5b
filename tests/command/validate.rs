//! Published measurements beside predictions, from outside.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

#[test]
fn rows_have_their_keys_and_a_table_within_its_band_ends_well() {
    let done = Folder::new(SMALL).wafersim(&[
        "validate",
        "--only",
        "pe_fp32_multiply",
        "--format",
        "json",
    ]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let rows: Value = serde_json::from_str(&done.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        for key in ["name", "source", "unit"] {
            assert!(row[key].is_string(), "{key}");
        }
        for key in ["published", "predicted", "error", "band"] {
            assert!(row[key].is_number(), "{key}");
        }
        assert_eq!((row["ok"].as_bool(), row["error"].as_f64()), (Some(true), Some(0.0)));
        assert!(row["calibrated"].is_boolean());
    }
}

#[test]
fn unknown_names_list_the_known_ones() {
    let done = Folder::new(SMALL).wafersim(&["validate", "--only", "no", "--format", "json"]);
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.problems()[0].contains("waferllm_gemv"), "{:?}", done.problems());
}

#[test]
fn people_get_a_table_with_sources() {
    let done = Folder::new(SMALL).wafersim(&["validate", "--only", "pe"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("SpMM_Cerebras") && done.stdout.contains("calibrated"));
    assert!(done.stdout.contains("5 rows, 0 outside their bands"), "{}", done.stdout);
}
