//! The mesh of PEs and routers of a wafer: programs for rectangles of PEs and the engines that run
//! them in cycles.
//!
//! [`program`] says what a program is and what it means; every engine follows that one text.

pub mod check;
pub mod collective;
pub mod compose;
pub mod load;
pub mod program;
pub mod spec;
pub mod stream;
pub mod traffic;
pub mod wavelet;
