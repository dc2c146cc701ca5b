//! Where parts stand: bands that layers share, and experts striped or by regions.

use wafersim::machine::{Job, Request};
use wafersim::scenario::preset;
use wafersim::wafer::grid::{Grid, token};
use wafersim::wafer::machine::Bench;
use wafersim::wafer::place::Placement;
use wafersim::wafer::spec::{Auto, ExpertsChoice, WaferMachine, WaferSpec};
use wafersim::wafer::timer::{Engine, Memory, Timer};
use workloads::model::{Attention, FeedForward, Model, Storage, WeightFormat};

const CONTEXT: u32 = 4096;

fn llama() -> Model {
    let attention = Attention::Gqa {
        heads: 32,
        kv_heads: 8,
        head_dim: 128,
        rope: 128,
        qk_norm: false,
        qkv_bias: false,
        o_bias: false,
        sinks: false,
    };
    Model {
        name: "llama".into(),
        architecture: "LlamaForCausalLM".into(),
        hidden: 4096,
        vocabulary: 128_256,
        max_context: 8192,
        tied_embeddings: false,
        attention,
        layers: vec![FeedForward::Dense { intermediate: 14336 }; 32],
        windows: Vec::new(),
        mlp_bias: false,
        storage: Storage::uniform(WeightFormat::BF16),
    }
}

fn machine(name: &str, spec: WaferSpec) -> WaferMachine {
    let preset = preset::with_settings(name, &[]).expect("a preset");
    WaferMachine { name: "wafer".into(), preset, spec }
}

fn on<T>(
    machine: &WaferMachine,
    model: &Model,
    context: u32,
    see: impl FnOnce(&Bench<'_>, &Placement) -> T,
) -> T {
    let request = Request { prompt: context - 1, reasoning: 0, answer: 2 };
    let job = Job::once(model, request);
    let bench = Bench::new(machine, &job, &machine.preset.facts, &Memory::default());
    let placement = bench.place().expect("it fits");
    see(&bench, &placement)
}

/// What the mapper finds for itself is not slower than the published placement by hand.
#[test]
fn a_mapping_that_is_searched_is_as_fast_as_one_by_hand() {
    let model = llama();
    let machine = machine("wse2", WaferSpec::default());
    let facts = &machine.preset.facts;
    let timer =
        Timer::new(facts.fabric_spec(), facts.pe_spec(), Engine::Stream, &Memory::default());
    let room = facts.pe.sram.whole() - facts.pe.reserve.whole();
    let grid = Grid { columns: 540, rows: 540 };
    let by_hand = token::decode(&timer, grid, &model, CONTEXT, room).expect("runs");
    on(&machine, &model, CONTEXT, |bench, placement| {
        let kind = placement.attends.iter().position(|attends| *attends).expect("a layer");
        let layer = placement.mappings[kind].run.spent.total() as f64;
        assert!(layer <= by_hand.cycles_per_layer(), "{layer} > {}", by_hand.cycles_per_layer());
        assert_eq!(placement.wafers, 1);
        let decode = bench.decode(placement).expect("runs");
        let clock = facts.clock.get();
        assert!(decode.tokens_per_s() >= clock / by_hand.cycles() as f64);
    });
}

/// PEs that several layers share hold the bytes of all of them, and no more than there are.
#[test]
fn conservation_layers_that_share_a_band_share_its_memory() {
    let model = llama();
    let machine = machine("wse2", WaferSpec::default());
    let sram = machine.preset.facts.pe.sram.whole();
    let reserve = machine.preset.facts.pe.reserve.whole();
    on(&machine, &model, CONTEXT, |bench, placement| {
        let inspection = bench.inspect(placement);
        let mut shared = 0;
        for (stage, band) in placement.bands.iter().enumerate() {
            let together: Vec<usize> =
                (0..placement.bands.len()).filter(|&s| placement.bands[s] == *band).collect();
            let of = |name: &str| {
                let part = inspection.parts.iter().find(|part| part.part == name);
                part.map_or(0, |part| part.pe_bytes.used()) - reserve
            };
            let all: u64 = together.iter().map(|&s| of(&inspection.layers[s].part)).sum();
            assert_eq!(placement.held[stage], reserve + all);
            assert_eq!(inspection.layers[stage].head_room, sram - placement.held[stage]);
            shared = shared.max(together.len());
        }
        assert!(shared > 1, "no band is shared");
        assert!(inspection.context_full.is_some_and(|full| full >= CONTEXT));
    });
}

fn experts(spec: WaferSpec) -> (Placement, u64) {
    let model = Model {
        layers: vec![FeedForward::Moe { experts: 8, top_k: 2, shared: 1, intermediate: 32 }; 2],
        ..crate::rectangle::model()
    };
    on(&machine("wse3", spec), &model, 100, |_, placement| {
        let kind = placement.attends.iter().position(|attends| *attends).expect("a layer");
        (placement.clone(), placement.mappings[kind].run.spent.total())
    })
}

#[test]
fn experts_lie_as_asked_and_the_faster_way_otherwise() {
    let ask = |experts| WaferSpec { experts, ..WaferSpec::default() };
    let (striped, striped_cycles) = experts(ask(ExpertsChoice::Striped));
    assert!(striped.experts.is_empty());
    let (regions, regions_cycles) = experts(ask(ExpertsChoice::Regions));
    assert!(regions.experts[0].regions_run);
    let (auto, auto_cycles) = experts(ask(ExpertsChoice::Auto));
    let both = &auto.experts[0];
    let way = both.regions.as_ref().expect("regions fit");
    assert_eq!(both.striped.part_cycles, striped_cycles);
    assert_eq!(way.part_cycles, regions_cycles);
    assert_eq!(auto_cycles, striped_cycles.min(regions_cycles));
    assert_eq!(both.regions_run, regions_cycles < striped_cycles);
    // What was found by regions is found again where it is forced.
    let spec = WaferSpec {
        force: [("moe".to_string(), way.force.clone())].into(),
        count: Auto::Auto,
        ..ask(ExpertsChoice::Regions)
    };
    assert_eq!(experts(spec).1, regions_cycles);
}
