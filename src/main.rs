//! The `wafersim` command.
fn main() {}
