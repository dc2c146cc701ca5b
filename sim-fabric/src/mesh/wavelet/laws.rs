//! What every run that came to its end has kept, whatever the program. A broken law is a bug.

use super::bands::Machine;
use super::state::Counts;
use super::values::Payload;
use crate::mesh::program::Shape;

/// Holds a machine's counters to the laws; gives the links traversed `[wavelet-hops]`.
///
/// - What PEs sent and multicast added has been taken or has ended at a ramp: nothing is in flight.
/// - No port carried two wavelets in a cycle, so all links together no more than one each a cycle.
pub(super) fn check<P: Payload>(machine: &Machine<'_, P>) -> u64 {
    let sum = |count: fn(&Counts) -> u64| -> u64 {
        machine.bands.iter().map(|band| count(&band.counts)).sum()
    };
    let injected = sum(|counts| counts.sent + counts.copies);
    let delivered = sum(|counts| counts.taken + counts.ended);
    assert_eq!(injected, delivered, "injected = delivered, and none in flight at the end");
    assert_eq!(sum(|counts| counts.doubled), 0, "a port carries one wavelet a cycle");
    let hops = sum(|counts| counts.hops);
    let last = machine.bands.iter().map(|band| u64::from(band.last_move)).max().unwrap_or(0);
    let most = links(machine.bands[0].program.shape) * (last + 1);
    assert!(hops <= most, "{hops} hops, more than {most}: a link carries one wavelet a cycle");
    hops
}

/// Links of a rectangle, each direction for itself.
fn links(shape: Shape) -> u64 {
    let (columns, rows) = (u64::from(shape.columns), u64::from(shape.rows));
    2 * ((columns - 1) * rows + (rows - 1) * columns)
}
