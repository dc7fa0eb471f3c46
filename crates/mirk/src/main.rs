//! The `mirk` binary: runs the command line and exits with its code.

use std::process::ExitCode;

/// Gives memory back to the system soon after a burst; see `.cargo/config.toml` for how soon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // What Mirk creates is for its owner alone.
    let _before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    ExitCode::from(mirk::cli::run(std::env::args_os()))
}
