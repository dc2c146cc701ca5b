//! A grouped-query model with numbers, and its forward pass written from the model's formulas.

use super::super::rectangle::model;
use super::super::values::{number, seed};
use workloads::model::{Attention, FeedForward, Model};

pub(super) const EPSILON: f64 = 1e-5;

/// A model's shapes, and numbers for all that it has.
pub(super) struct Plain {
    pub(super) model: Model,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) width: usize,
    pub(super) rope: usize,
    /// Rotated keys and values of each token so far, key heads one behind the other.
    pub(super) cached: Vec<[Vec<f64>; 2]>,
}

impl Plain {
    pub(super) fn new(attention: Attention, mlp_bias: bool, cached: usize) -> Self {
        let Attention::Gqa { heads, kv_heads, head_dim, rope, .. } = attention else {
            panic!("grouped-query attention");
        };
        let layers = vec![FeedForward::Dense { intermediate: 50 }];
        let model = Model { attention, layers, mlp_bias, hidden: 60, ..model() };
        let [heads, kv_heads, width, rope] = [heads, kv_heads, head_dim, rope].map(|n| n as usize);
        let entry = |token: usize, which: u32| {
            (0..kv_heads * width).map(|i| number(11, [which, token as u32, i as u32, 0])).collect()
        };
        let cached = (0..cached).map(|token| [entry(token, 0), entry(token, 1)]).collect();
        Self { model, heads, kv_heads, width, rope, cached }
    }

    pub(super) fn weight(&self, name: &str, out: usize, input: usize) -> f64 {
        self.of_group(name, 0, out, input)
    }

    /// A weight of an expert, shared ones behind the others.
    pub(super) fn of_group(&self, name: &str, group: usize, out: usize, input: usize) -> f64 {
        0.3 * number(seed(name), [1, group as u32, out as u32, input as u32])
    }

    pub(super) fn gain(&self, name: &str, index: usize) -> f64 {
        1.0 + 0.5 * number(seed(name), [2, index as u32, 0, 0])
    }

    pub(super) fn bias(&self, name: &str, out: usize) -> f64 {
        self.bias_of(name, 0, out)
    }

    pub(super) fn bias_of(&self, name: &str, group: usize, out: usize) -> f64 {
        0.5 * number(seed(name), [3, out as u32, group as u32, 0])
    }

    pub(super) fn sink(&self, head: usize) -> f64 {
        2.0 * number(13, [head as u32, 0, 0, 0])
    }

    pub(super) fn times(&self, name: &str, bias: bool, outs: usize, x: &[f64]) -> Vec<f64> {
        self.times_of((name, 0), bias, outs, x)
    }

    fn times_of(
        &self,
        (name, group): (&str, usize),
        bias: bool,
        outs: usize,
        x: &[f64],
    ) -> Vec<f64> {
        let sum = |out| -> f64 {
            x.iter().enumerate().map(|(i, x)| self.of_group(name, group, out, i) * x).sum()
        };
        let start = |out| if bias { self.bias_of(name, group, out) } else { 0.0 };
        (0..outs).map(|out| sum(out) + start(out)).collect()
    }

    pub(super) fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let root = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + EPSILON).sqrt();
        x.iter().enumerate().map(|(i, x)| x / root * self.gain(name, i)).collect()
    }

    pub(super) fn angle(&self, pair: usize, position: usize) -> f64 {
        position as f64 / 10f64.powf(2.0 * pair as f64 / self.rope as f64)
    }

    fn rotated(&self, x: &[f64], position: usize) -> Vec<f64> {
        let half = self.rope / 2;
        let mut y = x.to_vec();
        for pair in 0..half {
            let (sin, cos) = self.angle(pair, position).sin_cos();
            y[pair] = x[pair] * cos - x[pair + half] * sin;
            y[pair + half] = x[pair + half] * cos + x[pair] * sin;
        }
        y
    }

    /// Queries, keys and values of `x` at a position, heads one behind the other.
    pub(super) fn projected(&self, x: &[f64], position: usize) -> [Vec<f64>; 3] {
        let Attention::Gqa { qk_norm, qkv_bias, .. } = self.model.attention else {
            panic!("grouped")
        };
        let (heads, keys, width) = (self.heads, self.kv_heads, self.width);
        let all = self.times("qkv", qkv_bias, (heads + 2 * keys) * width, x);
        let turned = |part: &[f64]| -> Vec<f64> {
            part.chunks(width)
                .flat_map(|head| {
                    let head = if qk_norm { self.norm("qk_norm", head) } else { head.to_vec() };
                    self.rotated(&head, position)
                })
                .collect()
        };
        let (queries, rest) = all.split_at(heads * width);
        let (new_keys, values) = rest.split_at(keys * width);
        [turned(queries), turned(new_keys), values.to_vec()]
    }

    /// Attention of `queries` over all that is cached.
    pub(super) fn attended(&self, queries: &[f64], cached: &[[Vec<f64>; 2]]) -> Vec<f64> {
        let Attention::Gqa { sinks, .. } = self.model.attention else { panic!("grouped") };
        let (width, group) = (self.width, self.heads / self.kv_heads);
        let mut values = Vec::new();
        for (head, query) in queries.chunks(width).enumerate() {
            let at = head / group * width..(head / group + 1) * width;
            let score = |key: &[f64]| {
                let sum: f64 = query.iter().zip(key).map(|(q, k)| q * k).sum();
                (sum / (width as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = cached.iter().map(|[key, _]| score(&key[at.clone()])).collect();
            let sink = if sinks { self.sink(head).exp() } else { 0.0 };
            let total: f64 = scores.iter().sum::<f64>() + sink;
            values.extend(at.map(|v| -> f64 {
                scores.iter().zip(cached).map(|(s, [_, value])| s / total * value[v]).sum()
            }));
        }
        values
    }

    fn added(a: &[f64], b: &[f64]) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a + b).collect()
    }

    fn gated(&self, names: [&str; 2], group: usize, width: usize, x: &[f64]) -> Vec<f64> {
        let bias = self.model.mlp_bias;
        let both = self.times_of((names[0], group), bias, 2 * width, x);
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let h: Vec<f64> = (0..width).map(|i| silu(both[i]) * both[width + i]).collect();
        self.times_of((names[1], group), bias, x.len(), &h)
    }

    pub(super) fn feed_forward(&self, stream: &[f64]) -> Vec<f64> {
        let x = self.norm("post_attention_norm", stream);
        match self.model.layers[0] {
            FeedForward::Dense { intermediate } => {
                Self::added(stream, &self.gated(["gate_up", "down"], 0, intermediate as usize, &x))
            }
            FeedForward::Moe { experts, top_k, shared, intermediate } => {
                let (experts, width) = (experts as usize, intermediate as usize);
                let logits = self.times("router", self.model.mlp_bias, experts, &x);
                let scores: Vec<f64> = logits.iter().map(|s| 1.0 / (1.0 + (-s).exp())).collect();
                let mut order: Vec<usize> = (0..experts).collect();
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                let chosen = &order[..top_k as usize];
                let total: f64 = chosen.iter().map(|&e| scores[e]).sum();
                let weighted = chosen.iter().map(|&e| (e, scores[e] / total));
                let all = weighted.chain((experts..experts + shared as usize).map(|e| (e, 1.0)));
                all.fold(stream.to_vec(), |sum, (expert, weight)| {
                    let names = ["experts_gate_up", "experts_down"];
                    let out = self.gated(names, expert, width, &x);
                    sum.iter().zip(out).map(|(sum, out)| sum + weight * out).collect()
                })
            }
        }
    }

    /// The layer for the next token; its keys and values are cached.
    pub(super) fn layer(&mut self, stream: &[f64]) -> Vec<f64> {
        let Attention::Gqa { o_bias, .. } = self.model.attention else { panic!("grouped") };
        let x = self.norm("input_norm", stream);
        let [queries, keys, values] = self.projected(&x, self.cached.len());
        self.cached.push([keys, values]);
        let values = self.attended(&queries, &self.cached);
        let out = self.times("o_proj", o_bias, stream.len(), &values);
        self.feed_forward(&Self::added(stream, &out))
    }
}
