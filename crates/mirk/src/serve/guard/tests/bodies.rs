//! Bodies: where they end, where they break, what of them is handed on.

use super::*;

#[test]
fn a_broken_body_is_handed_on_up_to_where_it_breaks() {
    for (body, sound, kind) in [
        ("5\r\nhello\r\n0x\r\n", "5\r\nhello\r\n0", Kind::BadRequest),
        ("5\r\nhelloX\r\n", "5\r\nhello", Kind::BadRequest),
        ("5\nhello", "5", Kind::BadRequest),
        (
            "5\r\nhello\r\n0\r\n",
            "5\r\nhello\r\n0\r\n",
            Kind::BadRequest,
        ),
        ("5\r\nhel", "5\r\nhel", Kind::BadRequest),
        ("2000001\r\nx", "2000001\r", Kind::BodyTooLarge),
    ] {
        let seen = verdict(post(CHUNKED, body).as_bytes());
        assert_eq!(seen.fault, Some(kind), "{body:?}");
        assert_eq!(seen.refusal, None, "{body:?}");
        assert_eq!(seen.bytes, post(CHUNKED, sound).as_bytes(), "{body:?}");
    }
    let seen = verdict(post("Content-Length: 5\r\n", "hel").as_bytes());
    assert_eq!(seen.fault, Some(Kind::BadRequest));
    let many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let seen = run(&[post(CHUNKED, &many).as_bytes()], &Bounds::default(), 9000);
    assert_eq!(seen.fault, Some(Kind::HeadersTooLarge));
}

#[test]
fn what_follows_a_body_is_judged_as_a_head() {
    let smuggled = post(CHUNKED, "0\r\n\r\nX: y\r\n\r\n");
    let seen = verdict(smuggled.as_bytes());
    assert_eq!(seen.refusal, Some(Kind::BadRequest));
    assert_eq!(seen.bytes, post(CHUNKED, "0\r\n\r\n").as_bytes());
}

#[test]
fn trailers_are_never_handed_on() {
    let trailers = "0\r\nContent-Length: 5\r\nHost: x\r\nX-Api-Key: a\r\n\r\n";
    let both = format!("{}{GOOD}", post(CHUNKED, trailers));
    let seen = verdict(both.as_bytes());
    assert_eq!(seen.refusal, None);
    assert_eq!(
        seen.bytes,
        format!("{}{GOOD}", post(CHUNKED, "0\r\n\r\n")).as_bytes()
    );
}
