//! What comes out of a run: the outcome and its schema, and how people see it. It knows nothing of
//! how the numbers came about.

pub mod outcome;
