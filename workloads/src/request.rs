//! What is asked of a model, and whether the model can answer it.

use crate::model::Model;
use serde::{Deserialize, Serialize};

/// One request: a prompt, the tokens of reasoning, the tokens of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Tokens of the prompt `[tokens]`.
    pub prompt: u32,
    /// Tokens of reasoning before the answer; may be 0 `[tokens]`.
    pub reasoning: u32,
    /// Tokens of the answer `[tokens]`.
    pub answer: u32,
}

/// Why a request cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestProblem {
    /// There is nothing to prefill.
    #[error("the prompt has 0 tokens; it needs at least 1")]
    EmptyPrompt,
    /// There is nothing to decode.
    #[error("the answer has 0 tokens; it needs at least 1")]
    EmptyAnswer,
    /// The request does not fit in the model's window.
    #[error(
        "the request needs a context of {needed} tokens ({prompt} prompt + {reasoning} reasoning + \
         {answer} answer), {} more than the {window} of {model}",
        needed - u64::from(*window)
    )]
    BeyondWindow {
        /// All tokens of the request `[tokens]`.
        needed: u64,
        /// The model's longest context `[tokens]`.
        window: u32,
        /// Tokens of the prompt `[tokens]`.
        prompt: u32,
        /// Tokens of reasoning `[tokens]`.
        reasoning: u32,
        /// Tokens of the answer `[tokens]`.
        answer: u32,
        /// Name of the model.
        model: String,
    },
}

impl RequestProblem {
    /// The field of [`Request`] to look at.
    pub fn field(&self) -> &'static str {
        match self {
            Self::EmptyPrompt | Self::BeyondWindow { .. } => "prompt",
            Self::EmptyAnswer => "answer",
        }
    }
}

impl Request {
    /// Tokens that are decoded: reasoning and answer `[tokens]`.
    pub fn decoded(&self) -> u64 {
        u64::from(self.reasoning) + u64::from(self.answer)
    }

    /// Tokens in the cache at the end `[tokens]`.
    pub fn context(&self) -> u64 {
        u64::from(self.prompt) + self.decoded()
    }

    /// Everything that keeps `model` from answering this request; empty if it can.
    pub fn problems(&self, model: &Model) -> Vec<RequestProblem> {
        let mut problems = Vec::new();
        if self.prompt == 0 {
            problems.push(RequestProblem::EmptyPrompt);
        }
        if self.answer == 0 {
            problems.push(RequestProblem::EmptyAnswer);
        }
        if self.context() > u64::from(model.max_context) {
            problems.push(RequestProblem::BeyondWindow {
                needed: self.context(),
                window: model.max_context,
                prompt: self.prompt,
                reasoning: self.reasoning,
                answer: self.answer,
                model: model.name.clone(),
            });
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::import::import;

    fn model() -> Model {
        import(include_str!("../../examples/models/kimi-k2.6.json"), "Kimi K2.6").unwrap()
    }

    #[test]
    fn a_request_that_fits_has_no_problems() {
        let request = Request { prompt: 10_000, reasoning: 4_200, answer: 500 };
        assert_eq!(request.problems(&model()), []);
        assert_eq!((request.decoded(), request.context()), (4_700, 14_700));
        let full = Request { prompt: 262_143, reasoning: 0, answer: 1 };
        assert_eq!(full.problems(&model()), []);
    }

    #[test]
    fn every_problem_is_reported_with_its_numbers() {
        let nothing = Request { prompt: 0, reasoning: 0, answer: 0 };
        let expected = [RequestProblem::EmptyPrompt, RequestProblem::EmptyAnswer];
        assert_eq!(nothing.problems(&model()), expected);
        let long = Request { prompt: 262_144, reasoning: 2, answer: 1 };
        let message = long.problems(&model())[0].to_string();
        for part in ["262147", "262144", "3 more", "Kimi K2.6"] {
            assert!(message.contains(part), "{message}");
        }
        let endless = Request { prompt: u32::MAX, reasoning: u32::MAX, answer: u32::MAX };
        assert_eq!(endless.problems(&model()).len(), 1);
    }
}
