//! The fidelity contract of the wafer machine: what is stepped, what is a fixed latency, what is absent.

use super::place::experts::Compared;
use super::spec::EngineChoice;
use reports::outcome::Fidelity;

/// All rows.
pub fn list(engine: EngineChoice, experts: &[Compared]) -> Vec<Fidelity> {
    let both: Vec<String> = experts.iter().map(Compared::explain).collect();
    let lie = match both.is_empty() {
        true => {
            "both are programs; the faster one as simulated runs, unless the scenario names one"
                .to_string()
        }
        false => both.join("; "),
    };
    let fabric = match engine {
        EngineChoice::Stream => "trains of wavelets, equal to the reference engine to the cycle",
        EngineChoice::Wavelet => "every wavelet, hop and queue slot",
    };
    let rows: &[(&str, &str, &str)] = &[
        ("Collectives on the mesh", "stepped", fabric),
        (
            "Lines of one program",
            "stepped",
            "one line is simulated for all that differ by a shift in time; whole rectangles in the \
             reference engine give the same cycles",
        ),
        (
            "Vector operations in a PE",
            "stepped",
            "address streams over the banks, by documented rate, stride and conflict rules; plus \
             measured set-up, gap and pipeline depth",
        ),
        (
            "Operators of a layer",
            "stepped",
            "one behind the other; each PE goes on when its own part is done",
        ),
        (
            "Ethernet between wafers",
            "fixed latency",
            "assumed latency, and bytes over bandwidth with queueing",
        ),
        (
            "Small cache beside the datapath",
            "closed form",
            "an assumed number of accesses a cycle; which words it holds is not modelled",
        ),
        (
            "Traffic of two operators at once",
            "absent",
            "operators do not overlap, so they never contend",
        ),
        (
            "Routes of different collectives",
            "absent",
            "every collective finds its routes in place, though a layer has more of them than a router \
             has colours; loading routes or sharing colours costs no time",
        ),
        ("Microthreads within an operator", "absent", "a PE runs one operation at a time"),
        (
            "Way from the edge PEs to the Ethernet ports",
            "absent",
            "included in the assumed latency",
        ),
        ("Experts, striped or by regions", "stepped", &lie),
        ("Latent attention cut along the latent", "absent", "the cut is tokens x heads"),
        (
            "Expert load on wafers",
            "stepped",
            "distinct experts of a prompt chunk are drawn; one token always uses its top-k",
        ),
        (
            "Speculative decoding, batching, other users",
            "absent",
            "one request, one token at a time",
        ),
        ("Host, tokeniser, network to the user", "absent", "times start and end at the wafers"),
        (
            "Defective PEs, clock and power limits",
            "absent",
            "the mesh is whole and the clock holds",
        ),
    ];
    rows.iter()
        .map(|(mechanism, how, note)| Fidelity {
            mechanism: (*mechanism).into(),
            how: (*how).into(),
            note: (*note).into(),
        })
        .collect()
}
