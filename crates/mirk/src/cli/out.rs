//! Printing: results on standard output, everything else on standard error.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
};

use serde_json::{Value, json};

use super::{Failure, exit::code};
use crate::config::Sources;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// As JSON, for programs.
    pub(crate) is_json: bool,
    is_coloured: bool,
}

impl Out {
    pub(super) fn new(is_json: bool) -> Self {
        let sources = Sources::from_environment();
        let has = |name: &str| {
            sources
                .environment
                .get(name)
                .is_some_and(|value| !value.is_empty())
        };
        let is_dumb = sources
            .environment
            .get("TERM")
            .is_some_and(|value| value == "dumb");
        let is_coloured = !is_json && !is_dumb && !has("NO_COLOR") && io::stdout().is_terminal();
        Self {
            is_json,
            is_coloured,
        }
    }

    /// Prints a result: as one line of JSON, or in the words that `render` makes of it.
    pub(crate) fn result(
        self,
        value: &Value,
        render: impl FnOnce(Self, &Value) -> String,
    ) -> Result<u8, Failure> {
        if self.is_json {
            print(&value.to_string())?;
        } else {
            print(render(self, value).trim_end())?;
        }
        Ok(0)
    }

    /// Prints a remark that is not part of the result.
    #[expect(clippy::unused_self, reason = "every way to print is one of Out's")]
    pub(crate) fn remark(self, words: &str) {
        // Nobody may be listening; that is no reason to fail.
        drop(writeln!(io::stderr().lock(), "{words}"));
    }

    /// Words that stand out on a terminal.
    pub(crate) fn strong(self, words: &str) -> String {
        self.paint("1", words)
    }

    /// Words that step back on a terminal.
    pub(crate) fn faint(self, words: &str) -> String {
        self.paint("2", words)
    }

    /// Words of good news.
    pub(crate) fn good(self, words: &str) -> String {
        self.paint("32", words)
    }

    /// Words of bad news.
    pub(crate) fn bad(self, words: &str) -> String {
        self.paint("31", words)
    }

    fn paint(self, style: &str, words: &str) -> String {
        if self.is_coloured {
            format!("\x1b[{style}m{words}\x1b[0m")
        } else {
            words.to_owned()
        }
    }

    /// A table with a head; columns as wide as their widest cell.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) -> String {
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        let names: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        let line = |cells: &[String]| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        // Writing to a String does not fail.
        writeln!(text, "{}", self.faint(&line(&names))).unwrap_or_default();
        for row in rows {
            writeln!(text, "{}", line(row)).unwrap_or_default();
        }
        text
    }
}

/// The text at `key`, for tables; numbers print as they are, what is absent as `-`.
pub(crate) fn cell(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            let texts: Vec<_> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            texts.join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// The rows at `key`.
pub(crate) fn rows<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Prints a line of a result.
pub(super) fn print(words: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let printed = writeln!(out, "{words}").and_then(|()| out.flush());
    match printed {
        // Whoever read us has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| Failure::io("printing", &error)),
    }
}

/// Prints how a command failed, and gives its exit code.
pub(super) fn failed(out: Out, failure: &Failure) -> u8 {
    let words = if out.is_json {
        json!({"error": {"code": failure.name, "message": failure.words, "exit": failure.code}})
            .to_string()
    } else {
        format!("mirk: {}", failure.words)
    };
    out.remark(&words);
    failure.code
}

/// Prints help or a mistake in the arguments, and gives the exit code.
pub(super) fn usage(error: &clap::Error) -> u8 {
    // Printed to the stream that fits: help to standard output, mistakes to standard error.
    let printed = error.print();
    match (error.use_stderr(), printed) {
        (true, _) => code::USAGE,
        (false, Ok(())) => 0,
        (false, Err(error)) => Failure::io("printing", &error).code,
    }
}
