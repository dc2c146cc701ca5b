use super::*;

fn routing(load: ExpertLoad, layer: u32) -> LayerRouting {
    LayerRouting::new(load, 384, 8, 7, layer).unwrap()
}

const SKEWED: ExpertLoad = ExpertLoad::PowerLaw { exponent: 0.8 };

fn hottest(counts: &[u32]) -> usize {
    (0..counts.len()).max_by_key(|&expert| counts[expert]).unwrap()
}

#[test]
fn a_token_uses_different_experts() {
    for exponent in [0.0, 0.8, 3.0, 50.0, 2_000.0] {
        let mut routing = routing(ExpertLoad::PowerLaw { exponent }, 0);
        for _ in 0..200 {
            let mut chosen = routing.choose();
            assert!(chosen.iter().all(|&expert| expert < 384));
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 8);
        }
    }
}

#[test]
fn counts_add_up_to_tokens_times_top_k() {
    for load in [ExpertLoad::Balanced, SKEWED] {
        assert_eq!(routing(load, 3).counts(1_000).iter().sum::<u32>(), 8_000);
    }
    assert_eq!(routing(SKEWED, 3).counts(0), vec![0; 384]);
}

#[test]
fn the_same_seed_gives_the_same_choices_and_layers_differ() {
    assert_eq!(routing(SKEWED, 1).counts(500), routing(SKEWED, 1).counts(500));
    let hot: Vec<_> = (0..8).map(|layer| hottest(&routing(SKEWED, layer).counts(2_000))).collect();
    let mut distinct = hot.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() >= 7, "{hot:?}");
}

#[test]
fn exponent_zero_is_balanced() {
    let zero = ExpertLoad::PowerLaw { exponent: 0.0 };
    assert_eq!(routing(zero, 2).counts(500), routing(ExpertLoad::Balanced, 2).counts(500));
}

#[test]
fn popularity_falls_with_rank() {
    let mut routing = routing(SKEWED, 0);
    let counts = routing.counts(20_000);
    let by_rank: Vec<_> =
        routing.expert_of_rank.iter().map(|&expert| counts[expert as usize]).collect();
    let bands: Vec<u32> = by_rank.chunks(48).map(|band| band.iter().sum()).collect();
    assert!(bands.is_sorted_by(|a, b| a > b), "{bands:?}");
}

#[test]
fn balanced_experts_get_equal_shares() {
    let counts = routing(ExpertLoad::Balanced, 0).counts(48_000);
    // 1,000 each on average, with a standard deviation of about 31.
    assert!(counts.iter().all(|count| (840..1_160).contains(count)), "{counts:?}");
}

#[test]
fn expected_distinct_experts_match_the_draws() {
    for (load, tolerance) in [(ExpertLoad::Balanced, 0.01), (SKEWED, 0.03)] {
        for tokens in [1, 16, 64, 256] {
            let mut routing = routing(load, 5);
            let trials = 200;
            let distinct = (0..trials)
                .map(|_| routing.counts(tokens).iter().filter(|&&count| count > 0).count());
            let mean = distinct.sum::<usize>() as f64 / f64::from(trials);
            let expected = routing.expected_distinct(tokens);
            let error = (expected / mean - 1.0).abs();
            assert!(error < tolerance, "{load:?}, {tokens} tokens: {mean} drawn, {expected}");
        }
    }
}

#[test]
fn use_probabilities_add_up_to_top_k() {
    for load in [ExpertLoad::Balanced, SKEWED] {
        let sum: f64 = routing(load, 5).use_probability().iter().sum();
        assert!((sum - 8.0).abs() < 1e-6, "{sum}");
    }
    let all = LayerRouting::new(SKEWED, 4, 4, 7, 0).unwrap();
    assert_eq!(all.use_probability(), [1.0; 4]);
}

#[test]
fn impossible_loads_are_refused() {
    for exponent in [-1.0, f64::NAN, f64::INFINITY] {
        let load = ExpertLoad::PowerLaw { exponent };
        assert!(matches!(LayerRouting::new(load, 8, 2, 0, 0), Err(RoutingError::Exponent(_))));
    }
    for (experts, top_k) in [(8, 9), (8, 0), (0, 0)] {
        let refused = LayerRouting::new(ExpertLoad::Balanced, experts, top_k, 0, 0);
        assert_eq!(refused.err(), Some(RoutingError::TopK { top_k, experts }));
    }
}
