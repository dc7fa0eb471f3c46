//! What is written is read back as it was.

use mirk_model::{Operation, Thinks, Traits};
use proptest::prelude::*;

use super::{WIRE, make, notes, read};
use crate::wire::Manner;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn xlat19_a_request_comes_back_as_it_was(ask in make::ask()) {
        let traits = Traits {
            thinks: Thinks::Budget { least: 0, most: 32_768 },
            ..Traits::default()
        };
        let mut notes = notes();
        let body = (WIRE.write_ask)(&ask, &traits, &mut notes).unwrap();
        let body = String::from_utf8(body).unwrap();
        let (back, _, said) = read(&body);
        prop_assert!(back == ask, "not as it was");
        prop_assert!(said.is_empty() && notes.said().is_empty());
    }

    #[test]
    fn xlat19_an_answer_comes_back_as_it_was(reply in make::reply()) {
        let mut manner = Manner::new(Operation::Generate);
        manner.shows_thinking = true;
        let body = (WIRE.write_reply)(&reply, &manner);
        let body = String::from_utf8(body).unwrap();
        let back = (WIRE.read_reply)(&body).unwrap();
        prop_assert!(back == reply, "not as it was");
    }
}
