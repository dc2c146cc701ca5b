//! The model against published measurements, and the contracts of the outcome.
//!
//! Errors of the predictions, none of whose rows was used to fit a constant:
//!
//! | table | rows | median | worst |
//! |---|---|---|---|
//! | one-shot all-reduce, 2 to 8 GPUs, up to 2 MB | 16 | 5 % | 25 % (2 GPUs, 256 bytes) |
//! | MoE dispatch and combine, 8 to 64 GPUs | 38 | 10 % | 31 % (combine, 32 GPUs, 128 tokens) |
//! | MLA decode module | 16 | 14 % | 31 % (64 heads, one request, 32k context) |
//! | fused MoE kernel | 17 | 8 % | 39 % (4 sets, one token) |
//! | DeepSeek-R1, time per output token | 10 | 20 % too short | 24 % |
//! | DeepSeek-R1, 8 x B200, 111 tokens/s | 1 | 94 % too fast | |
//! | DeepSeek-R1, EP48, 13,386 tokens/s a GPU | 1 | 29 % too slow | |
//!
//! Whole models come out about a fifth too fast though their kernels are right: what engines do
//! between kernels is absent (candidates: quantising activations, a shared expert of its own,
//! sampling in several launches, the host). The wide expert-parallel row overlaps two half batches
//! and computes in fp4; both are absent here.
//!
//! One choice was made with the MoE rows in sight: a popularity range that is the same for every
//! batch gave a median of 31 %, so the range follows the tokens of a step ([`super::load`]), as in
//! the generator of those rows.
//!
//! Fitted rows: one-shot all-reduce of 4 GPUs with 8192, 524288 and 1048576 elements (endpoint,
//! packet overhead); of 4 and 8 GPUs of the B200 system with 8192 elements (issue); dispatch and
//! combine of 8 GPUs with one token (their fixed costs).

mod contracts;
mod end_to_end;
mod fixture;
mod published;
