//! `mirk-fuzz`: runs the targets that it is asked for and fails when one of them does.

use std::process::ExitCode;

use mirk_fuzz::{options::Command, report, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Command::read(&arguments) {
        Ok(Command::Help) => report::help(),
        Ok(Command::Replay(target, file)) => report::replay(target, &file),
        Ok(Command::Run(targets, plan)) => {
            report::head();
            let outcomes: Vec<_> = targets
                .into_iter()
                .map(|target| {
                    report::begin(target);
                    let outcome = run::run(target, &plan);
                    report::end(&outcome);
                    outcome
                })
                .collect();
            report::verdict(&outcomes)
        }
        Err(error) => report::misuse(&error),
    }
}
