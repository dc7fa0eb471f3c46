//! What the installation holds: keys, providers, credentials, the audit chain, rows that somebody
//! else wrote.

use mirk_model::{CredentialRow, SecretRef, Timestamp};
use mirk_provider::address::BaseUrl;
use mirk_store::{Fetch, Query, Store};
use mirk_vault::{Place, SealKind, Vault};
use serde_json::Value;

use super::Finding;

/// Age from which a key should be replaced soon.
const OLD_DAYS: i64 = 75;

/// The stored setting that says where the root key is.
const ROOT_SETTING: &str = "root_key";

/// Where the store says that the root key is.
pub fn root_source(store: &Store) -> Option<SecretRef> {
    let noted = mirk_store::books::settings::get(store, ROOT_SETTING)
        .ok()
        .flatten()?;
    SecretRef::parse(&noted).ok()
}

/// The keys, as `key.list` gives them.
pub fn keys(list: &Value, now: Timestamp) -> Vec<Finding> {
    const CHECK: &str = "keys";
    let live: Vec<&Value> = rows(list, "keys")
        .filter(|key| text(key, "state") == "live")
        .collect();
    let created = |key: &Value| Timestamp::parse(text(key, "created_at"));
    let is_old = |key: &&&Value| {
        created(key).is_some_and(|at| now.day().saturating_sub(at.day()) > OLD_DAYS)
    };
    let old: Vec<&str> = live
        .iter()
        .filter(is_old)
        .map(|key| text(key, "kid"))
        .collect();
    let endless = live
        .iter()
        .filter(|key| key.get("expires_at").is_none_or(Value::is_null))
        .count();
    let mut findings = vec![Finding::ok(
        CHECK,
        format!("{} live, {endless} of them without an end", live.len()),
    )];
    if !old.is_empty() {
        let what = format!("older than {OLD_DAYS} days: {}", old.join(", "));
        findings.push(Finding::warn(
            CHECK,
            what,
            "replace them: mirk key rotate KID",
        ));
    }
    findings
}

/// The providers and their credentials, as `provider.list` and `credential.list` give them.
pub fn providers(providers: &Value, credentials: &Value) -> Vec<Finding> {
    const CHECK: &str = "providers";
    let mut findings = Vec::new();
    let names = |enabled: bool| {
        rows(providers, "providers")
            .filter(move |row| row.get("enabled").and_then(Value::as_bool) == Some(enabled))
            .map(|row| text(row, "name"))
    };
    let off: Vec<&str> = names(false).collect();
    match names(true).count() {
        0 if off.is_empty() => {
            let mut none = Finding::ok(CHECK, "there are none yet");
            "mirk provider add".clone_into(&mut none.remedy);
            findings.push(none);
        }
        on => findings.push(Finding::ok(CHECK, format!("{on} enabled"))),
    }
    if !off.is_empty() {
        let what = format!("disabled: {}", off.join(", "));
        findings.push(Finding::warn(
            CHECK,
            what,
            "mirk provider enable NAME, or mirk provider remove NAME",
        ));
    }
    let strays: Vec<String> = rows(credentials, "credentials")
        .filter(|credential| {
            let home = rows(providers, "providers")
                .find(|row| text(row, "name") == text(credential, "provider"));
            let base = home.and_then(|row| BaseUrl::parse(text(row, "base_url")).ok());
            base.is_none_or(|base| base.origin().to_string() != text(credential, "origin"))
        })
        .map(|credential| {
            format!(
                "{}/{}",
                text(credential, "provider"),
                text(credential, "label")
            )
        })
        .collect();
    if !strays.is_empty() {
        let what = format!(
            "bound to another address than their provider's: {}",
            strays.join(", ")
        );
        findings.push(Finding::bad(
            "credentials",
            what,
            "remove them and add them again",
        ));
    }
    findings
}

/// The audit chain, as `audit.verify` gives it.
pub fn audit(verdict: &Value) -> Finding {
    const CHECK: &str = "audit log";
    let is_whole = verdict.get("ok").and_then(Value::as_bool) == Some(true);
    if is_whole {
        let rows = verdict.get("rows").and_then(Value::as_u64).unwrap_or(0);
        return Finding::ok(
            CHECK,
            format!("{rows} events, each as it was written, and as its anchors say"),
        );
    }
    let what = match verdict.get("first_bad").and_then(Value::as_i64) {
        Some(seq) => format!("event {seq} was changed, removed or added by somebody else"),
        None => "events at its end are missing".to_owned(),
    };
    Finding::bad(
        CHECK,
        what,
        "somebody else wrote to the data folder: compare with a backup, then replace every key and credential",
    )
}

/// What SQLite says of its file.
pub fn database(store: &Store) -> Finding {
    const CHECK: &str = "database";
    let query = Query::new("PRAGMA quick_check(1)", vec![]).unhurried();
    let verdict = store
        .fetch(&query)
        .ok()
        .and_then(|rows| rows.into_iter().next());
    match verdict.map(|row| row.into_fields().text()) {
        Some(Ok(word)) if word == "ok" => {
            Finding::ok(CHECK, "in order, and of this version's schema")
        }
        _ => Finding::bad(CHECK, "is damaged", "restore a backup"),
    }
}

/// Rows that the vault does not vouch for, and credentials that do not open.
pub fn rows_and_seals(store: &Store, vault: &Vault) -> Vec<Finding> {
    vec![genuine(store, vault), seals(store, vault)]
}

fn genuine(store: &Store, vault: &Vault) -> Finding {
    const CHECK: &str = "rows";
    let all = store.directory();
    let keys = all.keys.values().map(|row| (row.mac_input(), row.row_mac));
    let providers = all
        .providers
        .iter()
        .map(|row| (row.mac_input(), row.row_mac));
    let credentials = all
        .credentials
        .iter()
        .map(|row| (row.mac_input(), row.row_mac));
    let routes = all.routes.iter().map(|row| (row.mac_input(), row.row_mac));
    let forged = keys
        .chain(providers)
        .chain(credentials)
        .chain(routes)
        .filter(|(input, mac)| !vault.row_mac_valid(input, mac))
        .count();
    if forged == 0 {
        let what = "every key, provider, credential and route is as Mirk wrote it";
        return Finding::ok(CHECK, what);
    }
    let what = format!("{forged} rows were written by somebody else; Mirk does not use them");
    let remedy = "find out who can write to the data folder, then make those entries again";
    Finding::bad(CHECK, what, remedy)
}

fn seals(store: &Store, vault: &Vault) -> Finding {
    const CHECK: &str = "credentials";
    let all = store.directory();
    let opens = |row: &CredentialRow| {
        let place = Place::of(row.tenant, "credential", row.id.as_bytes(), "sealed");
        let place = place.at_generation(row.generation);
        vault
            .open_sealed(&place, SealKind::of(row.kind), &row.sealed)
            .is_ok()
    };
    let closed: Vec<&str> = all
        .credentials
        .iter()
        .filter(|row| !opens(row))
        .map(|row| row.label.as_str())
        .collect();
    let ended: Vec<&str> = all
        .credentials
        .iter()
        .filter(|row| row.needs_login)
        .map(|row| row.label.as_str())
        .collect();
    if closed.is_empty() && !ended.is_empty() {
        let what = format!("the logins of these have ended: {}", ended.join(", "));
        return Finding::warn(
            CHECK,
            what,
            "log in again, remove them and add them again with `mirk credential add --oauth`",
        );
    }
    if closed.is_empty() {
        return Finding::ok(CHECK, format!("all {} open", all.credentials.len()));
    }
    let what = format!("these do not open: {}", closed.join(", "));
    Finding::bad(CHECK, what, "remove them and add them again")
}

fn rows<'a>(list: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    list.get(key)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
        .iter()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn an_old_live_key_is_warned_of_and_an_old_dead_one_is_not() {
        let list = json!({"keys": [
            {"kid": "old", "state": "live", "created_at": "2026-01-01T00:00:00.000Z", "expires_at": null},
            {"kid": "gone", "state": "revoked", "created_at": "2026-01-01T00:00:00.000Z", "expires_at": null},
            {"kid": "new", "state": "live", "created_at": "2026-03-10T00:00:00.000Z", "expires_at": "2027-01-01T00:00:00Z"},
        ]});
        let day = |text: &str| Timestamp::parse(text).unwrap();
        let findings = keys(&list, day("2026-03-18T00:00:00Z"));
        assert!(
            findings[0]
                .what
                .contains("2 live, 1 of them without an end")
        );
        assert_eq!(findings[1].what, "older than 75 days: old");
        assert_eq!(findings[1].verdict, Verdict::Warn);
        assert_eq!(
            keys(&list, day("2026-03-17T00:00:00Z")).len(),
            1,
            "on day 75 it is not yet older"
        );
    }

    #[test]
    fn a_credential_for_another_address_is_bad() {
        let list = json!({"providers": [{"name": "p", "base_url": "https://a.example/v1", "enabled": true}]});
        let good = json!({"credentials": [{"provider": "p", "label": "l", "origin": "https://a.example:443"}]});
        let origin = BaseUrl::parse("https://a.example/v1")
            .unwrap()
            .origin()
            .to_string();
        let good = json!({"credentials": [{"provider": "p", "label": good["credentials"][0]["label"], "origin": origin}]});
        assert!(
            providers(&list, &good)
                .iter()
                .all(|finding| finding.verdict == Verdict::Ok)
        );
        let stray = json!({"credentials": [{"provider": "p", "label": "l", "origin": "https://b.example:443"}]});
        assert!(
            providers(&list, &stray)
                .iter()
                .any(|finding| finding.verdict == Verdict::Bad)
        );
    }

    #[test]
    fn a_disabled_provider_is_warned_of() {
        let list = json!({"providers": [{"name": "p", "base_url": "https://a.example", "enabled": false}]});
        let findings = providers(&list, &json!({}));
        assert!(
            findings
                .iter()
                .any(|finding| finding.verdict == Verdict::Warn && finding.what == "disabled: p")
        );
    }

    #[test]
    fn a_chain_that_is_not_whole_is_bad() {
        assert_eq!(audit(&json!({"ok": true, "rows": 3})).verdict, Verdict::Ok);
        assert!(
            audit(&json!({"ok": false, "first_bad": 2}))
                .what
                .contains("event 2")
        );
        assert_eq!(audit(&json!({})).verdict, Verdict::Bad);
    }
}
