//! `mirk setup`: the owner's account.

use clap::Args;
use serde_json::json;

use super::{Failure, Invocation, door::Door, out::cell};

/// Make the owner's account. The password is asked for, or read from standard input.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mirk setup --handle ada\n  printf %s \"$PASSWORD\" | mirk setup --stdin --handle ada"
)]
pub(super) struct Setup {
    /// Read the password from standard input
    #[arg(long)]
    stdin: bool,
    /// The name to log in with
    #[arg(long, default_value = "owner")]
    handle: String,
}

impl Setup {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let password = if self.stdin {
            crate::prompt::stdin_secret()
        } else {
            crate::prompt::hidden("Password (at least 15 characters): ")
        };
        let password = password.map_err(|error| Failure::usage(format!("no password: {error}")))?;
        let input = json!({"handle": self.handle, "password": password.expose().as_str()});
        let made = Door::open(invocation, true)?.perform("setup.owner", input)?;
        invocation.out.result(&made, |out, value| {
            format!(
                "{} {} is the owner. There is no way to read the password back; keep it safe.",
                out.good("✓"),
                cell(value, "handle")
            )
        })
    }
}
