//! The `mirk` binary: runs the command line and exits with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // What Mirk creates is for its owner alone.
    let _before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    ExitCode::from(mirk::cli::run(std::env::args_os()))
}
