//! How much of everything one connection may have.

use std::time::Duration;

use mirk_model::{Kind, Problem};

/// How much of everything a request may have (Appendix 4 of the security paper).
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes of a head.
    pub head_bytes: usize,
    /// Bytes of one header line, without its end.
    pub line_bytes: usize,
    /// Headers of a head.
    pub fields: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
    /// Bytes of a body, decoded from its chunks.
    pub body_bytes: u64,
    /// From a head's first byte, or the connection's start, to the head's end.
    pub head_time: Duration,
    /// Between an answer and the next head's first byte.
    pub idle_time: Duration,
    /// Span over which a body's rate is measured; also its grace.
    pub body_span: Duration,
    /// Bytes a second at which a body must come.
    pub body_rate: u64,
    /// Span in which a write must not stall, at the same rate.
    pub write_span: Duration,
    /// How long an answer may still take once the client has ended its side. Short: a client that
    /// ends its side has all but always left, and its upstream call should end with it.
    pub half_close_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            line_bytes: 8 * 1024,
            fields: 100,
            target_bytes: 8 * 1024,
            body_bytes: 32 * 1024 * 1024,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            body_span: Duration::from_secs(30),
            body_rate: 1024,
            write_span: Duration::from_mins(1),
            half_close_time: Duration::from_millis(50),
        }
    }
}

/// The answer to a body over [`Bounds::body_bytes`].
pub(super) fn body_too_large() -> Problem {
    Problem::new(Kind::BodyTooLarge, "The request body is too large.")
}

/// The answer to a head or body that does not come on.
pub(super) fn too_slow() -> Problem {
    Problem::new(
        Kind::RequestTimeout,
        "The request did not arrive in the time it has.",
    )
}
