//! Ctrl-C, and what else asks a process to end: what is half-written goes, then the process does.

use super::exit;
use reports::folder::abandon_all;

/// Listens from now on.
pub(super) fn listen() {
    // Where a handler cannot be set, a signal ends the process as it always did.
    drop(ctrlc::set_handler(|| {
        let _no_commit_any_more = abandon_all();
        std::process::exit(i32::from(exit::INTERRUPTED));
    }));
}
