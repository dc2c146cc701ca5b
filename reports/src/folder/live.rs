//! The hidden folders that are being written, so that a signal can take them away.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A folder being written.
#[derive(Debug)]
pub(super) struct Live {
    partial: PathBuf,
    /// Parents made for it, outermost first.
    parents: Vec<PathBuf>,
}

static LIVE: Mutex<Vec<Live>> = Mutex::new(Vec::new());

/// How often a folder is taken away that somebody still writes into.
const TRIES: u32 = 50;

/// All of them; while this is held, a signal waits.
pub(super) fn all() -> MutexGuard<'static, Vec<Live>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another one.
pub(super) fn add(partial: &Path, parents: &[PathBuf]) {
    all().push(Live { partial: partial.to_owned(), parents: parents.to_vec() });
}

/// One less.
pub(super) fn remove(live: &mut Vec<Live>, partial: &Path) {
    live.retain(|one| one.partial != partial);
}

/// Takes all away and waits for nobody: for a process that is about to end. What a commit has begun
/// it ends first. Nothing can be committed while the answer is held.
pub fn abandon_all() -> impl Sized {
    let live = all();
    for one in live.iter() {
        for _ in 0..TRIES {
            if fs::remove_dir_all(&one.partial).is_ok() || !one.partial.exists() {
                break;
            }
        }
        for parent in one.parents.iter().rev() {
            // Fails, as it should, where something else has been put there meanwhile.
            drop(fs::remove_dir(parent));
        }
    }
    live
}
