//! The mapper: finds the rectangle of each operator by simulated time, within the ledger.
//!
//! One choice after another is tried at all its values with the others held, and the best is kept,
//! until a round changes nothing. What is minimised is the sum of the operators' simulated times, each
//! from an even start, so that an operator is simulated anew only when a choice touches it; the
//! mapping found is then run as a whole. Where a PE overflows, bytes cost time, more and more until
//! they fit.

use super::choices::{ALL, Choice, Choices};
use super::layer::{LayerRun, Part, Run, activations, ledger};
use crate::error::Error;
use sim_sram::Ledger;
use workloads::forward::OperatorKind;
use workloads::model::Attention;

/// Rounds of the search at most.
const ROUNDS: usize = 3;
/// Prices of a byte of the fullest PE that are tried in turn `[cycles per byte]`.
const PRICES: [f64; 5] = [0.0, 0.1, 0.5, 2.0, 10.0];

/// A part's mapping as found.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The choices.
    pub choices: Choices,
    /// How the part ran with them.
    pub run: LayerRun,
    /// The fullest PE's bytes.
    pub ledger: Ledger,
}

/// What the search keeps to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory of a PE `[bytes]`.
    pub sram: u64,
    /// Kept free for code and buffers `[bytes]`.
    pub reserve: u64,
}

/// Finds the fastest mapping of `part` that fits; `Ok(Err(bytes))` says by how much it does not.
///
/// With `sparing`, mappings that save memory at a high price in time are tried where others do not fit.
pub fn search(
    run: &Run<'_>,
    part: &Part,
    (limits, sparing): (Limits, bool),
    force: &dyn Fn(&mut Choices),
) -> Result<Result<Mapping, u64>, Error> {
    let bytes_only = Run { bytes_only: true, ..*run };
    let mut least = u64::MAX;
    let all = options(run, part);
    for options in [at_once(run, &all), all].into_iter().take(1 + usize::from(sparing)) {
        let (bytes, smallest) = descend(run, &options, force, &|choices| {
            let bytes = stored(&bytes_only, part, choices, limits)?;
            Ok(bytes.map_or(f64::INFINITY, |bytes| bytes as f64))
        })?;
        if bytes > limits.sram as f64 {
            least = least.min(bytes as u64);
            continue;
        }
        for price in PRICES {
            let (_, choices) = descend(run, &options, force, &|choices| {
                let Some(bytes) = stored(&bytes_only, part, choices, limits)? else {
                    return Ok(f64::INFINITY);
                };
                let time = run.apart(&run.kernels(part, choices)?)?;
                Ok(time as f64 + price * bytes as f64)
            })?;
            let mapping = mapped(run, part, choices, limits)?;
            if mapping.ledger.total() <= limits.sram {
                return Ok(Ok(mapping));
            }
        }
        return Ok(Ok(mapped(run, part, smallest, limits)?));
    }
    Ok(Err(if least == u64::MAX { least } else { least - limits.sram }))
}

/// The options whose bands of heads go through the buffer at once: more heads in a band only save
/// copies of the KV cache, and are tried where memory is short.
fn at_once(run: &Run<'_>, options: &[Vec<u32>]) -> Vec<Vec<u32>> {
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

/// `part` as it runs with `choices`.
fn mapped(run: &Run<'_>, part: &Part, choices: Choices, limits: Limits) -> Result<Mapping, Error> {
    let kernels = run.kernels(part, &choices)?;
    let ledger = ledger(&kernels, limits.reserve, run.buffer.into());
    Ok(Mapping { run: run.time(kernels)?, choices, ledger })
}

/// Tries one choice after another at all its values, keeping the best, until nothing improves.
fn descend(
    run: &Run<'_>,
    options: &[Vec<u32>],
    force: &dyn Fn(&mut Choices),
    cost: &dyn Fn(&Choices) -> Result<f64, Error>,
) -> Result<(f64, Choices), Error> {
    let mut choices = start(run, options);
    force(&mut choices);
    let mut best = cost(&choices)?;
    for _ in 0..ROUNDS {
        let mut moved = false;
        for (choice, values) in ALL.iter().zip(options) {
            for &value in values {
                let mut next = choices.clone();
                (choice.set)(&mut next, value);
                force(&mut next);
                if next == choices {
                    continue;
                }
                let score = cost(&next)?;
                if score < best {
                    (best, choices, moved) = (score, next, true);
                }
            }
        }
        if !moved {
            break;
        }
    }
    Ok((best, choices))
}

/// Bytes of the fullest PE; `None` where the choices do not fit the rectangle or the buffer.
pub(super) fn stored(
    run: &Run<'_>,
    part: &Part,
    choices: &Choices,
    limits: Limits,
) -> Result<Option<u64>, Error> {
    let kernels = match run.kernels(part, choices) {
        Ok(kernels) => kernels,
        Err(Error::DoesNotFit(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let fits = activations(&kernels) <= u64::from(run.buffer);
    Ok(fits.then(|| ledger(&kernels, limits.reserve, run.buffer.into()).total()))
}

/// Values that each choice may take.
pub(super) fn options(run: &Run<'_>, part: &Part) -> Vec<Vec<u32>> {
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
    ]
}

/// Where the search starts: the middle of each list.
fn start(run: &Run<'_>, options: &[Vec<u32>]) -> Choices {
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
    };
    for (choice, values) in ALL.iter().zip(options) {
        if let Some(&value) = values.get(values.len() / 2) {
            (choice.set)(&mut choices, value);
        }
    }
    choices
}
