//! Keys: made, listed, rotated, limited and revoked.

use mirk_model::{
    ApiKey, KeyKind, KeyLimits, Kid, Kind, ModelFilter, Problem, ScopeSet, Secret, Timestamp,
};
use mirk_store::{Batch, DbError, books::keys};
use mirk_vault::{mint, parse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Nothing;
use crate::{Act, name};

/// Limits, as an input gives them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    label: String,
    scopes: Option<String>,
    #[serde(default)]
    models: Vec<String>,
    rpm: Option<u32>,
    tpm: Option<u32>,
    concurrency: Option<u32>,
    lifetime_calls: Option<u64>,
    daily_calls: Option<u64>,
    not_before: Option<String>,
    expires: Option<String>,
}

/// One key, by its public id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct One {
    kid: String,
}

/// New limits for one key; what is absent is not limited.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    kid: String,
    rpm: Option<u32>,
    tpm: Option<u32>,
    concurrency: Option<u32>,
    lifetime_calls: Option<u64>,
    daily_calls: Option<u64>,
}

pub(crate) fn create(act: &Act<'_>, input: Create) -> Result<Value, Problem> {
    name::label("label", &input.label)?;
    name::no_secret("label", &input.label)?;
    for glob in &input.models {
        name::model("models", glob)?;
    }
    let limits = KeyLimits {
        rpm: input.rpm,
        tpm: input.tpm,
        concurrency: input.concurrency,
        lifetime_calls: input.lifetime_calls,
        daily_calls: input.daily_calls,
    };
    check_limits(&limits)?;
    let scopes = match &input.scopes {
        None => ScopeSet::DEFAULT,
        Some(text) => ScopeSet::parse(text).map_err(|unknown| unknown_scope(&unknown))?,
    };
    let now = act.control.clock.now();
    let expires_at = moment("expires", input.expires.as_deref())?;
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(Kind::Invalid, "is in the past").about("expires"));
    }
    let key = ApiKey {
        label: input.label,
        scopes,
        models: ModelFilter::new(input.models),
        limits,
        not_before: moment("not_before", input.not_before.as_deref())?,
        expires_at,
        ..blank(act, now)
    };
    let (token, key) = mint_into(act, key)?;
    let batch = keys::insert(&key, act.control.keys_per_account.into());
    act.commit(
        batch,
        key.kid.to_string(),
        vec![("scopes", key.scopes.to_string())],
    )
    .map_err(|error| at_limit(act, error))?;
    Ok(with_token(&key, &token, now))
}

fn unknown_scope(unknown: &str) -> Problem {
    let known: Vec<_> = ScopeSet::names().collect();
    let known = known.join(", ");
    let is_word = unknown.len() <= 32 && unknown.bytes().all(|byte| byte.is_ascii_lowercase());
    let words = if is_word && !unknown.is_empty() {
        format!("there is no scope `{unknown}`; there are {known}")
    } else {
        format!("must be some of {known}, separated by commas")
    };
    Problem::new(Kind::Invalid, words).about("scope")
}

fn at_limit(act: &Act<'_>, error: DbError) -> Problem {
    if error == DbError::Limit {
        let words = format!(
            "there are {} live keys already, which is the most; revoke one first",
            act.control.keys_per_account
        );
        return Problem::new(Kind::Limit, words);
    }
    error.into()
}

fn blank(act: &Act<'_>, now: Timestamp) -> ApiKey {
    let (_, kid) = mint(KeyKind::User, &*act.control.entropy);
    ApiKey {
        kid,
        tenant: act.control.tenant,
        label: String::new(),
        kind: KeyKind::User,
        key_mac: [0; 32],
        pepper_version: act.control.vault.pepper_version(),
        scopes: ScopeSet::default(),
        models: ModelFilter::default(),
        limits: KeyLimits::default(),
        not_before: None,
        expires_at: None,
        revoked_at: None,
        created_at: now,
        version: 1,
        row_mac: [0; 32],
    }
}

/// Mints a token and makes `key` its row.
fn mint_into(act: &Act<'_>, mut key: ApiKey) -> Result<(Secret<String>, ApiKey), Problem> {
    let control = act.control;
    let (token, kid) = mint(key.kind, &*control.entropy);
    let sealed = || Problem::new(Kind::VaultSealed, "The vault cannot make keys now.");
    let parsed = parse(token.expose().as_bytes()).ok_or_else(sealed)?;
    key.kid = kid;
    key.pepper_version = control.vault.pepper_version();
    key.key_mac = control
        .vault
        .key_mac(&kid, parsed.secret_part(), key.pepper_version)
        .ok_or_else(sealed)?;
    key.row_mac = control.row_mac(&key.mac_input());
    Ok((token, key))
}

fn with_token(key: &ApiKey, token: &Secret<String>, now: Timestamp) -> Value {
    let mut value = shown(key, now);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("key".to_owned(), Value::from(token.expose().as_str()));
    }
    value
}

/// What anybody gets to see of a key.
fn shown(key: &ApiKey, now: Timestamp) -> Value {
    let limits = &key.limits;
    json!({
        "kid": key.kid.as_str(),
        "label": key.label,
        "state": state(key, now),
        "scopes": key.scopes.to_string(),
        "models": key.models.globs(),
        "rpm": limits.rpm,
        "tpm": limits.tpm,
        "concurrency": limits.concurrency,
        "lifetime_calls": limits.lifetime_calls,
        "daily_calls": limits.daily_calls,
        "not_before": key.not_before.map(|at| at.to_string()),
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "created_at": key.created_at.to_string(),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else if key.not_before.is_some_and(|start| now < start) {
        "not yet"
    } else {
        "live"
    }
}

pub(crate) fn list(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    let now = act.control.clock.now();
    let keys = keys::of_tenant(&*act.control.store, act.control.tenant)?;
    Ok(json!({"keys": keys.iter().map(|key| shown(key, now)).collect::<Vec<_>>()}))
}

pub(crate) fn revoke(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    let mut key = find(act, &input.kid)?;
    let now = act.control.clock.now();
    if key.revoked_at.is_none() {
        key.revoked_at = Some(now);
        let kid = key.kid;
        // Dead in memory first: also when the disk is full, the key does not work any more.
        act.control.store.block_key(kid);
        act.commit(signed(act, &mut key), kid.to_string(), vec![])?;
    }
    Ok(shown(&key, now))
}

pub(crate) fn rotate(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    let mut old = find(act, &input.kid)?;
    let now = act.control.clock.now();
    if state(&old, now) != "live" && state(&old, now) != "not yet" {
        return Err(Problem::new(
            Kind::Conflict,
            "this key is revoked or expired; make a new one",
        ));
    }
    let (token, new) = mint_into(
        act,
        ApiKey {
            created_at: now,
            version: 1,
            ..old.clone()
        },
    )?;
    old.revoked_at = Some(now);
    let replaced = old.kid;
    // The old one goes first, so that a full account can rotate too.
    let batch = signed(act, &mut old).and(keys::insert(&new, act.control.keys_per_account.into()));
    act.commit(
        batch,
        replaced.to_string(),
        vec![("new", new.kid.to_string())],
    )
    .map_err(|error| at_limit(act, error))?;
    let mut value = with_token(&new, &token, now);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("replaces".to_owned(), Value::from(replaced.as_str()));
    }
    Ok(value)
}

pub(crate) fn limits(act: &Act<'_>, input: Limits) -> Result<Value, Problem> {
    let mut key = find(act, &input.kid)?;
    key.limits = KeyLimits {
        rpm: input.rpm,
        tpm: input.tpm,
        concurrency: input.concurrency,
        lifetime_calls: input.lifetime_calls,
        daily_calls: input.daily_calls,
    };
    check_limits(&key.limits)?;
    let batch = signed(act, &mut key);
    act.commit(batch, key.kid.to_string(), vec![])?;
    Ok(shown(&key, act.control.clock.now()))
}

/// The change of a key's row to its next version, signed.
fn signed(act: &Act<'_>, key: &mut ApiKey) -> Batch {
    key.version = key.version.saturating_add(1);
    key.row_mac = act.control.row_mac(&key.mac_input());
    keys::update(key)
}

fn find(act: &Act<'_>, kid: &str) -> Result<ApiKey, Problem> {
    let missing = || {
        Problem::new(
            Kind::NotFound,
            "there is no such key; `mirk key list` shows those there are",
        )
        .about("kid")
    };
    let kid = Kid::parse(kid.as_bytes()).ok_or_else(missing)?;
    let key = keys::get(&*act.control.store, act.control.tenant, kid)?;
    // A row that somebody else wrote is not signed anew.
    key.filter(|key| {
        act.control
            .vault
            .row_mac_valid(&key.mac_input(), &key.row_mac)
    })
    .ok_or_else(missing)
}

fn check_limits(limits: &KeyLimits) -> Result<(), Problem> {
    let zero = [
        ("rpm", limits.rpm),
        ("tpm", limits.tpm),
        ("concurrency", limits.concurrency),
    ]
    .into_iter()
    .find(|(_, limit)| *limit == Some(0));
    match zero {
        Some((name, _)) => {
            let words = "must be at least 1; leave it out for no limit, or revoke the key";
            Err(Problem::new(Kind::Invalid, words).about(name))
        }
        None => Ok(()),
    }
}

fn moment(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| {
        Timestamp::parse(text).ok_or_else(|| {
            let words = "must be a date and time like 2026-12-31T23:59:59Z";
            Problem::new(Kind::Invalid, words).about(field)
        })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_scope_is_named_unless_it_could_be_a_secret() {
        assert!(unknown_scope("admin").public.contains("`admin`"));
        assert!(!unknown_scope("sk-ant-123").public.contains("sk-ant"));
    }
}
