//! A collective as it is asked for: what, by which algorithm, on which rectangle.
//!
//! The root is PE (0, 0), at the west end of a row; with centre-star it is the first of the four
//! centre PEs. An all-reduce is a reduce with a broadcast behind it, the ring's excepted.

use super::line::{Line, Timing};
use super::rectangle::{snake, then_hand_out, x_y};
use super::tree::{self, Tree};
use super::{auto, centre_star, ring, two_phase};
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
    /// Groups of `k`, level upon level.
    KTree {
        /// PEs of a group, at least 2.
        k: u32,
    },
    /// Chains in groups, then a chain of their leaders.
    TwoPhase {
        /// PEs of a group; near the root of the line's PEs if not given.
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
            Self::KTree { k } => write!(f, "k-tree ({k})"),
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
    /// A line is needed.
    #[error("{0} works along one row; {columns} x {rows} PEs take x-y (with it inside), snake or centre-star", columns = .1.columns, rows = .1.rows)]
    NeedsRow(Algorithm, Shape),
    /// The algorithm does something else.
    #[error("{0} is no algorithm for {1}")]
    OtherGoal(Algorithm, &'static str),
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
    /// More words than an operation can count.
    #[error("{0} elements from {1} PEs are more than one operation can take")]
    TooMany(u32, usize),
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
        let all = u64::from(self.elements).next_multiple_of(2) * self.shape.pes() as u64;
        if all >= 1 << 31
            && !matches!(
                self.algorithm,
                Algorithm::Chain
                    | Algorithm::Snake
                    | Algorithm::Broadcast
                    | Algorithm::TwoPhase { .. }
            )
        {
            return Err(RequestError::TooMany(self.elements, self.shape.pes()));
        }
        let goal = match self.goal {
            Goal::Reduce => "a reduce",
            Goal::AllReduce => "an all-reduce",
            Goal::Broadcast => "a broadcast",
        };
        let fits = match self.algorithm {
            Algorithm::Broadcast => self.goal == Goal::Broadcast,
            Algorithm::Ring => self.goal == Goal::AllReduce,
            _ => self.goal != Goal::Broadcast,
        };
        if !fits {
            return Err(RequestError::OtherGoal(self.algorithm.clone(), goal));
        }
        let mut program = self.reduced(&self.algorithm, timing, ramp)?;
        if self.goal != Goal::Reduce && self.algorithm != Algorithm::Ring {
            let line = Line::new(1, 0, self.dtype, *timing);
            then_hand_out(&mut program, self.root(), &line, self.elements);
        }
        Ok(program)
    }

    fn reduced(&self, by: &Algorithm, timing: &Timing, ramp: u32) -> Result<Program, RequestError> {
        let shape = self.shape;
        let Shape { columns, rows } = shape;
        match by {
            Algorithm::Broadcast => {
                Ok(Line::new(1, 0, self.dtype, *timing).into_program(1).over(shape))
            }
            Algorithm::CentreStar => {
                Ok(centre_star::reduce(shape, self.elements, OpKind::Add, self.dtype, timing))
            }
            Algorithm::Snake => Ok(snake(shape, self.elements, OpKind::Add, self.dtype, timing)),
            Algorithm::XY { inner } => {
                let row = self.along(inner, columns, timing, ramp)?;
                let column = self.along(inner, rows, timing, ramp)?;
                Ok(x_y(&row, &column))
            }
            _ if rows > 1 => Err(RequestError::NeedsRow(by.clone(), shape)),
            _ => self.along(by, columns, timing, ramp),
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
        let tree = match *by {
            Algorithm::Star => Tree::star(pes),
            Algorithm::Chain => Tree::chain(pes),
            Algorithm::Tree => Tree::binary(pes),
            Algorithm::KTree { k } if k < 2 || k > pes.max(2) => {
                return Err(RequestError::OutOfRange {
                    what: "k",
                    value: k,
                    least: 2,
                    most: pes.max(2),
                });
            }
            Algorithm::KTree { k } => Tree::levels(pes, k),
            Algorithm::Auto => {
                auto::tree(pes, self.elements.div_ceil(self.dtype.per_wavelet()), ramp)
            }
            Algorithm::TwoPhase { step } => {
                let step = step.unwrap_or(f64::from(pes).sqrt().round() as u32);
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
                return Err(RequestError::OtherGoal(by.clone(), "the rows and columns of x-y"));
            }
        };
        let mut line = Line::new(pes, 0, self.dtype, *timing);
        tree::reduce(&mut line, self.elements, OpKind::Add, &tree);
        Ok(line.into_program(1))
    }
}

impl Program {
    /// A program of one PE, in every PE of `shape`.
    fn over(mut self, shape: Shape) -> Program {
        self.class_of = vec![0; shape.pes()];
        self.shape = shape;
        self
    }
}
