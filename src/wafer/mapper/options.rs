//! Values that the choices of a mapping may take, and where a search starts.

use crate::wafer::choices::{ALL, Choice, Choices};
use crate::wafer::layer::{Part, Run};
use workloads::forward::OperatorKind;
use workloads::model::Attention;

/// Numbers of rectangles side by side that are tried at most.
const ACROSS: usize = 8;

/// Values that each choice may take.
pub(in crate::wafer) fn options(run: &Run<'_>, part: &Part) -> Vec<Vec<u32>> {
    let (Attention::Mla { heads, .. } | Attention::Gqa { heads, .. }) = run.attention;
    let mut group = 1;
    let mut width = 0;
    let mut experts = 0;
    for operator in &part.operators {
        if let OperatorKind::Experts { experts: n, ins, format, combine: true, .. } = operator.kind
        {
            (group, width, experts) = (format.group.unwrap_or(1), ins, n);
        }
    }
    let up_to = |most: u32, values: &[u32]| -> Vec<u32> {
        let mut list: Vec<u32> = values.iter().copied().filter(|&v| v <= most).collect();
        if list.is_empty() {
            list.push(most);
        }
        list
    };
    let tiles = |elements: u32, pes: u32| -> Vec<u32> {
        if group == 1 {
            return vec![elements.div_ceil(pes)];
        }
        [1, 2, 4, 8].iter().map(|n| n * group).filter(|t| elements.div_ceil(*t) <= pes).collect()
    };
    if let Attention::Gqa { kv_heads, head_dim, .. } = run.attention {
        let least = run.hidden.div_ceil(run.columns);
        // Dimensions of each head on a PE, and the rows that bands then take.
        let rows = |dims: &u32| head_dim.div_ceil(*dims) * kv_heads;
        let mut bands: Vec<u32> = [1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128]
            .iter()
            .map(rows)
            .filter(|&rows| rows <= run.rows)
            .collect();
        if bands.is_empty() {
            bands.push(run.rows);
        }
        let columns = if group == 1 {
            let mut list: Vec<u32> = [2, 3, 4, 6].iter().map(|halves| least * halves / 2).collect();
            list.dedup();
            list
        } else {
            tiles(run.hidden, run.columns)
        };
        let one = || vec![1];
        return vec![
            columns,
            if experts > 0 { tiles(width, run.rows) } else { one() },
            one(),
            one(),
            one(),
            bands,
            one(),
            one(),
            up_to(run.rows, &[16, 24, 32, 48, 64, 96, 128, 192]),
            up_to(run.columns, &[1, 4, 8, 16, 32, 64]),
            vec![0],
        ];
    }
    let powers: Vec<u32> = up_to(heads, &[1, 2, 4, 8]);
    let rows = |values: &[u32]| {
        let mut list = up_to(run.rows, values);
        list.push(run.rows);
        list
    };
    vec![
        tiles(run.hidden, run.columns),
        if experts > 0 { tiles(width, run.rows) } else { vec![1] },
        (1..=(run.columns / heads).max(1)).collect(),
        powers,
        rows(&[32, 64, 128, 192, 256, 320]),
        rows(&[16, 32, 64, 96, 128, 192, 256]),
        up_to(run.rows, &[8, 16, 32, 64, 128, 256]),
        up_to(run.rows, &[4, 8, 16, 32, 64, 128]),
        up_to(run.rows, &[16, 24, 32, 48, 64, 96, 128, 192]),
        up_to(run.columns, &[1, 4, 8, 16, 32, 64]),
        vec![0],
    ]
}

/// Numbers of rectangles side by side that are tried: those that leave few PEs without an expert, from
/// narrow rectangles to flat ones.
pub(in crate::wafer) fn across(run: &Run<'_>, part: &Part) -> Vec<u32> {
    let experts = part.operators.iter().find_map(|operator| match operator.kind {
        OperatorKind::Experts { experts, .. } => Some(experts),
        _ => None,
    });
    let Some(experts) = experts else { return vec![0] };
    let pes = |across: u32| {
        let (columns, rows) = (run.columns / across, run.rows / experts.div_ceil(across));
        u64::from(columns * rows)
    };
    let all = 1..=experts.min(run.columns);
    let most = all.clone().map(pes).max().unwrap_or(0);
    let list: Vec<u32> = all.filter(|&n| pes(n) > 0 && 20 * pes(n) >= 19 * most).collect();
    let every = list.len().div_ceil(ACROSS).max(1);
    list.into_iter().step_by(every).collect()
}

/// The options whose bands of heads go through the buffer at once: more heads in a band only save
/// copies of the KV cache, and are tried where memory is short.
pub(super) fn at_once(run: &Run<'_>, options: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let Attention::Mla { kv_lora, rope, .. } = run.attention else {
        return options.to_vec();
    };
    let heads = run.buffer / (2 * (2 * kv_lora + rope + 1));
    let keep = |(choice, values): (&Choice, &Vec<u32>)| match choice.name {
        "heads_together" => values.iter().copied().filter(|&n| n <= heads.max(1)).collect(),
        _ => values.clone(),
    };
    ALL.iter().zip(options).map(keep).collect()
}

/// Where the search starts: the middle of each list.
pub(super) fn start(run: &Run<'_>, options: &[Vec<u32>]) -> Choices {
    let mut choices = Choices {
        residual_tile: run.hidden,
        down_tile: 1,
        qkv_rows: 1,
        head_columns: 1,
        absorb_rows: 1,
        attention_rows: 1,
        heads_together: 1,
        value_rows: 1,
        router_rows: 1,
        activation_columns: 1,
        regions_across: 0,
    };
    for (choice, values) in ALL.iter().zip(options) {
        if let Some(&value) = values.get(values.len() / 2) {
            (choice.set)(&mut choices, value);
        }
    }
    choices
}
