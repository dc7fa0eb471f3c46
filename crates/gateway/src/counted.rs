//! Counts of tokens that no provider makes.

use http::{HeaderValue, Response, StatusCode, header};
use mirk_dialect::{tap::Tapped, tokens};
use mirk_model::Outcome;

use crate::{body::Body, dispatch::Asked, mark, meter::Meter};

/// The answer to a count that no provider makes: an estimate, said to be one.
pub(crate) fn here(asked: &Asked, mut meter: Meter, request_id: &str) -> Response<Body> {
    let text = String::from_utf8_lossy(&asked.body);
    let tokens = tokens::estimate(asked.operation, &text);
    meter.status(StatusCode::OK.as_u16());
    meter.first_byte();
    meter.finish(Outcome::Ok, &Tapped::default());
    let body = tokens::count_reply(asked.operation, tokens);
    let mut response = Response::new(Body::whole(body));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        "x-mirk-transforms",
        HeaderValue::from_static("estimated:tokens"),
    );
    mark(headers, request_id);
    response
}
