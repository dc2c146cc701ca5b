//! The outcome of a scenario: everything `outcome.json` holds. Field names are part of the format;
//! [`SCHEMA_VERSION`] counts its changes.

mod maps;
mod read;

pub use maps::{PeMap, Stripe};
pub use read::{OLDEST, ReadError, read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the format of `outcome.json`.
pub const SCHEMA_VERSION: u32 = 2;

/// What a scenario led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Version of this format.
    pub schema_version: u32,
    /// Version of the simulator.
    pub simulator: String,
    /// How to get it again.
    pub manifest: Manifest,
    /// The scenario as resolved: every field, with presets filled in.
    pub scenario: serde_json::Value,
    /// Shape of the model that ran.
    pub model: ModelSummary,
    /// One entry for each machine of the scenario.
    pub machines: Vec<MachineOutcome>,
    /// Published claims beside what was simulated.
    pub claims: Vec<Claim>,
    /// Published measurements beside what this version of the simulator predicts, whatever the scenario.
    #[serde(default)]
    pub validation: Vec<Validated>,
}

/// A published measurement and what the simulator predicts for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Validated {
    /// Table of measurements from one source.
    pub table: String,
    /// What sets it apart from the other rows of its table.
    pub row: String,
    /// Published value.
    pub published: f64,
    /// Predicted value.
    pub predicted: f64,
    /// Unit of both.
    pub unit: String,
    /// Whether a constant was fitted with this row in sight.
    pub calibrated: bool,
    /// Where the measurement is published.
    pub source: String,
}

impl Validated {
    /// Predicted over published, less one `[fraction]`.
    pub fn error(&self) -> f64 {
        self.predicted / self.published - 1.0
    }
}

/// How to get an outcome again; the simulator and the effective scenario stand beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The command without options that do not change the result; empty where a program ran it.
    pub command: String,
    /// SHA-256 of the scenario as resolved, in compact JSON with sorted keys.
    pub scenario_hash: String,
    /// Seed of all random streams.
    pub seed: u64,
}

/// A count of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counter {
    /// Of what: "wavelet-hops stepped".
    pub name: String,
    /// How many.
    pub value: u64,
}

/// The model in a few figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelSummary {
    /// Name of the model.
    pub name: String,
    /// All parameters.
    pub parameters: u64,
    /// Parameters that one token uses.
    pub active_parameters: u64,
    /// Bytes of all weights as stored, scales included `[bytes]`.
    pub weight_bytes: u64,
    /// Bytes the KV cache grows by with each token, over all layers `[bytes]`.
    pub kv_bytes_per_token: u64,
    /// Layers.
    pub layers: u32,
}

/// What one machine does with the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineOutcome {
    /// Name of the machine, unique in the outcome.
    pub name: String,
    /// Number of units used, wafers or GPUs.
    pub units: u32,
    /// What a unit is, in the singular: "wafer", "GPU".
    pub unit: String,
    /// Output tokens per second of one user, mean over the request `[tokens/s]`.
    pub tokens_per_s: f64,
    /// The same with all assumed parameters at their slow ends and at their fast ends `[tokens/s]`;
    /// twice the speed itself, and `sensitivity` empty, where that was not asked for.
    pub tokens_per_s_range: [f64; 2],
    /// Output tokens per second of all users together, over all units `[tokens/s]`.
    pub tokens_per_s_machine: f64,
    /// Time to first token `[s]`.
    pub ttft_s: f64,
    /// Mean time per output token of one user `[ms]`.
    pub tpot_ms: f64,
    /// Time of the whole request: prompt, reasoning and answer `[s]`.
    pub request_s: f64,
    /// Where the time of one output token goes, mean over the request.
    pub token_split: TimeSplit,
    /// Operators of one token, summed over their layers, in the order of the forward pass.
    pub operators: Vec<OperatorOutcome>,
    /// Layers of one token, in order.
    pub layers: Vec<LayerOutcome>,
    /// Which layers stand on which unit, and how full it is.
    pub placement: Vec<UnitPlacement>,
    /// Time per output token at points of the request.
    pub decode_curve: Vec<CurvePoint>,
    /// Speed of one user against throughput, over batch sizes; empty where not computed.
    pub frontier: Vec<FrontierPoint>,
    /// Every parameter of the hardware, with its source.
    pub parameters: Vec<Parameter>,
    /// What each assumed parameter does to the speed, largest effect first.
    pub sensitivity: Vec<Sensitivity>,
    /// Links by traffic, busiest first.
    pub links: Vec<LinkLoad>,
    /// What is stepped, what is a fixed latency, what is absent.
    pub fidelity: Vec<Fidelity>,
    /// What each PE of each kind of part does for one token; empty where there are no PEs.
    #[serde(default)]
    pub maps: Vec<PeMap>,
    /// Electrical power of all units used `[kW]`; absent where the hardware gives none.
    #[serde(default)]
    pub power_kw: Option<f64>,
    /// Work that the simulator did for this, which is no part of the prediction.
    #[serde(default)]
    pub work: Vec<Counter>,
}

/// Where time goes `[microseconds]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeSplit {
    /// Arithmetic units at work `[us]`.
    pub arithmetic_us: f64,
    /// Waiting for memory beyond the arithmetic: SRAM or HBM `[us]`.
    pub memory_us: f64,
    /// Data moving on the fabric: mesh or NVLink `[us]`.
    pub fabric_us: f64,
    /// Data moving between wafers or racks `[us]`.
    pub io_us: f64,
    /// Fixed costs and idling: descriptor set-up, task starts, kernel launches, bubbles `[us]`.
    pub waiting_us: f64,
}

impl TimeSplit {
    /// Sum of all parts `[us]`.
    pub fn total_us(&self) -> f64 {
        self.arithmetic_us + self.memory_us + self.fabric_us + self.io_us + self.waiting_us
    }

    /// Adds `other`, part by part, `times` times.
    pub fn add(&mut self, other: &TimeSplit, times: f64) {
        self.arithmetic_us += other.arithmetic_us * times;
        self.memory_us += other.memory_us * times;
        self.fabric_us += other.fabric_us * times;
        self.io_us += other.io_us * times;
        self.waiting_us += other.waiting_us * times;
    }
}

/// One operator of a decode step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorOutcome {
    /// Name, as in the forward pass: "o_proj", "experts_gate_up".
    pub name: String,
    /// Kind of layer it belongs to: "moe", "dense", "head".
    pub group: String,
    /// How often it runs for one token.
    pub count: u32,
    /// What it is lowered to: rectangle or GPU split, in words a command accepts.
    pub mapping: String,
    /// Columns and rows of the rectangle of PEs; absent on GPUs.
    pub rectangle: Option<[u32; 2]>,
    /// Collective that combines partial results: "k-tree(8)", "one-shot all-reduce", "none".
    pub collective: String,
    /// Engine that timed it: "stream", "wavelet", "nvlink".
    pub engine: String,
    /// Duration of one execution `[cycles of the machine's clock]`; absent on GPUs.
    pub cycles: Option<u64>,
    /// Duration of one execution `[us]`.
    pub time_us: f64,
    /// What bound it: "fabric", "arithmetic", "memory", "waiting", "io".
    pub bound: String,
    /// Where the time of one execution goes.
    pub split: TimeSplit,
    /// Multiply-accumulates and other operations of one execution `[FLOP]`.
    pub flops: u64,
    /// Weight bytes read in one execution `[bytes]`.
    pub weight_bytes: u64,
}

/// One layer of a decode step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LayerOutcome {
    /// Index in the model.
    pub index: u32,
    /// "embedding", "dense", "moe" or "head".
    pub kind: String,
    /// Unit it stands on (the first, if it is spread over several).
    pub unit: u32,
    /// Duration `[cycles of the machine's clock]`; absent on GPUs.
    pub cycles: Option<u64>,
    /// Duration `[us]`.
    pub time_us: f64,
    /// Where the time goes.
    pub split: TimeSplit,
}

/// What stands on one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnitPlacement {
    /// Index of the unit.
    pub unit: u32,
    /// What stands there, in words: "layers 1-3".
    pub holds: String,
    /// Rectangles on a wafer; empty on GPUs.
    pub regions: Vec<Region>,
    /// Bytes in use, by owner: weights, scales, KV cache, activations, reserve.
    pub bytes: Vec<(String, u64)>,
    /// Bytes there are `[bytes]`.
    pub capacity_bytes: u64,
}

/// A rectangle of PEs on a wafer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// What it holds: "layer 3".
    pub holds: String,
    /// Kind of part, as in `maps`: "moe".
    #[serde(default)]
    pub part: String,
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Fullest PE's SRAM in use `[fraction]`.
    pub fill: f64,
    /// Share of a token's time in which this region is at work `[fraction]`.
    pub busy: f64,
}

/// Time per output token at one point of the request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// Tokens in the KV cache.
    pub context: u64,
    /// Time of this output token `[ms]`.
    pub tpot_ms: f64,
}

/// One point of the frontier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrontierPoint {
    /// Requests in flight.
    pub batch: u32,
    /// Layout in words: "tp8 ep8".
    pub layout: String,
    /// Speed of one user `[tokens/s]`.
    pub tokens_per_s_user: f64,
    /// Throughput of the whole machine `[tokens/s]`.
    pub tokens_per_s_machine: f64,
}

/// A parameter of the hardware.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parameter {
    /// Path in the scenario, as `--set` takes it.
    pub path: String,
    /// Value with its unit.
    pub value: String,
    /// Low and high end with their unit, where it is assumed.
    pub range: Option<[String; 2]>,
    /// "measured", "documented", "derived", "assumed".
    pub confidence: String,
    /// Where it comes from.
    pub source: String,
}

/// What one assumed parameter does to the speed of one user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sensitivity {
    /// Path of the parameter.
    pub path: String,
    /// Speed with the parameter at the low end of its range `[tokens/s]`.
    pub at_low: f64,
    /// Speed with the parameter at the high end of its range `[tokens/s]`.
    pub at_high: f64,
    /// The ends, with their unit.
    pub range: [String; 2],
}

/// Traffic of one link in one decode step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LinkLoad {
    /// Which link, in words.
    pub link: String,
    /// Bytes it carries `[bytes]`.
    pub bytes: u64,
    /// Share of the step in which it is busy `[fraction]`.
    pub busy: f64,
}

/// How one mechanism is represented.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// The mechanism.
    pub mechanism: String,
    /// "stepped", "fixed latency", "closed form" or "absent".
    pub how: String,
    /// In one sentence.
    pub note: String,
}

/// A published claim and what was simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// Short name: "1", "4a".
    pub id: String,
    /// What is claimed.
    pub claim: String,
    /// The figure claimed, with its unit.
    pub claimed: String,
    /// The figure simulated, with its unit.
    pub simulated: String,
    /// Why they differ, or why they agree.
    pub note: String,
}
