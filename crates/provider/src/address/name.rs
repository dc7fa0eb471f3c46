//! Host names that are refused without being resolved.

use super::Blocked;

/// Names of instance metadata services and of the addresses that go with them. Also every name
/// below them.
const METADATA: [&str; 10] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.internal",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
];

/// Refuses names of metadata services, and names that a resolver could take for a number: the
/// system's resolver reads `0xA9FEA9FE`, `127.1` and `2852039166` as addresses.
///
/// # Errors
/// [`Blocked::Metadata`] or [`Blocked::Name`].
pub fn vet_host(name: &str) -> Result<(), Blocked> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_below = |known: &str| {
        name.len().checked_sub(known.len()).is_some_and(|at| {
            name.get(at..)
                .is_some_and(|tail| tail.eq_ignore_ascii_case(known))
                && (at == 0 || name.as_bytes().get(at - 1) == Some(&b'.'))
        })
    };
    if METADATA.iter().any(|known| is_below(known)) {
        return Err(Blocked::Metadata);
    }
    if !is_plain(name) || is_number(name.rsplit('.').next().unwrap_or(name)) {
        return Err(Blocked::Name);
    }
    Ok(())
}

/// Whether `name` is a DNS name of letters, digits and inner hyphens, in the lengths that DNS has.
pub(super) fn is_plain(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
