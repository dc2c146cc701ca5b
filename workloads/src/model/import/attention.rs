//! Attention of the layers: heads, norms and biases, and the window of each layer.

use super::architecture::Traits;
use super::fields::Section;
use super::{MAX_COPIES, MAX_WIDTH};
use crate::model::Attention;

/// Latent attention, all of whose widths are keys.
pub(super) fn latent(shapes: &Section) -> Option<Attention> {
    shapes.must_be("attention_bias", false);
    let heads = shapes.size("num_attention_heads", 1, MAX_COPIES);
    let q_lora = shapes.size("q_lora_rank", 1, MAX_WIDTH);
    let kv_lora = shapes.size("kv_lora_rank", 1, MAX_WIDTH);
    let nope = shapes.size("qk_nope_head_dim", 1, MAX_WIDTH);
    let rope = shapes.size("qk_rope_head_dim", 1, MAX_WIDTH);
    let value = shapes.size("v_head_dim", 1, MAX_WIDTH);
    Some(Attention::Mla {
        heads: heads?,
        q_lora: q_lora?,
        kv_lora: kv_lora?,
        nope: nope?,
        rope: rope?,
        value: value?,
    })
}

/// Grouped-query attention. Without `num_key_value_heads` every query head has its own key and value;
/// without `head_dim` a head is the hidden state's share.
pub(super) fn grouped(shapes: &Section, traits: &Traits, hidden: Option<u32>) -> Option<Attention> {
    let heads = shapes.size("num_attention_heads", 1, MAX_COPIES);
    let kv_heads = shapes.optional_size("num_key_value_heads", 1, MAX_COPIES, heads);
    let (heads, kv_heads) = (heads?, kv_heads?);
    if !heads.is_multiple_of(kv_heads) {
        let what = format!(
            "is {kv_heads}; expected a divisor of the {heads} heads of `num_attention_heads`"
        );
        shapes.report("num_key_value_heads", &what);
        return None;
    }
    let head_dim = if shapes.has("head_dim") {
        shapes.size("head_dim", 1, MAX_WIDTH)?
    } else {
        let hidden = hidden?;
        if !hidden.is_multiple_of(heads) {
            let what = format!(
                "it is needed where `hidden_size` ({hidden}) does not divide by \
                 `num_attention_heads` ({heads})"
            );
            shapes.report_missing("head_dim", &what);
            return None;
        }
        hidden / heads
    };
    let rotated = rotated(shapes)?;
    Some(Attention::Gqa {
        heads,
        kv_heads,
        head_dim,
        rope: (f64::from(head_dim) * rotated) as u32,
        qk_norm: traits.qk_norm.read(shapes),
        qkv_bias: traits.qkv_bias.read(shapes),
        o_bias: traits.o_bias.read(shapes),
        sinks: traits.sinks,
    })
}

/// The share of a head that is rotated; newer files keep it with the other settings of the rotation.
fn rotated(shapes: &Section) -> Option<f64> {
    let key = "partial_rotary_factor";
    if shapes.has(key) {
        return shapes.share(key);
    }
    for place in ["rope_parameters", "rope_scaling"] {
        if shapes.has(place) {
            let place = shapes.section(place)?;
            if place.has(key) {
                return place.share(key);
            }
        }
    }
    Some(1.0)
}

/// Tokens that each of `layers` layers attends to at most; `None` where it sees all.
///
/// `layer_types` says it layer by layer. Without it a `sliding_window` holds in all layers, unless
/// `use_sliding_window` is false, or from `max_window_layers` on where that is given.
pub(super) fn windows(shapes: &Section, layers: usize) -> Option<Vec<Option<u32>>> {
    let used = shapes.flag("use_sliding_window").unwrap_or(true);
    let window = match used && shapes.has("sliding_window") {
        true => Some(shapes.size("sliding_window", 1, u32::MAX)?),
        false => None,
    };
    if shapes.has("layer_types") {
        return of_types(shapes, layers, window);
    }
    let first = match window.is_some() && shapes.has("max_window_layers") {
        true => shapes.size("max_window_layers", 0, u32::MAX)? as usize,
        false => 0,
    };
    Some((0..layers).map(|layer| window.filter(|_| layer >= first)).collect())
}

fn of_types(shapes: &Section, layers: usize, window: Option<u32>) -> Option<Vec<Option<u32>>> {
    let types = shapes.strings("layer_types")?;
    if types.len() != layers {
        let what = format!(
            "has {} entries; expected one for each of the {layers} layers of `num_hidden_layers`",
            types.len()
        );
        shapes.report("layer_types", &what);
        return None;
    }
    let read = |(index, name): (usize, &String)| match (name.as_str(), window) {
        ("full_attention", _) => Some(None),
        ("sliding_attention", Some(window)) => Some(Some(window)),
        ("sliding_attention", None) => {
            let what = "it is needed where `layer_types` has \"sliding_attention\"";
            shapes.report_missing("sliding_window", what);
            None
        }
        (other, _) => {
            let what = format!("is \"{other}\"; supported: full_attention, sliding_attention");
            shapes.report(&format!("layer_types[{index}]"), &what);
            None
        }
    };
    let list: Vec<_> = types.iter().enumerate().map(read).collect();
    list.into_iter().collect()
}
