//! The guard's write side: bytes go through as they are, but not to a reader that stands still.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Guard, Phase, pace::Stalled};

/// How long, and for how many bytes, a closed connection is read on so that the last answer is not
/// lost to a reset.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const SCRAP_BYTES: usize = 16 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Ends our side, then reads on for a moment when the client may still be sending: closing a
    /// socket with unread bytes resets it, and the client would lose the answer.
    pub async fn close(mut self) {
        let is_cut_short = self.state.is_closing()
            || !self.stash_is_empty()
            || !matches!(self.phase, Phase::Head(_) | Phase::Over);
        let finish = async {
            if self.stream.shutdown().await.is_ok() && is_cut_short && self.ended_at.is_none() {
                read_on(&mut self.stream).await;
            }
        };
        // Out of time or not, the connection is over.
        drop(tokio::time::timeout(LINGER, finish).await);
    }
}

async fn read_on(stream: &mut (impl AsyncRead + Unpin)) {
    let mut scrap = vec![0; SCRAP_BYTES];
    let mut left = LINGER_BYTES;
    while let Ok(count @ 1..) = stream.read(&mut scrap).await {
        left = left.saturating_sub(count);
        if left == 0 {
            return;
        }
    }
}

impl<S> Guard<S> {
    /// The client takes nothing: pending until it has had its time, then an error.
    fn poll_stall<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let Stalled = ready!(self.write_flow.poll_wait(cx, &mut self.alarm));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) if count >= offered => self.write_flow.clear(),
            Poll::Ready(Ok(count)) => self.write_flow.advance(count),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return self.poll_stall(cx),
        }
        written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let written = Pin::new(&mut guard.stream).poll_write(cx, bytes);
        guard.poll_written(cx, written, bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let written = Pin::new(&mut guard.stream).poll_write_vectored(cx, slices);
        guard.poll_written(cx, written, offered)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        match Pin::new(&mut guard.stream).poll_flush(cx) {
            Poll::Pending => guard.poll_stall(cx),
            flushed @ Poll::Ready(_) => flushed,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        match Pin::new(&mut guard.stream).poll_shutdown(cx) {
            Poll::Pending => guard.poll_stall(cx),
            shut @ Poll::Ready(_) => shut,
        }
    }
}
