//! The choices of a layer's mapping that are searched: how many rows or columns each operator uses.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How the operators of one kind of layer lie on its rectangle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Choices {
    /// Residual elements that one group of columns shares in the feed-forward part; a multiple of
    /// the group that has one scale, so that scales are not stored twice.
    pub residual_tile: u32,
    /// Intermediate elements that one group of rows shares.
    pub down_tile: u32,
    /// Rows over which the compressed query and the new latent are cut.
    pub qkv_rows: u32,
    /// Columns of one head.
    pub head_columns: u32,
    /// Rows over which absorbed queries are cut.
    pub absorb_rows: u32,
    /// Rows over which cached tokens are cut.
    pub attention_rows: u32,
    /// Heads that share one copy of the KV cache.
    pub heads_together: u32,
    /// Rows over which head values are cut.
    pub value_rows: u32,
    /// Rows over which router scores are cut.
    pub router_rows: u32,
    /// Columns around the middle one that share the gated activation.
    pub activation_columns: u32,
    /// Rectangles of routed experts side by side, each with one expert; 0: experts are striped.
    pub regions_across: u32,
}

impl fmt::Display for Choices {
    /// As `force` takes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> =
            ALL.iter().map(|choice| format!("{}={}", choice.name, (choice.get)(self))).collect();
        f.write_str(&words.join(" "))
    }
}

/// One choice: its name, how to read it and how to set it.
pub struct Choice {
    /// Name, as in `force`.
    pub name: &'static str,
    /// Reads it.
    pub get: fn(&Choices) -> u32,
    /// Sets it.
    pub set: fn(&mut Choices, u32),
}

macro_rules! choices {
    ($($field:ident),*) => {
        /// All choices, in the order of the search.
        pub const ALL: &[Choice] = &[$(Choice {
            name: stringify!($field),
            get: |choices| choices.$field,
            set: |choices, value| choices.$field = value,
        }),*];
    };
}

choices!(
    residual_tile,
    down_tile,
    head_columns,
    heads_together,
    attention_rows,
    qkv_rows,
    absorb_rows,
    value_rows,
    router_rows,
    activation_columns,
    regions_across
);

/// How elements are cut over PEs of an axis: groups of `sub` PEs share a tile of `tile` elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Elements of one group.
    pub tile: u32,
    /// Groups.
    pub groups: u32,
    /// PEs of one group.
    pub sub: u32,
}

impl Cut {
    /// Cuts `elements` into tiles over at most `pes` PEs; `None` if there are more tiles than PEs.
    pub fn new(elements: u32, tile: u32, pes: u32) -> Option<Self> {
        let groups = elements.div_ceil(tile);
        let sub = pes / groups;
        (sub > 0).then_some(Self { tile, groups, sub })
    }

    /// PEs in use.
    pub fn pes(&self) -> u32 {
        self.groups * self.sub
    }

    /// Elements of one PE where the members of a group share them out: whole words, as they are
    /// gathered.
    pub fn own(&self) -> u32 {
        match self.sub {
            1 => self.tile,
            sub => self.tile.div_ceil(sub).next_multiple_of(2),
        }
    }

    /// Room of all that the members of a group hold.
    pub fn room(&self) -> u32 {
        self.own() * self.sub
    }
}
