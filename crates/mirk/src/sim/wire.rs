//! The TCP stream under the HTTP server, with the three tricks an HTTP library will not do:
//! bytes before the answer's head, an HTTP/1.1 head on a close-delimited body, and a reset.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What the library writes when told to close-delimit, and what goes out instead.
const OLD_VERSION: &[u8] = b"HTTP/1.0";
const NEW_VERSION: &[u8] = b"HTTP/1.1";

/// Orders from the answer to the stream that carries it.
#[derive(Debug, Default)]
pub(super) struct Tricks {
    reset: AtomicBool,
    renames_version: AtomicBool,
    before: Mutex<Vec<u8>>,
}

impl Tricks {
    /// The connection ends with a TCP reset.
    pub(super) fn reset_at_end(&self) {
        self.reset.store(true, Ordering::Release);
    }

    /// The next answer's head says HTTP/1.1 although the library wrote HTTP/1.0.
    pub(super) fn say_new_version(&self) {
        self.renames_version.store(true, Ordering::Release);
    }

    /// These bytes go out before whatever is written next.
    pub(super) fn write_before(&self, bytes: &[u8]) {
        self.before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
    }
}

/// The stream of one connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    tricks: Arc<Tricks>,
}

impl Wire {
    /// Wraps an accepted stream.
    pub(super) fn new(stream: TcpStream, tricks: Arc<Tricks>) -> Self {
        Self { stream, tricks }
    }

    /// Writes what must go out first, until none of it is left.
    fn poll_before(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let mut before = self
            .tricks
            .before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !before.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &before))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            before.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        ready!(self.poll_before(context))?;
        if self.tricks.renames_version.swap(false, Ordering::AcqRel)
            && bytes.starts_with(OLD_VERSION)
        {
            self.tricks.write_before(NEW_VERSION);
            return Poll::Ready(Ok(OLD_VERSION.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        ready!(self.poll_before(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.tricks.reset.load(Ordering::Acquire) {
            // A shutdown would send FIN, and a reset is what was ordered.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.tricks.reset.load(Ordering::Acquire) {
            // Closing with zero linger sends RST. If it fails the peer sees FIN instead,
            // which is still a broken body.
            drop(self.stream.set_zero_linger());
        }
    }
}
