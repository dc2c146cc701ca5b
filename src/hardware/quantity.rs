//! Numbers with a unit, written as people write them: "1.1 GHz", "150 GB/s", "5 us".

use crate::input::PLACEHOLDER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::marker::PhantomData;

/// What a number measures: its units and the word for it.
pub trait Dimension {
    /// What it is, for messages: "a frequency".
    const WHAT: &'static str;
    /// An example, for messages: "1.1 GHz".
    const EXAMPLE: &'static str;
    /// Unit symbols with their factor to the base unit; the first has factor 1 or none.
    const UNITS: &'static [(&'static str, f64)];
}

macro_rules! dimension {
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, [$($unit:literal = $factor:expr),*]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name;
        impl Dimension for $name {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = $example;
            const UNITS: &'static [(&'static str, f64)] = &[$(($unit, $factor)),*];
        }
    };
}

dimension!(
    /// Base unit: hertz.
    Frequency, "a frequency", "1.1 GHz", ["Hz" = 1.0, "kHz" = 1e3, "MHz" = 1e6, "GHz" = 1e9]
);
dimension!(
    /// Base unit: second.
    Time, "a time", "5 us", ["s" = 1.0, "ms" = 1e-3, "us" = 1e-6, "ns" = 1e-9, "ps" = 1e-12]
);
dimension!(
    /// Base unit: byte.
    ByteCount, "a number of bytes", "48 KiB",
    ["B" = 1.0, "kB" = 1e3, "MB" = 1e6, "GB" = 1e9, "TB" = 1e12, "KiB" = 1024.0, "MiB" = 1_048_576.0, "GiB" = 1_073_741_824.0]
);
dimension!(
    /// Base unit: byte per second.
    Bandwidth, "a bandwidth", "150 GB/s",
    ["B/s" = 1.0, "kB/s" = 1e3, "MB/s" = 1e6, "GB/s" = 1e9, "TB/s" = 1e12, "PB/s" = 1e15]
);
dimension!(
    /// Base unit: floating-point operation per second.
    FlopRate, "an arithmetic rate", "2.5 PFLOP/s",
    ["FLOP/s" = 1.0, "GFLOP/s" = 1e9, "TFLOP/s" = 1e12, "PFLOP/s" = 1e15]
);
dimension!(
    /// Base unit: watt.
    Power, "a power", "23 kW", ["W" = 1.0, "kW" = 1e3, "MW" = 1e6]
);
dimension!(
    /// Clock cycles.
    CycleCount, "a number of cycles", "2 cycles", ["cycles" = 1.0, "cycle" = 1.0]
);
dimension!(
    /// A plain number of things.
    Count, "a plain number", "72", ["" = 1.0]
);
dimension!(
    /// A share between 0 and 1.
    Fraction, "a fraction", "0.8", ["" = 1.0, "%" = 0.01]
);

/// A number in the base unit of its dimension, and the text it came from.
#[derive(Clone, Debug)]
pub struct Quantity<D> {
    /// Value in the base unit.
    pub number: f64,
    dimension: PhantomData<D>,
}

impl<D> PartialEq for Quantity<D> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<D: Dimension> Quantity<D> {
    /// From a number in the base unit.
    pub fn new(number: f64) -> Self {
        Self { number, dimension: PhantomData }
    }

    /// From text such as "1.1 GHz"; the error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected {} such as \"{}\", found \"{text}\"", D::WHAT, D::EXAMPLE);
        let trimmed = text.trim();
        let end = trimmed
            .char_indices()
            .find(|&(i, c)| {
                !(c.is_ascii_digit()
                    || matches!(c, '.' | '_' | '+' | '-')
                    || (matches!(c, 'e' | 'E')
                        && trimmed[i + 1..].starts_with(|n: char| n.is_ascii_digit() || n == '-')))
            })
            .map_or(trimmed.len(), |(i, _)| i);
        let number: f64 = trimmed[..end].replace('_', "").parse().map_err(|_| expected())?;
        let unit = trimmed[end..].trim();
        let (_, factor) = D::UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(expected)?;
        let number = number * factor;
        if !number.is_finite() || number < 0.0 {
            return Err(expected());
        }
        Ok(Self::new(number))
    }

    /// As people write it, in the largest unit that leaves a number of at least 1.
    pub fn text(&self) -> String {
        let (unit, factor) = D::UNITS
            .iter()
            .rev()
            .filter(|(_, factor)| self.number / factor >= 1.0)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .or_else(|| D::UNITS.first())
            .copied()
            .unwrap_or(("", 1.0));
        let unit = if D::UNITS.iter().any(|(u, _)| u.is_empty()) { "" } else { unit };
        let factor = if unit.is_empty() { 1.0 } else { factor };
        let number = format!("{:.6}", self.number / factor);
        let number = number.trim_end_matches('0').trim_end_matches('.');
        if unit.is_empty() { number.to_string() } else { format!("{number} {unit}") }
    }
}

impl<D: Dimension> Serialize for Quantity<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de, D: Dimension> Deserialize<'de> for Quantity<D> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let text = String::deserialize(deserializer)?;
        if text == PLACEHOLDER {
            return Ok(Self::new(1.0));
        }
        Self::parse(&text).map_err(T::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_written_with_their_unit() {
        for (text, number) in [("1.1 GHz", 1.1e9), ("875 MHz", 0.875e9), ("1e3 Hz", 1e3)] {
            let quantity = Quantity::<Frequency>::parse(text).unwrap();
            assert!((quantity.number - number).abs() < 1e-3, "{text}");
        }
        assert_eq!(Quantity::<Frequency>::new(1.1e9).text(), "1.1 GHz");
        assert_eq!(Quantity::<Time>::new(5e-6).text(), "5 us");
        assert_eq!(Quantity::<Count>::new(755.0).text(), "755");
        assert_eq!(Quantity::<CycleCount>::new(2.0).text(), "2 cycles");
    }

    #[test]
    fn a_wrong_unit_says_what_was_expected() {
        let error = Quantity::<Frequency>::parse("5 us").unwrap_err();
        assert_eq!(error, "expected a frequency such as \"1.1 GHz\", found \"5 us\"");
    }
}
