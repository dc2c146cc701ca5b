//! What each PE of a rectangle does for one token, in a form that does not name every PE.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What each PE of one kind of part does for one token. Each quantity is a sum of stripes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeMap {
    /// Kind of part: "moe", "dense", "embedding", "head".
    pub part: String,
    /// Columns of its rectangle.
    pub columns: u32,
    /// Rows of its rectangle.
    pub rows: u32,
    /// SRAM of one PE `[bytes]`.
    pub capacity: u64,
    /// How long the part takes for one token `[cycles]`.
    pub cycles: u64,
    /// Cycles in which the datapath works or a wavelet is at the ramp `[cycles]`.
    pub busy: Vec<Stripe>,
    /// Wavelets that leave the router over its four links `[wavelets]`.
    pub words: Vec<Stripe>,
    /// SRAM in use `[bytes]`.
    pub sram: Vec<Stripe>,
}

/// A profile along one axis that holds over a range of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stripe {
    /// "columns": a value for each column; "rows": one for each row.
    pub along: String,
    /// First row, or column, over which it holds.
    pub first: u32,
    /// How many of them.
    pub count: u32,
    /// The values, equal neighbours together: "0*14 120*728 0*13".
    pub values: String,
}

impl Stripe {
    /// Values as text.
    pub fn pack(values: &[u64]) -> String {
        let mut text = String::new();
        for same in values.chunk_by(|a, b| a == b) {
            if !text.is_empty() {
                text.push(' ');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{}*{}", same[0], same.len());
        }
        text
    }

    /// The values, at most `length` of them; what is no number ends the list.
    pub fn unpack(&self, length: usize) -> Vec<u64> {
        let mut values = Vec::new();
        for word in self.values.split(' ') {
            let Some((value, times)) = word.split_once('*') else { break };
            let (Ok(value), Ok(times)) = (value.parse::<u64>(), times.parse::<usize>()) else {
                break;
            };
            values.extend(std::iter::repeat_n(value, times.min(length - values.len())));
        }
        values
    }
}

/// Most PEs of a map; a full wafer has 883,350.
const MOST: u64 = 1 << 24;

impl PeMap {
    /// The value of every PE, row by row; empty where the rectangle is no sensible one.
    pub fn field(&self, stripes: &[Stripe]) -> Vec<u64> {
        let (columns, rows) = (self.columns as usize, self.rows as usize);
        if u64::from(self.columns) * u64::from(self.rows) > MOST {
            return Vec::new();
        }
        let mut field = vec![0u64; columns * rows];
        for stripe in stripes {
            let along_rows = stripe.along == "rows";
            let values = stripe.unpack(if along_rows { rows } else { columns });
            let other = if along_rows { columns } else { rows };
            let first = (stripe.first as usize).min(other);
            let across = first..first.saturating_add(stripe.count as usize).min(other);
            for (i, value) in values.into_iter().enumerate().filter(|(_, value)| *value > 0) {
                for j in across.clone() {
                    let (x, y) = if along_rows { (j, i) } else { (i, j) };
                    let sum = &mut field[y * columns + x];
                    *sum = sum.saturating_add(value);
                }
            }
        }
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_packed() {
        let values = [0, 0, 7, 7, 7, 1];
        let values_text = Stripe::pack(&values);
        assert_eq!(values_text, "0*2 7*3 1*1");
        let stripe = Stripe { along: "columns".into(), first: 0, count: 1, values: values_text };
        assert_eq!(stripe.unpack(6), values);
        assert_eq!(stripe.unpack(3), [0, 0, 7]);
        let wrong = Stripe { values: "5*x 1*1".into(), ..stripe };
        assert_eq!(wrong.unpack(6), [0u64; 0]);
    }

    #[test]
    fn stripes_along_both_axes_add_up() {
        let stripe = |along: &str, first, count, values: &str| Stripe {
            along: along.into(),
            first,
            count,
            values: values.into(),
        };
        let busy = vec![stripe("columns", 1, 1, "0*1 5*2"), stripe("rows", 2, 9, "1*1 2*1")];
        let map = PeMap {
            part: "moe".into(),
            columns: 3,
            rows: 2,
            capacity: 8,
            cycles: 10,
            busy,
            words: Vec::new(),
            sram: Vec::new(),
        };
        assert_eq!(map.field(&map.busy), [0, 0, 1, 0, 5, 7]);
    }
}
