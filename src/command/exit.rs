//! Exit codes, all of them.
//!
//! | code | when |
//! |---|---|
//! | 0 | the result is complete |
//! | 2 | the arguments are wrong |
//! | 3 | a file that is read is wrong: the scenario, a file it names, an outcome, a baseline |
//! | 4 | the model does not fit a machine |
//! | 5 | the result cannot be written |
//! | 10 | a prediction left its tolerance: of a baseline (`check`) or of a measurement (`validate`) |
//! | 11 | there is no baseline to check against |
//! | 70 | a bug: the simulation could not be finished |
//! | 130 | stopped by a signal, as Ctrl-C is; nothing half-written is left |

use crate::error::Error;

/// The result is complete.
pub const OK: u8 = 0;
/// The arguments are wrong.
pub const USAGE: u8 = 2;
/// A file that is read is wrong.
pub const INPUT: u8 = 3;
/// The model does not fit a machine.
pub const DOES_NOT_FIT: u8 = 4;
/// The result cannot be written.
pub const OUTPUT: u8 = 5;
/// A prediction left its tolerance.
pub const REGRESSED: u8 = 10;
/// There is no baseline to check against.
pub const NO_BASELINE: u8 = 11;
/// A bug: the simulation could not be finished.
pub const INTERNAL: u8 = 70;
/// Stopped by a signal.
pub const INTERRUPTED: u8 = 130;

/// The exit code of an error.
pub fn code(error: &Error) -> u8 {
    match error {
        Error::Arguments(_) => USAGE,
        Error::Input(_) => INPUT,
        Error::DoesNotFit(_) => DOES_NOT_FIT,
        Error::Output(_) => OUTPUT,
        Error::Simulation(_) => INTERNAL,
    }
}
