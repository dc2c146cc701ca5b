//! A first-in first-out buffer of wavelets: the first one at hand, those behind it in a ring.

use super::state::NEVER;

/// A first-in first-out buffer with what is on its way into it.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    /// The first wavelet's slot, [`NEVER`] without one -- state.
    pub(super) first: u32,
    /// Router's buffers: cycle of the last departure -- state.
    pub(super) mark: u32,
    /// First slot of the ring for the wavelets behind the first.
    pub(super) ring: u32,
    /// The lane that takes from it, or that sends to the PE.
    pub(super) lane: u32,
    /// Who sends into it: a lane, [`NOBODY`](super::state::NOBODY) or
    /// [`FOREIGN`](super::state::FOREIGN); the PE if it comes from one. Buffer between router and PE:
    /// how many operations have taken all that is theirs -- state.
    pub(super) sender: u32,
    /// Place of the second wavelet in the ring `[wavelets]` -- state.
    pub(super) head: u16,
    /// Wavelets in it and on the way `[wavelets]` -- state.
    pub(super) len: u16,
    /// Slots `[wavelets]`.
    pub(super) window: u16,
    /// Port of the router that it lies behind, or [`NONE`](super::layout::NONE) between router and PE.
    pub(super) port: u8,
}

impl Buffer {
    /// Whether its first wavelet is available in cycle `now`.
    #[inline(always)]
    pub(super) fn offers(&self, now: u32) -> bool {
        self.first >> 2 <= now
    }

    /// Puts a wavelet at the end; gives its place in the ring, if it is not the first.
    #[inline(always)]
    pub(super) fn push(&mut self, slots: &mut [u32], slot: u32) -> Option<usize> {
        let len = self.len;
        self.len = len + 1;
        if len == 0 {
            self.first = slot;
            return None;
        }
        let (place, ring) = (self.head + len - 1, self.window - 1);
        let place = if place >= ring { place - ring } else { place };
        let place = self.ring as usize + place as usize;
        slots[place] = slot;
        Some(place)
    }

    /// Takes the first wavelet out; gives where in the ring the next one was, if there is one.
    #[inline(always)]
    pub(super) fn pop(&mut self, slots: &[u32]) -> Option<usize> {
        self.len -= 1;
        if self.len == 0 {
            self.first = NEVER;
            return None;
        }
        let place = self.ring as usize + self.head as usize;
        self.head = if self.head + 2 == self.window { 0 } else { self.head + 1 };
        self.first = slots[place];
        Some(place)
    }
}
