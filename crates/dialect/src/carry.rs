//! How what only one provider can read travels through a client of another dialect and back.
//!
//! A signature that is not of the client's own dialect stands in the place that the dialect has
//! for such things, or in the id of the tool call it belongs to, as base64 of
//! `mirk1:<origin>:<data>`. Six bytes are eight characters of base64, so all of them begin alike.

use std::borrow::Cow;

use data_encoding::BASE64URL_NOPAD;
use mirk_model::{Origin, State, Text};

/// `mirk1:` in base64.
const MARK: &str = "bWlyazE6";

/// What stands in a tool call's id between the provider's own id and what is carried.
const JOINT: &str = "_mirk_";

const ORIGINS: [(Origin, &str); 4] = [
    (Origin::Anthropic, "a"),
    (Origin::AnthropicRedacted, "r"),
    (Origin::Gemini, "g"),
    (Origin::OpenAi, "o"),
];

/// `state` as text that is base64 in the URL alphabet without padding.
pub fn wrap(state: &State<'_>) -> String {
    let name = ORIGINS
        .iter()
        .find(|(origin, _)| *origin == state.origin)
        .map_or("", |(_, name)| name);
    BASE64URL_NOPAD.encode(format!("mirk1:{name}:{}", state.data.as_str()).as_bytes())
}

/// The state in `text`, if [`wrap`] made it; in either alphabet, with or without padding.
pub fn unwrap(text: &str) -> Option<State<'static>> {
    if !text.starts_with(MARK) {
        return None;
    }
    let plain = String::from_utf8(decode(text)?).ok()?;
    let (name, data) = plain.strip_prefix("mirk1:")?.split_once(':')?;
    let (origin, _) = ORIGINS.iter().find(|(_, known)| *known == name)?;
    Some(State {
        origin: *origin,
        data: Text::from(data.to_owned()),
    })
}

/// What stands in a dialect's own place for signatures: its own as it is, others wrapped.
pub fn to_place<'a>(state: &'a State<'_>, own: Origin) -> Cow<'a, str> {
    if state.origin == own {
        Cow::Borrowed(state.data.as_str())
    } else {
        Cow::Owned(wrap(state))
    }
}

/// Reads what [`to_place`] wrote.
pub fn from_place(text: Text<'_>, own: Origin) -> State<'_> {
    unwrap(&text).unwrap_or(State {
        origin: own,
        data: text,
    })
}

/// A tool call's id that carries `state` along.
pub fn to_id(id: &str, state: &State<'_>) -> String {
    format!("{id}{JOINT}{}", wrap(state))
}

/// The id and what it carries. The id of a result carries the same as the call's.
pub fn from_id(id: Text<'_>) -> (Text<'_>, Option<State<'static>>) {
    let parts = id.rsplit_once(JOINT).and_then(|(own, carried)| {
        let state = unwrap(carried)?;
        Some((own.len(), state))
    });
    match parts {
        None => (id, None),
        Some((length, state)) => {
            let own = match id.into_cow() {
                Cow::Borrowed(id) => Cow::Borrowed(id.get(..length).unwrap_or_default()),
                Cow::Owned(mut id) => {
                    id.truncate(length);
                    Cow::Owned(id)
                }
            };
            (Text::from(own), Some(state))
        }
    }
}

/// Base64 in either alphabet; padding is no part of it.
fn decode(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|letter| match letter {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    BASE64URL_NOPAD.decode(plain.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_comes_back_as_it_was() {
        for (origin, _) in ORIGINS {
            for data in ["", "a", "Eo4+/==", "é:\u{1f600}"] {
                let state = State {
                    origin,
                    data: Text::from(data),
                };
                let wrapped = wrap(&state);
                assert!(wrapped.starts_with(MARK));
                assert_eq!(unwrap(&wrapped), Some(state.clone()));
                let padded = wrapped.replace('-', "+").replace('_', "/") + "==";
                assert_eq!(unwrap(&padded), Some(state.clone()));
                let (id, carried) = from_id(Text::from(to_id("call_1", &state)));
                assert_eq!((id.as_str(), carried), ("call_1", Some(state)));
            }
        }
    }

    #[test]
    fn what_nobody_wrapped_is_left_alone() {
        for text in ["", "call_mirk_1", "call_mirk_bWlyazE6", "bWlyazE6eDp5"] {
            assert_eq!(from_id(Text::from(text)), (Text::from(text), None));
            assert_eq!(unwrap(text), None);
        }
    }
}
