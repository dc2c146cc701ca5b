//! Grouped-query layers: whole rectangles in the reference engine, windows, biases and sinks.

use crate::rectangle::{CHOICES, FABRIC, PE, both, kernels_of, model};
use wafersim::wafer::choices::Choices;
use wafersim::wafer::field::Field;
use wafersim::wafer::kernels::Kernel;
use wafersim::wafer::timer::{Engine, Memory, Timer};
use workloads::model::{Attention, FeedForward, Model};

fn grouped() -> Model {
    Model {
        attention: Attention::Gqa {
            heads: 4,
            kv_heads: 2,
            head_dim: 8,
            rope: 8,
            qk_norm: true,
            qkv_bias: false,
            o_bias: false,
            sinks: false,
        },
        layers: vec![FeedForward::Dense { intermediate: 64 }; 2],
        windows: vec![Some(13), None],
        ..model()
    }
}

fn cycles(timer: &Timer, kernel: &Kernel) -> u64 {
    timer.run(&kernel.phases, &mut Field::new(13, 8)).expect("runs").total()
}

const GROUPED: Choices = Choices { qkv_rows: 6, activation_columns: 3, ..CHOICES };

#[test]
fn whole_rectangles_of_grouped_attention_have_the_cycles_of_their_lines() {
    let timer = Timer::new(FABRIC, PE, Engine::Stream, &Memory::default());
    let mut compared = Vec::new();
    for tokens in [1, 3] {
        for kernel in kernels_of(&grouped(), &GROUPED, &timer, tokens) {
            // What is sent on leaves the rectangle.
            if kernel.name == "embedding" {
                continue;
            }
            let (lines, whole) = both(&timer, &kernel);
            assert_eq!(lines, whole, "{} of {tokens} tokens", kernel.name);
            compared.push(kernel.name);
        }
    }
    for name in ["qkv", "qk_norm", "rope", "kv_append", "attention", "o_proj", "swiglu"] {
        assert!(compared.contains(&name), "{name}");
    }
}

/// A layer with a window works on fewer cached tokens, and stores fewer.
#[test]
fn a_window_saves_time_and_cache() {
    let timer = Timer::new(FABRIC, PE, Engine::Stream, &Memory::default());
    let attention: Vec<_> = kernels_of(&grouped(), &GROUPED, &timer, 1)
        .into_iter()
        .filter(|kernel| kernel.name == "attention")
        .collect();
    let [windowed, full] = &attention[..] else { panic!("{} layers", attention.len()) };
    let cache = |kernel: &Kernel| kernel.memory[0].1;
    // 13 tokens and 100 over 12 columns: 2 and 9 of them on the fullest PE.
    assert_eq!(2 * cache(full), 9 * cache(windowed));
    assert!(cycles(&timer, windowed) < cycles(&timer, full));
}

/// Biases and sinks take what their operations take: a start of the sums of `qkv` and `o_proj`, and of
/// heads' maxima and sums.
#[test]
fn biases_and_sinks_take_time() {
    let timer = Timer::new(FABRIC, PE, Engine::Stream, &Memory::default());
    let with = |has: bool| {
        let attention = Attention::Gqa {
            heads: 4,
            kv_heads: 2,
            head_dim: 8,
            rope: 8,
            qk_norm: true,
            qkv_bias: has,
            o_bias: has,
            sinks: has,
        };
        let model = Model { attention, ..grouped() };
        kernels_of(&model, &GROUPED, &timer, 1)
    };
    let cycles = |kernel: &Kernel| cycles(&timer, kernel);
    let (with, without) = (with(true), with(false));
    let slower = with.iter().zip(&without).filter(|(with, without)| cycles(with) > cycles(without));
    let slower: Vec<&str> = slower.map(|(kernel, _)| kernel.name).collect();
    assert_eq!(slower, ["qkv", "attention", "o_proj", "qkv", "attention", "o_proj"]);
}
