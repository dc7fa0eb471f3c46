//! Everything that Mirk keeps: every column of every table, why it is kept, how it is protected and
//! when it goes; and what is kept in memory alone.
//!
//! A column without an entry fails the build's tests, as does an entry without a column. The page
//! `docs/data-inventory.md` is made of this.

use mirk_store::{DbError, Fetch, Query};

/// Every column of every table, as the database has them.
const COLUMNS: &str = "
    SELECT tables.name, columns.name
      FROM sqlite_schema AS tables
      JOIN pragma_table_info(tables.name) AS columns
     WHERE tables.type = 'table'
     ORDER BY tables.name, columns.cid";

/// One column, or several that are kept for the same reason in the same way.
#[derive(Debug)]
pub struct Entry {
    /// The table.
    pub table: &'static str,
    /// The columns, in the table's order.
    pub columns: &'static [&'static str],
    /// What it is, and why it is kept.
    pub why: &'static str,
    /// How it is protected.
    pub protection: &'static str,
    /// When it goes.
    pub retention: &'static str,
}

/// Something that is kept in memory and nowhere else.
#[derive(Debug)]
pub struct Transient {
    /// What it is.
    pub what: &'static str,
    /// Why it is kept.
    pub why: &'static str,
    /// When it goes.
    pub retention: &'static str,
}

/// Reads the columns of a database: table and column.
///
/// # Errors
/// When it cannot be read.
pub fn columns(reader: &dyn Fetch) -> Result<Vec<(String, String)>, DbError> {
    let rows = reader.fetch(&Query::new(COLUMNS, vec![]))?;
    rows.into_iter()
        .map(|row| {
            let mut fields = row.into_fields();
            Ok((fields.text()?, fields.text()?))
        })
        .collect()
}

/// Whether a column's name says that it is for addresses of people or for what was said.
pub fn is_about_people_or_content(column: &str) -> bool {
    const WORDS: [&str; 18] = [
        "ip",
        "ips",
        "addr",
        "address",
        "peer",
        "host",
        "agent",
        "prompt",
        "prompts",
        "body",
        "content",
        "contents",
        "message",
        "messages",
        "completion",
        "request_text",
        "response",
        "email",
    ];
    let column = column.to_ascii_lowercase();
    column.split('_').any(|part| WORDS.contains(&part))
        || column.contains("prompt")
        || column.contains("content")
}

const PLAIN: &str = "file mode 0600";
const ROW_MAC: &str = "file mode 0600; the row carries a MAC that only the vault can make";
const CHAIN: &str = "file mode 0600; part of the audit chain, so that a change shows";
const WITH_KEY: &str =
    "with the key's row; a revoked key stays, so that its id is not given out again";
const FOR_GOOD: &str = "as long as the installation";

macro_rules! entries {
    ($($table:literal { $([$($column:literal),+] $why:literal, $protection:expr, $retention:expr;)+ })+) => {
        /// Everything in the database.
        pub const ENTRIES: &[Entry] = &[$($(
            Entry { table: $table, columns: &[$($column),+], why: $why, protection: $protection, retention: $retention },
        )+)+];
    };
}

entries! {
    "account" {
        ["id", "tenant"] "Random ids of an account and of its owner", PLAIN, "until the account is removed";
        ["handle"] "The name that somebody chose to log in with; no mail address is asked for", PLAIN, "until the account is removed";
        ["pwhash", "pepper_version"] "To check a password", "Argon2id with a secret that only the vault holds; the password itself is nowhere", "until the password changes";
        ["epoch"] "Counts log-outs everywhere, so that old sessions end", PLAIN, "until the account is removed";
        ["created_at"] "When it was made", PLAIN, "until the account is removed";
    }
    "api_key" {
        ["kid", "tenant"] "The public part of a key, and whose it is", ROW_MAC, WITH_KEY;
        ["label"] "What its owner calls it", ROW_MAC, WITH_KEY;
        ["kind", "scopes", "models"] "What it may do", ROW_MAC, WITH_KEY;
        ["key_mac", "pepper_version"] "To recognise the key", "HMAC under a key that only the vault holds; the key itself is nowhere", WITH_KEY;
        ["rpm", "tpm", "concurrency", "lifetime_calls", "daily_calls"] "How much it may do", ROW_MAC, WITH_KEY;
        ["not_before", "expires_at", "revoked_at", "created_at"] "From when and until when it is in force", ROW_MAC, WITH_KEY;
        ["version"] "Counts changes, so that none gets lost", ROW_MAC, WITH_KEY;
        ["row_mac"] "So that a row that somebody else wrote is not believed", "HMAC under a key that only the vault holds", WITH_KEY;
    }
    "audit" {
        ["seq", "at"] "The event's number and time", CHAIN, FOR_GOOD;
        ["actor"] "Who did it: `cli`, `system`, a key's id or an account's id", CHAIN, FOR_GOOD;
        ["action", "object", "result", "details"] "What was done to what, and how it ended, in closed words, ids and names", CHAIN, FOR_GOOD;
        ["prev_hash", "hash"] "What holds the chain together", "HMAC under a key that only the vault holds", FOR_GOOD;
    }
    "audit_anchor" {
        ["seq", "head", "at"] "Where the chain's end was, so that a cut shows", "file mode 0600; also written to a file beside the database", FOR_GOOD;
    }
    "counter" {
        ["kid", "span", "period_start", "used"] "How many calls a key has made of those that it may make", PLAIN, "with the key";
    }
    "credential" {
        ["id", "tenant", "provider"] "Random ids: whose it is, and which provider it is for", ROW_MAC, "until the credential is removed";
        ["label"] "What its owner calls it", ROW_MAC, "until the credential is removed";
        ["origin"] "The only place that it may be sent to", ROW_MAC, "until the credential is removed";
        ["sealed", "generation"] "The credential", "AES-256-GCM under a key of its own, bound to its row; opened in memory for a request", "until it is removed; its bytes are overwritten then";
        ["fingerprint"] "Eight digits by which people tell credentials apart", "keyed: says nothing without the vault", "until the credential is removed";
        ["enabled", "created_at"] "Whether it is in use, and since when", ROW_MAC, "until the credential is removed";
        ["row_mac"] "So that a row that somebody else wrote is not believed", "HMAC under a key that only the vault holds", "until the credential is removed";
        ["kind", "needs_login", "expires_day"] "Whether it is a key, an account's tokens or a pointer to another program's; whether its owner must log in again; the day on which it expires", ROW_MAC, "until the credential is removed";
    }
    "install" {
        ["one", "id", "created_at"] "The installation's random id, which tells nobody anything and is sent nowhere", PLAIN, FOR_GOOD;
    }
    "keyring" {
        ["id", "purpose", "version", "tenant"] "Which key of the hierarchy it is", PLAIN, "until it is rotated out";
        ["wrapped"] "The key", "AES-256-GCM under the key above it; the one on top is not in the data folder", "until it is rotated out; its bytes are overwritten then";
        ["created_at"] "When it was made", PLAIN, "until it is rotated out";
    }
    "keyring_meta" {
        ["one", "root_source", "changed_at"] "What kind of place the root key is in", PLAIN, FOR_GOOD;
    }
    "ledger" {
        ["request", "at"] "The request's random id, and when it came", PLAIN, FOR_GOOD;
        ["tenant", "kid"] "Whose key made it", PLAIN, FOR_GOOD;
        ["provider", "model"] "Where it went", PLAIN, FOR_GOOD;
        ["status", "outcome"] "How it ended, as a number and in a closed word", PLAIN, FOR_GOOD;
        ["input", "cached", "cache_write", "output", "reasoning", "counted"] "How many tokens it took, and who counted them", PLAIN, FOR_GOOD;
        ["cost"] "What it cost", PLAIN, FOR_GOOD;
        ["first_byte_us", "total_us"] "How long it took", PLAIN, FOR_GOOD;
    }
    "migration" {
        ["version", "checksum", "at"] "Which steps of the schema were taken, and when", PLAIN, FOR_GOOD;
    }
    "provider" {
        ["id", "tenant", "name", "kind"] "Which providers there are", ROW_MAC, "until the provider is removed";
        ["base_url", "models"] "Where it is, and what it serves", ROW_MAC, "until the provider is removed";
        ["enabled", "created_at", "version"] "Whether it is in use, since when, and how often it changed", ROW_MAC, "until the provider is removed";
        ["row_mac"] "So that a row that somebody else wrote is not believed", "HMAC under a key that only the vault holds", "until the provider is removed";
    }
    "route" {
        ["id", "tenant", "alias", "targets", "created_at"] "Other names of models, and where they lead", ROW_MAC, "until the route is removed";
        ["row_mac"] "So that a row that somebody else wrote is not believed", "HMAC under a key that only the vault holds", "until the route is removed";
    }
    "setting" {
        ["name", "value"] "Settings that Mirk notes itself: where the root key is, as a reference", PLAIN, FOR_GOOD;
    }
    "setup_token" {
        ["mac", "created_at"] "To recognise the one link with which the first account is made", "HMAC under a key that only the vault holds; the link itself is nowhere", "until it is used; it counts for a day";
    }
    "tenant" {
        ["id", "name", "created_at"] "Whose things these are; on one's own machine there is one, called `local`", PLAIN, FOR_GOOD;
    }
}

/// Everything that is in memory and nowhere else.
pub const TRANSIENTS: &[Transient] = &[
    Transient {
        what: "Prompts and completions",
        why: "To pass them on",
        retention: "piece by piece: each goes when it has been passed on; they are written nowhere and put in no message",
    },
    Transient {
        what: "Credentials and accounts' tokens, opened",
        why: "To put them into a request, and to renew them",
        retention: "60 seconds after they were opened they are wiped, by a look at them every 5 seconds",
    },
    Transient {
        what: "Rate limits and requests under way, by key id",
        why: "To hold keys to their limits",
        retention: "with the process",
    },
    Transient {
        what: "A keyed hash of each client's network",
        why: "To count a client's connections without knowing where it is",
        retention: "with its last connection; its key is drawn at every start, so that no hash means anything after it",
    },
    Transient {
        what: "Connections to providers, idle",
        why: "To save the next request the handshake",
        retention: "50 seconds, or with the process",
    },
    Transient {
        what: "Ledger rows on their way to disk",
        why: "To write many in one go",
        retention: "until they are written: a fraction of a second",
    },
    Transient {
        what: "Keys, providers, credentials (sealed) and routes",
        why: "To look them up without the database",
        retention: "until the next change, or with the process",
    },
    Transient {
        what: "The key hierarchy, unwrapped",
        why: "To make and check MACs, and to open credentials",
        retention: "with the process; wiped at its end",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses_and_content_are_told_from_others() {
        for name in [
            "ip",
            "client_ip",
            "remote_addr",
            "prompt",
            "prompt_text",
            "body",
            "content_hash",
            "user_agent",
        ] {
            assert!(is_about_people_or_content(name), "{name}");
        }
        for name in [
            "input",
            "output",
            "kid",
            "recipient",
            "description",
            "zip_code",
            "total_us",
        ] {
            assert!(!is_about_people_or_content(name), "{name}");
        }
    }
}
