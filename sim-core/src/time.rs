//! Time and size in whole units: cycles inside a clock domain, picoseconds across domains.

use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                Self(iter.map(|x| x.0).sum())
            }
        }
    };
}

unit!(
    /// Clock cycles of one domain `[cycles]`.
    Cycles
);
unit!(
    /// Time common to all domains `[picoseconds]`.
    Picos
);
unit!(
    /// Amount of memory or of a message `[bytes]`.
    Bytes
);

impl Picos {
    /// From seconds, rounded to the nearest picosecond.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e12).round() as u64)
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

/// A clock domain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Frequency `[Hz]`.
    pub hertz: f64,
}

impl Clock {
    /// How long `cycles` last in this domain, rounded up to a picosecond.
    pub fn time(self, cycles: Cycles) -> Picos {
        Picos((cycles.0 as f64 * 1e12 / self.hertz).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_become_picoseconds_rounded_up() {
        let clock = Clock { hertz: 1.1e9 };
        assert_eq!(clock.time(Cycles(11)), Picos(10_000));
        assert_eq!(clock.time(Cycles(1)), Picos(910));
    }
}
