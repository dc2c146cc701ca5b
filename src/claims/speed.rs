//! Claims about speed.

use super::{RACK, View, WAFERS, absent, figure, largest_part, percent, row, share};
use reports::outcome::{Claim, FrontierPoint, MachineOutcome};

const SPEED: f64 = 981.0;
const OVER_NEXT: f64 = 6.7;
const OVER_MEDIAN: f64 = 23.0;
const ANSWER_S: f64 = 5.6;
const MAKER_S: f64 = 163.7;
/// What that time is quoted as; its 4,699 reasoning tokens and 500 of answer alone would be 31.8 `[tokens/s]`.
const MAKER_SPEED: f64 = 31.0;

pub(super) fn tokens_per_s(view: &View<'_>) -> Claim {
    let found = view.wafer.map_or_else(
        || absent(WAFERS),
        |(_, outcome)| {
            let [low, high] = outcome.tokens_per_s_range;
            let speed = outcome.tokens_per_s;
            if outcome.sensitivity.is_empty() {
                let note = format!("no band was asked for; {}", what_decides(outcome));
                return (format!("{speed:.0} tok/s"), note);
            }
            let simulated = format!("{speed:.0} tok/s ({low:.0} to {high:.0})");
            (simulated, format!("{}; {}", against_band(speed, low, high), what_decides(outcome)))
        },
    );
    row("1", "output speed of Kimi K2.6 on CS-3 systems", "981 tok/s", found)
}

fn against_band(speed: f64, low: f64, high: f64) -> String {
    let difference = percent((speed / SPEED - 1.0).abs());
    let side = if speed >= SPEED { "above" } else { "below" };
    if (low..=high).contains(&SPEED) {
        format!(
            "{difference} {side} the claim, which lies inside what the assumed hardware numbers span"
        )
    } else if low > SPEED {
        format!(
            "{difference} above the claim, and above it even with every assumed number at its slow \
             end: the service shares its wafers or loses time that is not modelled"
        )
    } else {
        format!(
            "{difference} below the claim, and below it even with every assumed number at its fast \
             end: the real mapping is better than this one, or something like speculative decoding, \
             which is not modelled, adds tokens"
        )
    }
}

fn what_decides(outcome: &MachineOutcome) -> String {
    let (part, part_share) = largest_part(&outcome.token_split);
    let part = format!("of one token's time {} is {part}", percent(part_share));
    match outcome.sensitivity.first() {
        Some(most) => format!(
            "{part}, and the assumption that moves it most is `{}` ({:.0} to {:.0} tok/s)",
            most.path,
            most.at_low.min(most.at_high),
            most.at_low.max(most.at_high)
        ),
        None => part,
    }
}

pub(super) fn against_next_provider(view: &View<'_>) -> Claim {
    let found = match (view.wafer, view.rack) {
        (None, _) => absent(WAFERS),
        (_, None) => absent(RACK),
        (Some((_, wafer)), Some((machine, rack))) => {
            let ratio = share(wafer.tokens_per_s, rack.tokens_per_s);
            let implied = SPEED / OVER_NEXT;
            let speed = rack.tokens_per_s;
            let batch = machine.spec.batch;
            let compared = if speed > implied {
                "the hardware alone is faster than that: what is left is how a provider runs it"
            } else {
                "the hardware as modelled is slower than that: providers use more than is modelled \
                 here, speculative decoding above all"
            };
            let alone = alone(machine.spec.batch, rack);
            let hardware = share(wafer.tokens_per_s, alone);
            (
                format!(
                    "{}x at batch {batch}; machine against machine at batch 1: {}x",
                    figure(ratio),
                    figure(hardware)
                ),
                format!(
                    "the claim implies {implied:.0} tok/s for the next provider; the rack gives one \
                     user {speed:.0} tok/s at batch {batch}; {compared}; the claimed {SPEED} over \
                     {implied:.0} is {}x of hardware (this model at batch 1, {alone:.0} tok/s on the \
                     rack), {}x of how a provider shares its machine ({alone:.0} over {implied:.0}) \
                     and {}x between the claim and the wafers as simulated; {}; {}",
                    figure(hardware),
                    figure(share(alone, implied)),
                    figure(share(SPEED, wafer.tokens_per_s)),
                    batch_at(&rack.frontier, implied),
                    shared(&rack.frontier, implied)
                ),
            )
        }
    };
    row("2", "faster than the next best GPU-based provider", "6.7x", found)
}

/// One user's speed with nobody else on the rack `[tokens/s]`.
fn alone(batch: u32, rack: &MachineOutcome) -> f64 {
    let first = rack.frontier.iter().find(|point| point.batch == 1);
    match first {
        Some(point) if batch > 1 => point.tokens_per_s_user,
        _ => rack.tokens_per_s,
    }
}

/// How many requests in flight on the whole rack leave each user `speed`, in words.
fn batch_at(frontier: &[FrontierPoint], speed: f64) -> String {
    let mut points: Vec<&FrontierPoint> = frontier.iter().collect();
    points.sort_by_key(|point| point.batch);
    let fast = |point: &&&FrontierPoint| point.tokens_per_s_user >= speed;
    let Some(place) = points.iter().rposition(|point| fast(&point)) else {
        return format!("the rack gives no user {speed:.0} tok/s, even alone");
    };
    let point = points[place];
    let Some(next) = points.get(place + 1) else {
        return format!(
            "the rack gives each user {:.0} tok/s still with {} in flight, the most that its memory \
             or this search has room for: {speed:.0} tok/s would be a rack that is not full or not \
             used as it could be",
            point.tokens_per_s_user, point.batch
        );
    };
    // Between two points, straight on logarithms of both.
    let (high, low) = (point.tokens_per_s_user.ln(), next.tokens_per_s_user.ln());
    let (few, many) = (f64::from(point.batch).ln(), f64::from(next.batch).ln());
    let along = if high > low { (high - speed.ln()) / (high - low) } else { 0.0 };
    let batch = (few + along * (many - few)).exp();
    format!(
        "the rack would give each user {speed:.0} tok/s with about {batch:.0} requests in flight on it \
         ({} to {})",
        point.layout, next.layout
    )
}

/// How many users the rack can serve at `speed` each.
fn shared(frontier: &[FrontierPoint], speed: f64) -> String {
    let most = frontier
        .iter()
        .filter(|point| point.tokens_per_s_user >= speed)
        .max_by(|a, b| a.tokens_per_s_machine.total_cmp(&b.tokens_per_s_machine));
    match most {
        Some(point) => format!(
            "at {speed:.0} tok/s a user or more it reaches {:.0} tok/s in all (batch {}, {})",
            point.tokens_per_s_machine, point.batch, point.layout
        ),
        None => format!("no point of its frontier gives a user {speed:.0} tok/s"),
    }
}

pub(super) fn against_median(view: &View<'_>) -> Claim {
    let implied = SPEED / OVER_MEDIAN;
    let mut note = format!(
        "a median over services needs each provider's hardware, batch, load and queueing, none of \
         them published; the claim implies {implied:.0} tok/s"
    );
    if let Some((_, rack)) = view.rack {
        note = format!(
            "{note}; {}; {}",
            batch_at(&rack.frontier, implied),
            shared(&rack.frontier, implied)
        );
    }
    row("3", "faster than the industry median", "23x", ("not simulated".to_string(), note))
}

pub(super) fn whole_answer(view: &View<'_>) -> Claim {
    let found = view.wafer.map_or_else(
        || absent(WAFERS),
        |(_, wafer)| {
            let request = view.scenario.request;
            let mut simulated = format!("{} s", figure(wafer.request_s));
            if let Some((_, rack)) = view.rack {
                let ratio = share(rack.request_s, wafer.request_s);
                let rack = figure(rack.request_s);
                simulated = format!("{simulated} against {rack} s on the rack: {}x", figure(ratio));
            }
            let decode = wafer.request_s - wafer.ttft_s;
            let mut note = format!(
                "{} prompt tokens take {} s, then {} reasoning and {} answer tokens {} s; 500 tokens \
                 at 981 tok/s are only {:.2} s, so the claimed {ANSWER_S} s counts reasoning too, and the assumed \
                 number of reasoning tokens comes from this very claim",
                request.prompt,
                figure(wafer.ttft_s),
                request.reasoning,
                request.answer,
                figure(decode),
                500.0 / SPEED,
            );
            let fitting = (ANSWER_S - wafer.ttft_s) * wafer.tokens_per_s - f64::from(request.answer);
            note += &if fitting >= 0.0 {
                format!(": {fitting:.0} tokens of it at the simulated speed")
            } else {
                ", for which the simulated speed leaves no time".to_string()
            };
            if let Some((low, high)) = view.scenario.reasoning_range {
                let whole = |reasoning: u32| {
                    let tokens = f64::from(reasoning) + f64::from(request.answer);
                    figure(wafer.ttft_s + tokens * wafer.tpot_ms / 1e3)
                };
                note += &format!(
                    "; with {low} to {high} reasoning tokens the answer takes {} to {} s",
                    whole(low),
                    whole(high)
                );
            }
            note += &format!(
                "; the {MAKER_S} s of the model maker's own service would need its load and batch"
            );
            if let Some((_, rack)) = view.rack {
                note += &format!(
                    ": with the most tokens that the {ANSWER_S} s have room for they are \
                     {MAKER_SPEED:.0} tok/s a user; {}",
                    batch_at(&rack.frontier, MAKER_SPEED)
                );
            }
            (simulated, note)
        },
    );
    let claim = "agentic coding request, 10,000 tokens in, 500 out, whole answer";
    row("4", claim, "5.6 s against 163.7 s on the model maker's own API: 29x", found)
}

pub(super) fn why(view: &View<'_>) -> Claim {
    let found = view.wafer.map_or_else(
        || absent(WAFERS),
        |(_, wafer)| {
            let split = &wafer.token_split;
            let time = |names: &[&str]| {
                let operators = wafer.operators.iter();
                let named = operators.filter(|operator| names.contains(&operator.name.as_str()));
                named.map(|operator| operator.time_us * f64::from(operator.count)).sum::<f64>()
            };
            let total = split.total_us();
            let choosing = share(time(&["router", "top_k"]), total);
            let experts = share(time(&["experts_gate_up", "experts_down"]), total);
            let between = share(split.io_us, total);
            let verdict = |cheap: bool| if cheap { "small, as claimed" } else { "not small" };
            (
                format!(
                    "choosing experts {} of a token's time, between wafers {}",
                    percent(choosing),
                    percent(between)
                ),
                format!(
                    "choosing experts costs a {} share beside the {} that the experts themselves \
                     take: {}; the activations between {} wafers: {}; {}",
                    percent(choosing),
                    percent(experts),
                    verdict(choosing < experts / 2.0),
                    wafer.units,
                    verdict(between < 0.1),
                    what_decides(wafer)
                ),
            )
        },
    );
    let claim = "why: experts are chosen at SRAM speed, activations stream between systems";
    row("13", claim, "without congestion", found)
}
