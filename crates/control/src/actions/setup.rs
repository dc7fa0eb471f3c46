//! Set-up: the owner's account.

use mirk_model::{AccountId, Kind, Problem};
use mirk_store::{
    DbError,
    books::accounts::{Account, all, forget_setups, insert_owner},
};
use mirk_vault::{Cost, check_password};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Nothing, credentials::SecretText};
use crate::{Act, name};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owner {
    handle: String,
    password: SecretText,
}

pub(crate) fn owner(act: &Act<'_>, input: Owner) -> Result<Value, Problem> {
    name::slug("handle", &input.handle)?;
    let password = input.password.expose();
    check_password(password, &[&input.handle, "mirk"])
        .map_err(|error| Problem::new(Kind::Invalid, error.to_string()).about("password"))?;
    let control = act.control;
    let hash = control
        .vault
        .hash_password(password, Cost::DEFAULT, &*control.entropy)
        .map_err(|error| Problem::new(Kind::Overloaded, error.to_string()))?;
    let account = Account {
        id: AccountId::random(&*control.entropy),
        tenant: control.tenant,
        handle: input.handle.to_ascii_lowercase(),
        pwhash: hash.phc,
        pepper_version: hash.pepper_version,
        epoch: 1,
        created_at: control.clock.now(),
    };
    act.commit(
        insert_owner(&account).and(forget_setups()),
        account.id.to_string(),
        vec![],
    )
    .map_err(|error| match error {
        DbError::Conflict | DbError::Constraint => Problem::new(
            Kind::Conflict,
            "there is an owner already; set-up is done once",
        ),
        other => other.into(),
    })?;
    Ok(json!({"handle": account.handle, "account": account.id.to_string()}))
}

pub(crate) fn status(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    Ok(json!({"has_owner": !all(&*act.control.store)?.is_empty()}))
}
