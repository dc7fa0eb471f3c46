//! `mirk-fuzz`: runs the targets that it is asked for and fails when one of them does.

use std::process::ExitCode;

use mirk_fuzz::{options::Command, report, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Command::read(&arguments) {
        Ok(Command::Help) => report::help(),
        Ok(Command::Replay(target, file)) => report::replay(target, &file),
        Ok(Command::Run(targets, plan)) => {
            let outcomes: Vec<_> = targets
                .iter()
                .map(|target| run::run(target, &plan, &report::finding))
                .collect();
            report::table(&outcomes)
        }
        Err(error) => report::misuse(&error),
    }
}
