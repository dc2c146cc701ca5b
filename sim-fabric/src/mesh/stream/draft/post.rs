//! What crosses from band to band.

use super::super::train::Piece;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Wavelets that leave one band for a router of another.
#[derive(Clone, Copy)]
pub(super) struct Mail {
    /// The router, its port and the colour.
    pub(super) pe: u32,
    pub(super) port: u8,
    pub(super) colour: u8,
    /// Whether the last of them is a control wavelet.
    pub(super) control: bool,
    pub(super) piece: Piece,
}

struct Boxes {
    /// What each band has not read yet.
    mail: Vec<Vec<Mail>>,
    /// Bands that have nothing to do before something comes.
    idle: usize,
    /// Whether a band gave up.
    gave_up: bool,
}

/// Where bands leave what crosses, and wait.
pub(super) struct Post {
    boxes: Mutex<Boxes>,
    came: Condvar,
}

/// A thread with a band.
struct Leave<'p>(&'p Post);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up();
        }
    }
}

impl Post {
    pub(super) fn new(bands: usize) -> Self {
        let boxes = Boxes { mail: vec![Vec::new(); bands], idle: 0, gave_up: false };
        Self { boxes: Mutex::new(boxes), came: Condvar::new() }
    }

    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        // What a panic leaves is whole: nothing is done under the lock that can panic half way.
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread begins with a band; if it panics all others end as well.
    pub(super) fn enter(&self) -> impl Drop + '_ {
        Leave(self)
    }

    /// Leaves something for another band.
    pub(super) fn send(&self, band: usize, mail: Mail) {
        self.boxes().mail[band].push(mail);
        self.came.notify_all();
    }

    /// Lets all bands end.
    pub(super) fn give_up(&self) {
        self.boxes().gave_up = true;
        self.came.notify_all();
    }

    /// Whether a band gave up.
    pub(super) fn gave_up(&self) -> bool {
        self.boxes().gave_up
    }

    /// Waits until there is something for `band`, and puts it into `mail`; false at the end, when all
    /// bands wait or one gave up.
    pub(super) fn wait(&self, band: usize, mail: &mut Vec<Mail>) -> bool {
        let mut boxes = self.boxes();
        boxes.idle += 1;
        while boxes.mail[band].is_empty() {
            let over = boxes.idle == boxes.mail.len() && boxes.mail.iter().all(Vec::is_empty);
            if over || boxes.gave_up {
                self.came.notify_all();
                return false;
            }
            boxes = self.came.wait(boxes).unwrap_or_else(PoisonError::into_inner);
        }
        boxes.idle -= 1;
        mail.append(&mut boxes.mail[band]);
        true
    }
}
