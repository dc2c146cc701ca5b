//! What can go wrong, and with which exit code the command ends then.

use std::fmt;
use std::path::PathBuf;

/// One problem in what the user gave, with its place where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, what was expected, and what to do.
    pub message: String,
    /// File it stands in.
    pub file: Option<PathBuf>,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1 `[characters]`.
    pub column: Option<usize>,
    /// How much of the line is meant `[characters]`.
    pub length: Option<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.message)
    }
}

/// Any error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Arguments that are well formed ask for what does not exist.
    #[error("{0}")]
    Arguments(String),
    /// The scenario, or a file it names, is wrong.
    #[error("{}", join(.0))]
    Input(Vec<Problem>),
    /// The model does not fit the machine.
    #[error("{0}")]
    DoesNotFit(String),
    /// The result cannot be written.
    #[error("{0}")]
    Output(Problem),
    /// The simulation could not be finished: a bug in a program or in an engine.
    #[error("simulation: {0}")]
    Simulation(String),
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// One problem without a place.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(vec![Problem { message: message.into(), ..Problem::default() }])
    }

    /// What it says, problem by problem.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Input(problems) => problems.clone(),
            Self::Output(problem) => vec![problem.clone()],
            Self::Arguments(_) | Self::DoesNotFit(_) | Self::Simulation(_) => {
                vec![Problem { message: self.to_string(), ..Problem::default() }]
            }
        }
    }

    /// The same error, saying which machine it is about.
    #[must_use]
    pub fn on_machine(self, name: &str) -> Self {
        match self {
            Self::Input(mut problems) => {
                for problem in &mut problems {
                    problem.message = format!("machine `{name}`: {}", problem.message);
                }
                Self::Input(problems)
            }
            Self::DoesNotFit(message) => Self::DoesNotFit(format!("machine `{name}`: {message}")),
            Self::Simulation(message) => Self::Simulation(format!("machine `{name}`: {message}")),
            error @ (Self::Arguments(_) | Self::Output(_)) => error,
        }
    }
}
