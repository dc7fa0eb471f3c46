//! Which classes must not be where: the grounds that places stand on, and the allowed list.

/// What kind of place it is, which decides which classes may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// Nothing of any class belongs here.
    Kept,
    /// The client's own answer: its own words belong there, other people's secrets do not.
    OwnAnswer,
    /// What the provider that was asked received.
    OwnProvider,
    /// What a provider received that another client asked: all but its own credential counts.
    OtherProvider,
    /// The process's memory.
    Memory,
}

/// Classes that must not be even in the client's own answer.
const NOT_IN_OWN_ANSWER: [&str; 9] = [
    "provider-key",
    "other-provider-key",
    "root-key",
    "password",
    "handle",
    "set-cookie",
    "client-address",
    "api-key",
    "other-api-key",
];

/// Classes that must not reach even the provider that was asked.
const NOT_AT_PROVIDER: [&str; 13] = [
    "other-provider-key",
    "root-key",
    "password",
    "handle",
    "client-address",
    "api-key",
    "other-api-key",
    "wrong-key",
    "query-key",
    "foreign-key",
    "cookie",
    "user-agent",
    "bad-body",
];

impl Ground {
    /// Whether a marker of `class` must not be there.
    pub(super) fn forbids(self, class: &str) -> bool {
        match self {
            Self::Kept | Self::Memory => true,
            Self::OwnAnswer => NOT_IN_OWN_ANSWER.contains(&class),
            Self::OwnProvider => NOT_AT_PROVIDER.contains(&class),
            Self::OtherProvider => class != "other-provider-key",
        }
    }
}

/// One line of the allowed list.
pub(super) struct Allowed {
    pub(super) class: &'static str,
    pub(super) place: &'static str,
}

/// The allowed list.
pub(super) fn allowed() -> Vec<Allowed> {
    let lines = include_str!("allowed.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut fields = line.split('|').map(str::trim);
        Some(Allowed {
            class: fields.next()?,
            place: fields.next()?,
        })
    };
    lines.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_allowed_list_names_a_class_a_place_and_a_reason() {
        for line in include_str!("allowed.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            let fields: Vec<_> = line.split('|').map(str::trim).collect();
            assert!(
                fields.len() == 3 && fields.iter().all(|field| !field.is_empty()),
                "{line}"
            );
            assert!(fields[1].contains(':'), "{line}");
        }
        assert!(
            allowed().len() <= 6,
            "each line is a promise that is not made"
        );
    }
}
