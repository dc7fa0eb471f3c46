//! `mirk completions`: for shells.

use clap::Args;
use clap_complete::Shell;

use super::{Failure, Invocation};

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  mirk completions bash > ~/.local/share/bash-completion/completions/mirk"
)]
pub(super) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, _: &Invocation) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "mirk", &mut script);
        super::out::print(String::from_utf8_lossy(&script).trim_end())?;
        Ok(0)
    }
}
