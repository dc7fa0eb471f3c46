//! An HTTP/1.1 connection that runs inside the task of the request that uses it.
//!
//! Nothing is spawned: whoever waits for the answer also drives the connection. That saves two
//! task switches per piece, and dropping the answer closes the connection at once, which is how
//! a client that leaves cancels the upstream call.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::{SendError, connect::Stream};

/// The most that is read ahead of the client: one connection never buffers more than this.
const READ_AHEAD: usize = 64 * 1024;

type Driver = Connection<TokioIo<Stream>, Full<Bytes>>;

/// One connection.
pub(super) struct H1 {
    sender: SendRequest<Full<Bytes>>,
    driver: Box<Driver>,
    is_over: bool,
    /// When it went idle, on the clock that never goes back.
    pub(super) idle_since: u64,
}

impl fmt::Debug for H1 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("H1(..)")
    }
}

/// How sending failed: before anything was written, so that it may go elsewhere, or after.
pub(super) enum Failed {
    /// Nothing was written; here is the request again.
    Unsent(Box<Request<Full<Bytes>>>),
    /// Something may have been written.
    Broken,
}

impl H1 {
    /// Speaks HTTP/1.1 over `stream`.
    pub(super) async fn handshake(stream: Stream) -> Result<Self, SendError> {
        let (sender, driver) = Builder::new()
            .max_buf_size(READ_AHEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_handshake| SendError::Broken)?;
        Ok(Self {
            sender,
            driver: Box::new(driver),
            is_over: false,
            idle_since: 0,
        })
    }

    /// Whether the connection can take a request now.
    pub(super) fn is_ready(&mut self) -> bool {
        // Reading is how a close by the other side shows.
        self.drive(&mut Context::from_waker(Waker::noop()))
            .is_pending()
            && self.sender.is_ready()
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let (driver, is_over) = (&mut *self.driver, &mut self.is_over);
        let result = std::future::poll_fn(|cx| {
            if !*is_over {
                *is_over = Pin::new(&mut *driver).poll(cx).is_ready();
            }
            answer.as_mut().poll(cx)
        });
        result
            .await
            .map_err(|mut error| match error.take_message() {
                Some(request) => Failed::Unsent(Box::new(request)),
                None => Failed::Broken,
            })
    }

    /// Lets the connection read and write. Ready when it is over.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_over {
            self.is_over = Pin::new(&mut *self.driver).poll(cx).is_ready();
        }
        if self.is_over {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
