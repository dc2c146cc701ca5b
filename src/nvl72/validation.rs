//! The model against published measurements, and the contracts of the outcome.

mod contracts;
mod fixture;
mod published;
