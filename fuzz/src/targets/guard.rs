//! The guard between a socket and hyper.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use mirk::serve::{
    guard::{Bounds, ConnState, Guard},
    listen::{HostPolicy, PeerHasher},
};
use mirk_model::Kind;
use tokio::{
    io::{AsyncRead, ReadBuf},
    runtime::{Builder, Runtime},
};

use crate::chance::{Chance, cut};

thread_local! {
    /// For its clock only: the guard sets alarms that nobody waits for here.
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// A stream that reads as these pieces, one at a time, then ends.
struct Script(VecDeque<Vec<u8>>);

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(out.remaining()));
            out.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What came of a connection's first request.
#[derive(PartialEq)]
struct Seen {
    bytes: Vec<u8>,
    refusal: Option<Kind>,
    fault: Option<Kind>,
}

/// Asserts that cuts change neither the verdict nor a byte of what is handed on, that what is handed on stands at
/// the front of what came, and that another parser reads its head, with one length at most.
pub(super) fn first(data: &[u8]) {
    let mut chance = Chance::of(data);
    let whole = run(&[data], 65_536);
    let room = 1 + chance.below(300);
    let pieces = run(&cut(data, &mut chance), room);
    assert!(whole == pieces, "a cut changed the verdict");
    if whole.refusal.is_some() || whole.bytes.is_empty() {
        return;
    }
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(&whole.bytes);
    let Ok(httparse::Status::Complete(length)) = parsed else {
        assert!(whole.bytes.is_empty(), "another parser refuses the head");
        return;
    };
    assert!(
        data.get(..length) == whole.bytes.get(..length),
        "the head was changed"
    );
    let is_length = |name: &str| {
        ["content-length", "transfer-encoding"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    let lengths = request
        .headers
        .iter()
        .filter(|field| is_length(field.name))
        .count();
    assert!(lengths <= 1, "two readings of the body's length");
    assert!(
        request
            .headers
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case("host"))
            .count()
            <= 1
    );
}

fn run(pieces: &[&[u8]], room: usize) -> Seen {
    RUNTIME.with(|runtime| {
        let _entered = runtime.as_ref().map(Runtime::enter);
        read(pieces.iter().map(|piece| piece.to_vec()).collect(), room)
    })
}

fn read(pieces: VecDeque<Vec<u8>>, room: usize) -> Seen {
    let address = ([127, 0, 0, 1], 8790).into();
    let hosts = Arc::new(HostPolicy::new(address, []));
    let state = Arc::new(ConnState::new(7, PeerHasher::default().local(), hosts));
    let mut guard = Guard::new(
        Script(pieces),
        Arc::clone(&state),
        Arc::new(Bounds::default()),
    );
    let mut context = Context::from_waker(Waker::noop());
    let mut buffer = vec![0; room];
    let mut bytes = Vec::new();
    loop {
        let mut out = ReadBuf::new(&mut buffer);
        let Poll::Ready(Ok(())) = Pin::new(&mut guard).poll_read(&mut context, &mut out) else {
            break;
        };
        if out.filled().is_empty() {
            break;
        }
        bytes.extend_from_slice(out.filled());
    }
    Seen {
        bytes,
        refusal: state.refusal().map(|problem| problem.kind),
        fault: state.body_fault().map(|problem| problem.kind),
    }
}
