//! The `mirk` binary.

fn main() {}
