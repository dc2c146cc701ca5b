use super::*;
use std::path::Path;

fn scenario() -> Scenario {
    Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kimi-k2.6.ron")).unwrap()
}

#[test]
fn every_claim_has_a_row_even_without_machines() {
    let claims = table(&scenario(), &[]);
    let ids: Vec<String> = claims.iter().map(|claim| claim.id.clone()).collect();
    assert_eq!(ids, (1..=13).map(|id| id.to_string()).collect::<Vec<_>>());
    for claim in &claims {
        assert!(!claim.simulated.is_empty() && !claim.note.is_empty(), "{}", claim.id);
    }
    assert_eq!(claims[0].simulated, "not simulated");
}

#[test]
fn figures_of_the_model_come_from_its_configuration() {
    let claims = table(&scenario(), &[]);
    assert!(claims[8].simulated.starts_with("1.0"), "{}", claims[8].simulated);
    assert_eq!(claims[7].simulated, "384 experts, 8 chosen, 1 shared");
    assert_eq!(claims[9].simulated, "262144 tokens");
    assert!(claims[6].simulated.contains("routed experts 4 bit, attention 16 bit"));
}

#[test]
fn largest_part_names_what_takes_most_time() {
    let split = TimeSplit { fabric_us: 3.0, memory_us: 1.0, ..TimeSplit::default() };
    assert_eq!(largest_part(&split), ("fabric", 0.75));
    assert_eq!(largest_part(&TimeSplit::default()), ("nothing", 0.0));
}
