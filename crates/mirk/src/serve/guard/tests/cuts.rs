//! Cuts never change a verdict, on requests of any shape, kept whole or damaged.

use proptest::prelude::*;

use super::*;

/// A request that keeps the rules, of any shape.
pub(in crate::serve) fn valid() -> impl Strategy<Value = Vec<u8>> {
    let headers = proptest::collection::vec("X-[A-Za-z0-9_-]{1,20}: ?[ -~\t]{0,40}\r\n", 0..6);
    let target = "/[a-z0-9/.%:-]{0,40}(\\?[a-z=&]{0,20})?";
    let chunks = proptest::collection::vec(("(;[a-z=]{0,9})?", "[ -~\r\n]{1,40}"), 0..5);
    let sized = "[ -~\r\n]{0,200}";
    (target, headers, chunks, sized, any::<bool>()).prop_map(
        |(target, headers, chunks, sized, is_chunked)| {
            let mut request = vec![format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n")];
            request.extend(headers);
            if is_chunked {
                request.push("Transfer-Encoding: chunked\r\n\r\n".to_owned());
                for (extension, data) in chunks {
                    let size = data.len();
                    request.push(format!("{size:x}{extension}\r\n{data}\r\n"));
                }
                request.push("0\r\n\r\n".to_owned());
            } else {
                let size = sized.len();
                request.push(format!("Content-Length: {size}\r\n\r\n{sized}"));
            }
            request.concat().into_bytes()
        },
    )
}

/// The requests that the guard lets through, each as the bytes handed on, and whether it then
/// refused a head.
pub(in crate::serve) fn messages(bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let state = state();
    let read = async {
        let script = Script(VecDeque::from([bytes.to_vec()]));
        let mut guard = Guard::new(script, Arc::clone(&state), Arc::new(Bounds::default()));
        let mut messages = Vec::new();
        let mut buffer = vec![0; 65_536];
        let mut is_new = true;
        while let Ok(count @ 1..) = guard.read(&mut buffer).await {
            if state.refusal().is_some() {
                break;
            }
            if is_new {
                messages.push(Vec::new());
            }
            messages
                .last_mut()
                .unwrap()
                .extend_from_slice(&buffer[..count]);
            is_new = matches!(guard.phase, Phase::Head(_));
            state.answered();
        }
        messages
    };
    let messages = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(read);
    (messages, state.refusal().is_some())
}

/// Cuts `bytes` after each of `cuts` bytes, over and over.
fn cut<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &length in cuts.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn valid_requests_come_out_identical_however_they_are_cut(
        requests in proptest::collection::vec(valid(), 1..4),
        cuts in proptest::collection::vec(1_usize..200, 1..8),
        room in 1_usize..300,
    ) {
        let bytes = requests.concat();
        let seen = run(&cut(&bytes, &cuts), &Bounds::default(), room);
        prop_assert_eq!(seen.refusal, None);
        prop_assert_eq!(seen.fault, None);
        prop_assert_eq!(seen.bytes, bytes);
    }

    #[test]
    fn cuts_never_change_the_verdict_on_mutated_requests(
        requests in proptest::collection::vec(valid(), 1..4),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..4),
        cuts in proptest::collection::vec(1_usize..200, 1..8),
    ) {
        let mut bytes = requests.concat();
        for (at, byte, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let whole = run(&[&bytes], &Bounds::default(), 65_536);
        prop_assert_eq!(run(&cut(&bytes, &cuts), &Bounds::default(), 99), whole);
    }
}
