//! The guard and hyper agree about where each request ends, whatever is sent.

use proptest::prelude::*;

use super::{exchange, statuses};
use crate::serve::guard::tests::{messages, valid};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Method and target of a message as the guard let it through.
fn line_of(message: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(message);
    let mut words = text.split(' ');
    (
        words.next().unwrap().to_owned(),
        words.next().unwrap().to_owned(),
    )
}

proptest! {
    #[test]
    fn hyper_sees_the_requests_that_the_guard_sees(
        requests in proptest::collection::vec(valid(), 1..5),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 0..4),
    ) {
        let mut bytes = requests.concat();
        for (at, byte, edit) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.truncate(at + 1),
                _ => drop(bytes.remove(at)),
            }
        }
        let (passed, is_refused) = messages(&bytes);
        let (answer, seen) = runtime().block_on(exchange(&bytes));

        // Every answer is the service's; none is hyper's own.
        let answers = statuses(&answer.replace("HTTP/1.0 ", "HTTP/1.1 ")).len();
        prop_assert_eq!(answer.matches("x-ours: 1").count(), answers);
        prop_assert_eq!(answers, seen.len());

        let is_old = seen.last().is_some_and(|line| line.starts_with("HTTP/1.0"));
        if !is_old {
            prop_assert_eq!(seen.len(), passed.len() + usize::from(is_refused));
        }
        for (line, message) in seen.iter().zip(&passed) {
            let (method, target) = line_of(message);
            let mut words = line.split(' ').skip(1);
            prop_assert_eq!(words.next(), Some(method.as_str()));
            prop_assert_eq!(words.next(), Some(target.as_str()));
        }
    }
}
