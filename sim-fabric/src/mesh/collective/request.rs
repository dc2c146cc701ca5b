//! A collective as it is asked for: what, by which algorithm, on which rectangle.
//!
//! The root is PE (0, 0), at the west end of a row; with centre-star it is the first of the four
//! centre PEs. An all-reduce is a reduce with a broadcast behind it, the ring's excepted. What is made for
//! a row goes along the rows of a rectangle first and then along its first column (an all-reduce around
//! rings and an all-gather along all columns); a shift goes along rows or columns alone.

use super::line::{Line, Timing};
use super::rectangle::{snake, then_hand_out, x_y};
use super::tree::{self, Tree};
use super::{all_gather, auto, binary, centre_star, ring, two_phase};
use crate::mesh::compose::{Step, compose};
use crate::mesh::program::{DType, OpKind, Program, Shape};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Words of all PEs add up at the root.
    Reduce,
    /// Words of all PEs add up in every PE.
    AllReduce,
    /// The root's words go to every PE.
    Broadcast,
    /// Words of all PEs come to lie side by side in every PE.
    AllGather,
    /// Every PE's words go to the next one, the last one's to the first.
    Shift {
        /// Next in an order in which neighbours are at most two PEs apart, instead of the line's.
        interleaved: bool,
        /// Along which lines.
        along: Axis,
    },
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reduce => "reduce",
            Self::AllReduce => "all-reduce",
            Self::Broadcast => "broadcast",
            Self::AllGather => "all-gather",
            Self::Shift { interleaved: false, .. } => "cyclic shift",
            Self::Shift { interleaved: true, .. } => "interleaved cyclic shift",
        })
    }
}

/// Lines of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Its rows.
    Rows,
    /// Its columns.
    Columns,
}

/// How it is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The root's words stream past everybody.
    Broadcast,
    /// Everybody sends to the root.
    Star,
    /// Rows, centre columns, centre.
    CentreStar,
    /// Everybody adds and sends on.
    Chain,
    /// Rounds of pairs.
    Tree,
    /// Groups whose leader takes its members' words in turn, `k` levels of them.
    KTree {
        /// Levels, at least 1; groups are as large as that takes.
        k: u32,
    },
    /// Chains in groups, then a chain of their leaders.
    TwoPhase {
        /// PEs of a group in the program of the published table; if not given, the two phases of the
        /// published model in the groups that it finds best, see [`two_phase`].
        step: Option<u32>,
    },
    /// The tree that the model finds best.
    Auto,
    /// Rows, then the first column.
    XY {
        /// What rows and column do.
        inner: Box<Algorithm>,
    },
    /// One chain through all PEs.
    Snake,
    /// Slices around a folded ring.
    Ring,
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broadcast => write!(f, "broadcast"),
            Self::Star => write!(f, "star"),
            Self::CentreStar => write!(f, "centre-star"),
            Self::Chain => write!(f, "chain"),
            Self::Tree => write!(f, "tree"),
            Self::KTree { k } => write!(f, "k-tree ({k} levels)"),
            Self::TwoPhase { step: Some(step) } => write!(f, "two-phase (step {step})"),
            Self::TwoPhase { step: None } => write!(f, "two-phase"),
            Self::Auto => write!(f, "auto"),
            Self::XY { inner } => write!(f, "x-y of {inner}"),
            Self::Snake => write!(f, "snake"),
            Self::Ring => write!(f, "ring"),
        }
    }
}

/// A collective on a rectangle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub goal: Goal,
    /// How.
    pub algorithm: Algorithm,
    /// PEs.
    pub shape: Shape,
    /// Elements of each PE.
    pub elements: u32,
    /// Their type.
    pub dtype: DType,
}

/// Why there is no program for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The shape has no PE, or elements are missing.
    #[error("a collective needs at least one PE and one word")]
    Empty,
    /// The algorithm does something else.
    #[error("{0} is no algorithm for {1}")]
    OtherGoal(Algorithm, String),
    /// A number is out of range.
    #[error("{what} is {value}; it must lie in {least} to {most}")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// As given.
        value: u32,
        /// Least that it may be.
        least: u32,
        /// Most.
        most: u32,
    },
    /// More PEs that each do something of their own than a program can have.
    #[error(
        "each of the {0} PEs has a part of its own here, and a program has room for {MOST_CLASSES}"
    )]
    TooManyParts(usize),
    /// More words than an operation can count.
    #[error("{0} elements from {1} PEs are more than one operation can take")]
    TooMany(u32, u64),
}

impl Request {
    /// The PE at which a reduce ends and a broadcast begins.
    pub fn root(&self) -> (u32, u32) {
        match self.algorithm {
            Algorithm::CentreStar => centre_star::root(self.shape),
            _ => (0, 0),
        }
    }

    /// The program; `ramp` cycles of a ramp decide what `auto` finds best.
    ///
    /// # Errors
    /// [`RequestError`] where the algorithm does not do this on such a rectangle.
    pub fn program(&self, timing: &Timing, ramp: u32) -> Result<Program, RequestError> {
        if self.shape.pes() == 0 || self.elements == 0 {
            return Err(RequestError::Empty);
        }
        // Most PEs whose words one operation takes.
        let Shape { columns, rows } = self.shape;
        let from = match (self.goal, self.inner()) {
            (Goal::AllGather, _) => self.shape.pes() as u64,
            (Goal::Reduce | Goal::AllReduce, Algorithm::Chain | Algorithm::Snake) => 1,
            (Goal::Reduce | Goal::AllReduce, Algorithm::TwoPhase { .. }) => 1,
            (Goal::Reduce | Goal::AllReduce, _) => u64::from(columns.max(rows)),
            (Goal::Broadcast | Goal::Shift { .. }, _) => 1,
        };
        if u64::from(self.elements).next_multiple_of(2) * from >= 1 << 31 {
            return Err(RequestError::TooMany(self.elements, from));
        }
        let fits = match self.algorithm {
            Algorithm::Broadcast => self.goal == Goal::Broadcast,
            Algorithm::Ring => !matches!(self.goal, Goal::Reduce | Goal::Broadcast),
            _ => matches!(self.goal, Goal::Reduce | Goal::AllReduce),
        };
        if !fits {
            let goal = format!("this goal: {}", self.goal);
            return Err(RequestError::OtherGoal(self.algorithm.clone(), goal));
        }
        let mut program = match self.goal {
            Goal::AllGather => self.gathered(timing)?,
            Goal::Shift { interleaved, along } => self.shifted(interleaved, along, timing),
            _ => self.reduced(timing, ramp)?,
        };
        let hands_out = match self.goal {
            Goal::Broadcast => true,
            Goal::AllReduce => self.inner() != &Algorithm::Ring,
            _ => false,
        };
        if hands_out {
            let line = Line::new(1, 0, self.dtype, *timing);
            then_hand_out(&mut program, self.root(), &line, self.elements);
        }
        Ok(program)
    }

    /// What rows do.
    fn inner(&self) -> &Algorithm {
        match &self.algorithm {
            Algorithm::XY { inner } => inner,
            other => other,
        }
    }

    fn reduced(&self, timing: &Timing, ramp: u32) -> Result<Program, RequestError> {
        let shape = self.shape;
        let Shape { columns, rows } = shape;
        match &self.algorithm {
            Algorithm::Broadcast => {
                Ok(Line::new(1, 0, self.dtype, *timing).into_program(1).over(shape))
            }
            Algorithm::CentreStar => {
                Ok(centre_star::reduce(shape, self.elements, OpKind::Add, self.dtype, timing))
            }
            Algorithm::Snake => Ok(snake(shape, self.elements, OpKind::Add, self.dtype, timing)),
            Algorithm::XY { .. } | Algorithm::Ring if self.inner() == &Algorithm::Ring => {
                let row = self.along(&Algorithm::Ring, columns, timing, ramp)?;
                let column = self.along(&Algorithm::Ring, rows, timing, ramp)?;
                self.both_ways(row, column)
            }
            _ => {
                let row = self.along(self.inner(), columns, timing, ramp)?;
                if rows == 1 {
                    return Ok(row);
                }
                let column = self.along(self.inner(), rows, timing, ramp)?;
                Ok(x_y(&row, &column))
            }
        }
    }

    /// `row` in all rows, then `column` in all columns.
    fn both_ways(&self, row: Program, column: Program) -> Result<Program, RequestError> {
        match self.shape {
            Shape { rows: 1, .. } => Ok(row),
            Shape { columns: 1, .. } => Ok(column.transposed()),
            shape if row.classes.len() * column.classes.len() > MOST_CLASSES => {
                Err(RequestError::TooManyParts(shape.pes()))
            }
            shape => Ok(compose(shape, &[Step::Rows(row, 0), Step::Columns(column, 0)])),
        }
    }

    fn gathered(&self, timing: &Timing) -> Result<Program, RequestError> {
        let line = |pes, elements| {
            let mut line = Line::new(pes, 0, self.dtype, *timing);
            all_gather::all_gather(&mut line, elements);
            line.into_program(1)
        };
        let Shape { columns, rows } = self.shape;
        let padded = self.elements.next_multiple_of(self.dtype.per_wavelet());
        let row = line(columns, self.elements);
        if rows == 1 {
            return Ok(row);
        }
        if columns == 1 {
            return Ok(line(rows, self.elements).transposed());
        }
        self.both_ways(row, line(rows, columns * padded).relocated(padded))
    }

    fn shifted(&self, interleaved: bool, along: Axis, timing: &Timing) -> Program {
        let Shape { columns, rows } = self.shape;
        let (pes, lines) = match along {
            Axis::Rows => (columns, rows),
            Axis::Columns => (rows, columns),
        };
        let mut line = Line::new(pes, 0, self.dtype, *timing);
        ring::shift(&mut line, self.elements, interleaved);
        let mut program = line.into_program(1);
        program.class_of = program.class_of.repeat(lines as usize);
        program.shape.rows = lines;
        match along {
            Axis::Rows => program,
            Axis::Columns => program.transposed(),
        }
    }

    /// The program along a row of `pes` PEs.
    fn along(
        &self,
        by: &Algorithm,
        pes: u32,
        timing: &Timing,
        ramp: u32,
    ) -> Result<Program, RequestError> {
        let words = self.elements.div_ceil(self.dtype.per_wavelet());
        let tree = match *by {
            Algorithm::Star => Tree::star(pes),
            Algorithm::Chain => Tree::chain(pes),
            Algorithm::Tree => binary::tree(pes, words, ramp),
            Algorithm::KTree { k } => {
                let most = MOST_LEVELS;
                if !(1..=most).contains(&k) {
                    let what = "k (levels)";
                    return Err(RequestError::OutOfRange { what, value: k, least: 1, most });
                }
                Tree::levels(pes, group(pes, k))
            }
            Algorithm::Auto => auto::tree(pes, words, ramp),
            Algorithm::TwoPhase { step: None } => {
                let groups = two_phase::best_groups(pes);
                let program = two_phase::phases(pes, self.elements, groups, self.dtype, timing);
                return Ok(program);
            }
            Algorithm::TwoPhase { step: Some(step) } => {
                if step < 1 || step > pes {
                    let (what, value) = ("step", step);
                    return Err(RequestError::OutOfRange { what, value, least: 1, most: pes });
                }
                return Ok(two_phase::reduce(pes, self.elements, step, self.dtype, timing));
            }
            Algorithm::Ring => {
                let mut line = Line::new(pes, 0, self.dtype, *timing);
                ring::all_reduce(&mut line, self.elements, OpKind::Add);
                return Ok(line.into_program(1));
            }
            Algorithm::Broadcast
            | Algorithm::CentreStar
            | Algorithm::XY { .. }
            | Algorithm::Snake => {
                let of = "the rows and columns of x-y".to_owned();
                return Err(RequestError::OtherGoal(by.clone(), of));
            }
        };
        let mut line = Line::new(pes, 0, self.dtype, *timing);
        tree::reduce(&mut line, self.elements, OpKind::Add, &tree);
        Ok(line.into_program(1))
    }
}

/// Most classes of PEs that a program can have.
const MOST_CLASSES: usize = 1 << 16;

/// Most levels of a tree of groups: with more, groups of two lie in single PEs.
pub const MOST_LEVELS: u32 = 20;

/// Least size of groups with which `levels` levels of them span `pes` PEs.
fn group(pes: u32, levels: u32) -> u32 {
    let spans = |group: &u32| u64::from(*group).saturating_pow(levels) >= u64::from(pes);
    (2..=pes).find(spans).unwrap_or(2)
}

impl Program {
    /// A program of one PE, in every PE of `shape`.
    fn over(mut self, shape: Shape) -> Program {
        self.class_of = vec![0; shape.pes()];
        self.shape = shape;
        self
    }
}
