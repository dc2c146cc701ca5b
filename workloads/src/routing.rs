//! Which routed experts the tokens of a layer use.
//!
//! A token draws `top_k` experts one after the other, each with a probability in proportion to its
//! popularity among those it has not drawn yet. Popularity falls as a power of an expert's rank, and
//! which expert has which rank is shuffled anew for every layer.
//!
//! Known deviation: tokens are drawn independently, while those of one text share their taste; and
//! routing restricted to groups of experts is not modelled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sim_core::Stream;

/// After so many draws of experts that the token already has, the rest is weighed out exactly.
const MAX_REDRAWS: u32 = 32;

/// How evenly tokens spread over the experts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum ExpertLoad {
    /// All experts are equally popular; the draws are still random.
    #[default]
    Balanced,
    /// The expert of rank `r`, from 1 on, has popularity `r^-exponent`.
    PowerLaw {
        /// 0 is balanced; larger is more skewed.
        exponent: f64,
    },
}

impl ExpertLoad {
    fn exponent(self) -> f64 {
        match self {
            Self::Balanced => 0.0,
            Self::PowerLaw { exponent } => exponent,
        }
    }
}

/// Why experts cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RoutingError {
    /// The exponent is negative or no number.
    #[error("the exponent of the expert load is {0}; it must be a number that is not negative")]
    Exponent(f64),
    /// More experts a token than there are.
    #[error("a token cannot use {top_k} of {experts} experts; it needs from 1 to all of them")]
    TopK {
        /// Experts a token uses.
        top_k: u32,
        /// Experts there are.
        experts: u32,
    },
}

/// The router of one layer, with its own random stream.
#[derive(Clone, Debug)]
pub struct LayerRouting {
    top_k: usize,
    /// Expert of each rank.
    expert_of_rank: Vec<u32>,
    /// Popularity of each rank.
    popularity: Vec<f64>,
    /// Sum of the popularity of all ranks up to this one.
    cumulative: Vec<f64>,
    stream: Stream,
}

impl LayerRouting {
    /// The router of layer `layer` under `seed`; it depends on these arguments and nothing else.
    pub fn new(
        load: ExpertLoad,
        experts: u32,
        top_k: u32,
        seed: u64,
        layer: u32,
    ) -> Result<Self, RoutingError> {
        let exponent = load.exponent();
        if !exponent.is_finite() || exponent < 0.0 {
            return Err(RoutingError::Exponent(exponent));
        }
        if top_k == 0 || top_k > experts {
            return Err(RoutingError::TopK { top_k, experts });
        }
        let popularity: Vec<f64> =
            (1..=experts).map(|rank| f64::from(rank).powf(-exponent)).collect();
        let mut sum = 0.0;
        let add = |popularity: &f64| {
            sum += popularity;
            sum
        };
        let cumulative = popularity.iter().map(add).collect();
        let mut shuffle = Stream::new(seed, &format!("routing/popularity/{layer}"));
        let stream = Stream::new(seed, &format!("routing/tokens/{layer}"));
        let expert_of_rank = permutation(experts, &mut shuffle);
        Ok(Self { top_k: top_k as usize, expert_of_rank, popularity, cumulative, stream })
    }

    /// The experts of the next token, all different, in the order drawn.
    pub fn choose(&mut self) -> Vec<u32> {
        let mut ranks = Vec::with_capacity(self.top_k);
        while ranks.len() < self.top_k {
            let rank = self.draw(&ranks);
            ranks.push(rank);
        }
        ranks.iter().map(|&rank| self.expert_of_rank[rank]).collect()
    }

    /// How many of the next `tokens` tokens each expert gets; the sum is `tokens * top_k`.
    pub fn counts(&mut self, tokens: u32) -> Vec<u32> {
        let mut counts = vec![0; self.expert_of_rank.len()];
        for _ in 0..tokens {
            for expert in self.choose() {
                counts[expert as usize] += 1;
            }
        }
        counts
    }

    /// Probability that a token uses each expert; the sum is `top_k`. Exact where all are equally
    /// popular, else the limit for many experts (Rosén 1972): `1 - exp(-t * popularity)`.
    pub fn use_probability(&self) -> Vec<f64> {
        let mut by_expert = vec![0.0; self.expert_of_rank.len()];
        let probability = inclusion(&self.popularity, self.top_k);
        for (&expert, probability) in self.expert_of_rank.iter().zip(probability) {
            by_expert[expert as usize] = probability;
        }
        by_expert
    }

    /// Expected number of different experts that `tokens` tokens use together.
    pub fn expected_distinct(&self, tokens: u32) -> f64 {
        let used = |probability: f64| 1.0 - (1.0 - probability).powf(f64::from(tokens));
        self.use_probability().into_iter().map(used).sum()
    }

    /// Draws a rank that is not in `taken`.
    fn draw(&mut self, taken: &[usize]) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        for _ in 0..MAX_REDRAWS {
            let point = self.stream.next_f64();
            let rank = self.first_above(point * total);
            if !taken.contains(&rank) {
                return rank;
            }
        }
        self.draw_from_rest(taken)
    }

    fn first_above(&self, point: f64) -> usize {
        let rank = self.cumulative.partition_point(|&sum| sum <= point);
        rank.min(self.cumulative.len() - 1)
    }

    /// Weighs out the ranks that are left; where their popularity has no weight, the first of them.
    fn draw_from_rest(&mut self, taken: &[usize]) -> usize {
        let free = |rank: &usize| !taken.contains(rank);
        let rest: Vec<usize> = (0..self.popularity.len()).filter(free).collect();
        let total: f64 = rest.iter().map(|&rank| self.popularity[rank]).sum();
        let mut point = self.stream.next_f64() * total;
        for &rank in &rest {
            if point < self.popularity[rank] {
                return rank;
            }
            point -= self.popularity[rank];
        }
        rest[0]
    }
}

/// The numbers below `count` in random order.
fn permutation(count: u32, stream: &mut Stream) -> Vec<u32> {
    let mut list: Vec<u32> = (0..count).collect();
    for last in (1..list.len()).rev() {
        let other = (stream.next_f64() * (last + 1) as f64) as usize;
        list.swap(last, other.min(last));
    }
    list
}

/// Probability of each rank to be among `top_k` draws without return.
fn inclusion(popularity: &[f64], top_k: usize) -> Vec<f64> {
    if top_k == popularity.len() {
        return vec![1.0; top_k];
    }
    let probability = |time: f64| popularity.iter().map(move |p| 1.0 - (-time * p).exp());
    let (mut low, mut high) = (0.0, 1.0);
    while probability(high).sum::<f64>() < top_k as f64 && high < f64::MAX / 2.0 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if probability(middle).sum::<f64>() < top_k as f64 { low = middle } else { high = middle }
    }
    probability(high).collect()
}

#[cfg(test)]
mod tests;
