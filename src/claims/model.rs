//! Claims about the model.

use super::{View, row};
use reports::outcome::Claim;
use std::collections::BTreeMap;
use workloads::model::{FeedForward, Model, WeightFormat};

pub(super) fn storage(view: &View<'_>) -> Claim {
    let model = &view.scenario.model;
    let stored = &model.storage;
    let bits = |format: WeightFormat| format!("{} bit", format.bits);
    let gigabytes = (model.weight_bytes() + model.scale_bytes()) as f64 / 1e9;
    let all_alike = stored.attention == stored.experts && stored.head == stored.experts;
    let simulated = if all_alike {
        format!("all {} / 16 bit", bits(stored.experts))
    } else {
        format!(
            "routed experts {}, attention {}, head {} / 16 bit",
            bits(stored.experts),
            bits(stored.attention),
            bits(stored.head)
        )
    };
    let scales = match stored.experts.group {
        Some(group) => format!("with a {}-bit scale for each {group}", stored.experts.scale_bits),
        None => "without scales".to_string(),
    };
    let claimed_storage = if all_alike && stored.experts.bits == 4 {
        "stored as claimed".to_string()
    } else {
        let all = workloads::model::StoragePolicy::AllInt4.apply(model.clone());
        let all = (all.weight_bytes() + all.scale_bytes()) as f64 / 1e9;
        format!(
            "stored as the published configuration has it; with every matrix in 4 bit \
             (storage=AllInt4) it would be {all:.0} GB"
        )
    };
    let note = format!("{gigabytes:.0} GB, experts {scales}; {claimed_storage}");
    row("7", "weights stored / computed at", "4 bit / 16 bit floating point", (simulated, note))
}

pub(super) fn experts(view: &View<'_>) -> Claim {
    let moe = view.scenario.model.layers.iter().find_map(|layer| match *layer {
        FeedForward::Moe { experts, top_k, shared, .. } => Some((experts, top_k, shared)),
        FeedForward::Dense { .. } => None,
    });
    let simulated = match moe {
        Some((experts, top_k, shared)) => {
            format!("{experts} experts, {top_k} chosen, {shared} shared")
        }
        None => "no layer has experts".to_string(),
    };
    let note = match view.wafer {
        None => "from the model's configuration; no wafers in the scenario".to_string(),
        Some((_, outcome)) => {
            let mut units: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for placed in &outcome.placement {
                for region in &placed.regions {
                    units.entry(&region.holds).or_default().push(placed.unit);
                }
            }
            let spread = |units: &&Vec<u32>| units.iter().any(|unit| *unit != units[0]);
            match units.values().filter(spread).count() {
                _ if units.is_empty() => "the placement shows no regions".to_string(),
                0 => "every layer stands on one wafer, its experts with it".to_string(),
                count => format!("{count} layers are spread over several wafers"),
            }
        }
    };
    let claimed = "384, 8 chosen, 1 shared; all of a MoE layer on one wafer";
    row("8", "experts", claimed, (simulated, note))
}

pub(super) fn parameters(view: &View<'_>) -> Claim {
    let model = &view.scenario.model;
    let (all, active) = (model.parameters() as f64, model.active_parameters() as f64);
    let simulated = format!("{:.3} trillion, {:.1} billion active", all / 1e12, active / 1e9);
    let near = (all / 1e12 - 1.0).abs() < 0.05 && (active / 32e9 - 1.0).abs() < 0.05;
    let note = if near {
        "counted from the shapes in the configuration; the claim is rounded"
    } else {
        "counted from the shapes in the configuration, which is another model than the claim's"
    };
    row("9", "parameters", "1 trillion, 32 billion active a token", (simulated, note.to_string()))
}

pub(super) fn context(view: &View<'_>) -> Claim {
    let model: &Model = &view.scenario.model;
    let window = u64::from(model.max_context);
    let cache = (model.kv_bytes_per_token() * window) as f64 / 1e9;
    let same = if window == 256 * 1024 {
        "256 x 1024, which the claim rounds; "
    } else if window == 256_000 {
        ""
    } else {
        "the configuration states another window than the claim; "
    };
    let note = format!(
        "{same}a full window's KV cache is {cache:.1} GB for each user, held once (wafers keep a \
         copy for each band of heads); this request fills {} tokens",
        view.scenario.request.context()
    );
    row("10", "context window", "256,000 tokens", (format!("{window} tokens"), note))
}
