//! Where vectors lie in a PE of a fixed grid.
//!
//! A norm's buffer has its sum of squares first and its weights behind it; a matrix' tile has the outputs
//! of one input together. Both are named as their operator.

use crate::wafer::instruction::Spot;

/// The residual stream: the same slice in all PEs of a column.
pub const STREAM: Spot = Spot::of("stream");
/// The stream divided by its norm.
pub const NORMED: Spot = Spot::of("normed");
/// Squares of what a norm sums.
pub const SQUARES: Spot = Spot::of("squares");
/// Queries and keys of a row, heads of one dimension together, then its values.
pub const HEADS: Spot = Spot::of("heads");
/// Queries and keys, rotated.
pub const ROTATED: Spot = Spot::of("rotated");
/// Cosines for all of them, then the sines with their signs.
pub const ROTATION: Spot = Spot::of("rotation");
/// The cached entry that leaves a column, then the one that comes.
pub const PASSED: Spot = Spot::of("passed");
/// Cached keys and values: the tokens of one element together.
pub const CACHE: Spot = Spot::of("cache");
/// What scores start from: 0, or far below everything where no token is.
pub const BIAS: Spot = Spot::of("bias");
/// Scores, then their exponentials, a head's tokens together.
pub const SCORES: Spot = Spot::of("scores");
/// The largest score of each head.
pub const PEAK: Spot = Spot::of("peak");
/// Each head's sum of exponentials.
pub const TOTAL: Spot = Spot::of("total");
/// A learned logit of each head for the maximum, then the same for the sum, in one column alone.
pub const SINKS: Spot = Spot::of("sinks");
/// Weighted values, heads of one dimension together.
pub const WEIGHTED: Spot = Spot::of("weighted");
/// What attention adds to the stream.
pub const ATTENDED: Spot = Spot::of("attended");
/// Gate, then up.
pub const GATE_UP: Spot = Spot::of("gate_up_out");
/// The sigmoid of the gate.
pub const GATE: Spot = Spot::of("gate");
/// The gated activation.
pub const ACTIVATIONS: Spot = Spot::of("activations");
/// What the feed-forward part adds to the stream.
pub const DOWN_OUT: Spot = Spot::of("down_out");
/// Logits of a row.
pub const LOGITS: Spot = Spot::of("logits");
/// The best logit; then the best number, counted from the end.
pub const BEST: Spot = Spot::of("best");
/// Numbers of a row's tokens, counted from the end.
pub const NUMBERS: Spot = Spot::of("numbers");
/// Those of the best logits.
pub const REACHED: Spot = Spot::of("reached");
/// The token that is looked up.
pub const TOKEN: Spot = Spot::of("token");
/// The number 1, then the number 0.
pub const ONE: Spot = Spot::of("one");
/// Slot of the cache from which an entry leaves, and the one where what comes is put. A column that
/// keeps what it has puts what comes where it is not read.
pub const SLOTS: Spot = Spot::of("slots");
/// A prompt's cached values: the tokens of one element together.
pub const VALUES: Spot = Spot::of("values");
/// Scores of one step of a prompt: for each key those of all queries.
pub const TILE: Spot = Spot::of("score_tile");
/// The number of the step: which of the places of what moves has this step's tile.
pub const STEP: Spot = Spot::of("step");
/// Where this step's scores are kept, or where what is not kept is put.
pub const KEPT: Spot = Spot::of("kept");
/// Logits of a row's experts.
pub const ROUTED: Spot = Spot::of("routed");
/// Scores of all experts, then their numbers.
pub const EXPERT_SCORES: Spot = Spot::of("expert_scores");
/// Where a PE's experts stand in the order in which scores are gathered, in shares.
pub const ROUTER_PLACE: Spot = Spot::of("router_place");
/// Zeros, then ones: tells earlier experts from later ones.
pub const EARLIER: Spot = Spot::of("earlier");
/// Which scores are greater than which.
pub const GREATER: Spot = Spot::of("greater");
/// Which are as great or greater.
pub const EQUAL: Spot = Spot::of("equal");
/// How many experts come before each of a row's.
pub const RANK: Spot = Spot::of("rank");
/// Weight and number of each chosen expert, in the order of their ranks.
pub const CHOSEN: Spot = Spot::of("chosen");
/// The sum of their weights.
pub const CHOSEN_TOTAL: Spot = Spot::of("chosen_total");
