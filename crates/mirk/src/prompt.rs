//! Questions on the terminal.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use mirk_model::Secret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The longest answer that is read.
const MOST_BYTES: u64 = 64 * 1024;

/// Asks for a secret: on a terminal without showing what is typed, else one line of standard
/// input.
///
/// # Errors
/// When nothing can be read, or the answer is empty.
pub fn hidden(question: &str) -> io::Result<Secret<String>> {
    let input = io::stdin();
    if !input.is_terminal() {
        return line(&mut input.lock());
    }
    let before = tcgetattr(&input)?;
    let mut quiet = before.clone();
    quiet.local_modes -= LocalModes::ECHO;
    ask(question)?;
    tcsetattr(&input, OptionalActions::Flush, &quiet)?;
    let answer = line(&mut input.lock());
    let restored = tcsetattr(&input, OptionalActions::Flush, &before);
    ask("\n")?;
    restored?;
    answer
}

/// Asks a question that is answered yes or no. `None` when there is no terminal to ask on.
///
/// # Errors
/// When the terminal cannot be read or written.
pub fn confirm(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    ask(&format!("{question} [y/N] "))?;
    let answer = line(&mut io::stdin().lock());
    Ok(Some(answer.is_ok_and(|answer| {
        matches!(answer.expose().as_str(), "y" | "Y" | "yes" | "Yes")
    })))
}

/// Reads all of standard input as a secret, without the line end at its end.
///
/// # Errors
/// When it cannot be read, is empty, not UTF-8 or larger than 64 KiB.
pub fn stdin_secret() -> io::Result<Secret<String>> {
    let input = io::stdin();
    if input.is_terminal() {
        return hidden("Secret: ");
    }
    let mut text = Zeroizing::new(String::with_capacity(4_096));
    input.lock().take(MOST_BYTES).read_to_string(&mut text)?;
    finish(&text)
}

fn line(input: &mut dyn BufRead) -> io::Result<Secret<String>> {
    let mut text = Zeroizing::new(String::with_capacity(4_096));
    input.take(MOST_BYTES).read_line(&mut text)?;
    finish(&text)
}

fn finish(text: &str) -> io::Result<Secret<String>> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "nothing was given",
        ));
    }
    Ok(Secret::new(text.to_owned()))
}

/// Questions go to standard error, so that standard output stays for results.
fn ask(words: &str) -> io::Result<()> {
    let mut out = io::stderr().lock();
    out.write_all(words.as_bytes())?;
    out.flush()
}
