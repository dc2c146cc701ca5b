//! Who has to do what anew when times at one end of a channel changed.
//!
//! Two rules tie the ends of a channel together: a wavelet is taken no earlier than it is there, and
//! it is put in no earlier than one cycle after the one whose slot it needs was taken. Both are of
//! one form: the times of one end (`led`) are bounded by those of the other (`lead`), plus a
//! constant, some wavelets before.

use super::state::{Due, Engine, NEVER};
use super::train::{Line, Pool, Run, Train, line_in};
use std::ops::Range;

/// One end of a channel before it is looked at.
pub(super) struct Side {
    pub(super) pe: u32,
    pub(super) channel: u8,
    /// Whether it is the end where wavelets are put in.
    pub(super) puts: bool,
    /// First wavelet that may change.
    from: u32,
    /// What was there from that one on: wavelets and runs.
    total: u32,
    runs: (u32, u32),
    /// And which of them advanced switches.
    turns: (u32, u32),
}

/// The wavelets `i` of `0..n` for which `a + i * step_a < b + i * step_b`.
fn below(a: Line, b: Line, add: u64, n: u32) -> Range<u32> {
    let (left, right) = (a.time, b.time + add);
    if left < right {
        if a.period <= b.period {
            return 0..n;
        }
        let count = (right - left).div_ceil(a.period - b.period);
        0..u32::try_from(count).unwrap_or(n).min(n)
    } else {
        if a.period >= b.period {
            return n..n;
        }
        let first = (left - right) / (b.period - a.period) + 1;
        u32::try_from(first).unwrap_or(n).min(n)..n
    }
}

/// The wavelets `i` of `0..n` for which `a + i * step_a == b + i * step_b`.
fn equal(a: Line, b: Line, add: u64, n: u32) -> Range<u32> {
    let (left, right) = (a.time, b.time + add);
    let (meet, apart) = match left.cmp(&right) {
        std::cmp::Ordering::Equal if a.period == b.period => return 0..n,
        std::cmp::Ordering::Equal => return 0..n.min(1),
        std::cmp::Ordering::Less => (right - left, a.period.saturating_sub(b.period)),
        std::cmp::Ordering::Greater => (left - right, b.period.saturating_sub(a.period)),
    };
    if apart == 0 || !meet.is_multiple_of(apart) || meet / apart >= u64::from(n) {
        return n..n;
    }
    let at = (meet / apart) as u32;
    at..at + 1
}

/// Whether wavelet `i + offset` of `led` passes no earlier than wavelet `i` of `lead` plus `add`
/// cycles, for all of them.
#[inline]
pub(super) fn keeps_rule(
    pool: &Pool,
    (led, offset): (&Train, u32),
    (lead, add): (&Train, u32),
) -> bool {
    let mut at = 0;
    while let Some(late) = pool.line(led, at + offset) {
        let Some(first) = pool.line(lead, at) else { return false };
        let n = late.count.min(first.count);
        if below(late, first, u64::from(add), n).start < n {
            return false;
        }
        at += n;
    }
    true
}

/// The rule between both ends.
struct Rule<'a> {
    led: &'a Train,
    lead: &'a Train,
    /// Wavelet `i + offset` of `led` is bounded by wavelet `i` of `lead` plus `add` cycles.
    offset: u32,
    add: u32,
    /// Whether more of `lead` is still to come.
    open: bool,
    /// Whether `led` waits for the next of `lead`.
    waits: bool,
    /// Whether a bound may have mattered to `led` though the wavelet moved later.
    unsure: bool,
}

impl Rule<'_> {
    /// What `led` has to do anew, as `lead` changed from wavelet `from` on; `old` was there before.
    fn verdict(&self, pool: &Pool, from: u32, old: &[Run], old_total: u32) -> Option<Due> {
        let add = u64::from(self.add);
        let mut at = from;
        while let Some(led) = pool.line(self.led, at + self.offset) {
            let lead = pool.line(self.lead, at);
            let before = line_in(old, old_total, at);
            let mut n = led.count;
            for line in [lead, before].into_iter().flatten() {
                n = n.min(line.count);
            }
            match lead {
                None if !self.open => {
                    return Some(anew(self.last_before(pool, at + self.offset)));
                }
                None if before.is_none() => break,
                _ => {}
            }
            // Wavelets that moved too early.
            let early = lead.map_or(n, |lead| below(led, lead, add, n).start);
            // Those that waited for what came, and need not any more.
            let freed = before.map_or(n, |before| {
                let held = if self.unsure { 0..n } else { equal(led, before, add, n) };
                let freed = lead.map_or(0..n, |lead| below(lead, before, 0, n));
                let first = held.start.max(freed.start);
                if first < held.end.min(freed.end) { first } else { n }
            });
            if early < n && early <= freed {
                return Some(anew(led.at(early)));
            }
            if freed < n {
                return Some(anew(match lead {
                    Some(lead) => lead.at(freed) + add,
                    None => self.last_before(pool, at + self.offset + freed),
                }));
            }
            at += n;
        }
        if !self.waits {
            return None;
        }
        // It has heard of what was there before.
        let at = self.led.total.checked_sub(self.offset)?;
        let next = pool.line(self.lead, at)?;
        let known = line_in(old, old_total, at).is_some_and(|old| old.time <= next.time);
        let at_once = Due { at: (next.time + add) as u32, from: NEVER };
        (at >= from && !known).then_some(at_once)
    }

    /// First cycle in which wavelet `at` of `led` could move if nothing but the one before it held it.
    fn last_before(&self, pool: &Pool, at: u32) -> u64 {
        let before = at.checked_sub(1).and_then(|at| pool.line(self.led, at));
        before.map_or(0, |line| line.time + 1)
    }
}

fn anew(time: u64) -> Due {
    Due { at: time as u32, from: time as u32 }
}

impl Engine<'_> {
    /// What `sides` say was put into a channel from wavelet `at` on, before it was forgotten.
    pub(super) fn put_before(&self, sides: &[Side], tx: usize, at: u32) -> Option<Line> {
        let is = |side: &&Side| {
            side.puts && self.channel_of(side.pe as usize, side.channel) == tx && side.from <= at
        };
        let side = sides.iter().find(is)?;
        let old = &self.old_runs[side.runs.0 as usize..side.runs.1 as usize];
        line_in(old, side.total, at)
    }

    /// Notes one end of a channel, and forgets its wavelets from cycle `time` on.
    pub(super) fn open(&mut self, pe: usize, channel: u8, puts: bool, time: u32) -> Side {
        let index = self.channel_of(pe, channel);
        let all = &mut self.channels[index];
        let train = if puts { &mut all.puts } else { &mut all.takes };
        let mut side = Side {
            pe: pe as u32,
            channel,
            puts,
            from: train.total,
            total: train.total,
            runs: (0, 0),
            turns: (0, 0),
        };
        if time == NEVER {
            return side;
        }
        let keep = self.pool.before(train, u64::from(time));
        if keep == train.total {
            return side;
        }
        side.from = keep;
        let runs = self.pool.runs(train);
        let first = runs.partition_point(|run| run.at <= keep).saturating_sub(1);
        side.runs.0 = self.old_runs.len() as u32;
        self.old_runs.extend_from_slice(&runs[first..]);
        side.runs.1 = self.old_runs.len() as u32;
        self.pool.cut(train, keep);
        if puts {
            let turns = self.lists.items(&all.turns);
            let kept = turns.partition_point(|&turn| turn < keep << 1);
            side.turns.0 = self.old_turns.len() as u32;
            self.old_turns.extend_from_slice(&turns[kept..]);
            side.turns.1 = self.old_turns.len() as u32;
            self.lists.cut(&mut all.turns, keep << 1);
        }
        side
    }

    /// Tells everybody at other ends what changed, and forgets what was there before.
    pub(super) fn close_all(&mut self, sides: &[Side]) {
        for side in sides {
            self.changed = self.changed || self.is_other(side);
            self.close(side);
        }
        self.old_runs.clear();
        self.old_turns.clear();
    }

    /// Whether something else came out at `side` than was there before.
    fn is_other(&self, side: &Side) -> bool {
        let channel = &self.channels[self.channel_of(side.pe as usize, side.channel)];
        let train = if side.puts { &channel.puts } else { &channel.takes };
        let old = &self.old_runs[side.runs.0 as usize..side.runs.1 as usize];
        let mut at = side.from;
        while let Some(new) = self.pool.line(train, at) {
            let Some(before) = line_in(old, side.total, at) else { return true };
            let n = new.count.min(before.count);
            if new.time != before.time || n > 1 && new.period != before.period {
                return true;
            }
            at += n;
        }
        let old = &self.old_turns[side.turns.0 as usize..side.turns.1 as usize];
        let turns = self.lists.items(&channel.turns);
        let kept = turns.partition_point(|&turn| turn < side.from << 1);
        at != side.total || side.puts && turns[kept..] != *old
    }

    /// Tells whoever is at the other end of `side` what changed.
    fn close(&mut self, side: &Side) {
        let pe = side.pe as usize;
        let way = self.class(pe).channels[side.channel as usize].way;
        let (latency, window) = self.numbers(way);
        let index = self.channel_of(pe, side.channel);
        let (channel, waits) = (&self.channels[index], self.waits[index]);
        let old = &self.old_runs[side.runs.0 as usize..side.runs.1 as usize];
        let unsure = self.is_unsure(pe, side.channel, side.puts);
        let mut due = if side.puts {
            let rule = Rule {
                led: &channel.takes,
                lead: &channel.puts,
                offset: 0,
                add: latency,
                open: false,
                waits: !waits.elsewhere,
                unsure,
            };
            rule.verdict(&self.pool, side.from, old, side.total)
        } else {
            let rule = Rule {
                led: &channel.puts,
                lead: &channel.takes,
                offset: window,
                add: 1,
                open: !waits.elsewhere,
                waits: waits.wants_room,
                unsure,
            };
            rule.verdict(&self.pool, side.from, old, side.total)
        };
        if side.puts {
            // Another wavelet advances a switch now.
            let old = &self.old_turns[side.turns.0 as usize..side.turns.1 as usize];
            let turns = self.lists.items(&channel.turns);
            let new = &turns[turns.partition_point(|&turn| turn < side.from << 1)..];
            let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
            let first = old.get(same).into_iter().chain(new.get(same)).min();
            if let Some(line) = first.and_then(|turn| self.pool.line(&channel.takes, turn >> 1)) {
                due.get_or_insert(Due::NONE).join(anew(line.time));
            }
        }
        let Some(due) = due else { return };
        if side.puts {
            self.mark_taker(pe, side.channel, due);
        } else {
            self.mark_putter(pe, side.channel, due);
        }
    }
}
