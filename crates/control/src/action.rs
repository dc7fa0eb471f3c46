//! The table of actions, from which commands and APIs are derived.

use mirk_model::{Kind, Problem};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Act, actions};

/// What somebody must be permitted to do an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Looking only.
    Read,
    /// Changing keys, providers, credentials and routes.
    Manage,
    /// Making the first account.
    SetUp,
}

/// One action.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// Its name, which is also its kind in the audit log.
    pub name: &'static str,
    /// What one must be permitted.
    pub permit: Permit,
    /// What it does, in one sentence.
    pub about: &'static str,
    pub(crate) run: fn(&Act<'_>, Value) -> Result<Value, Problem>,
}

macro_rules! actions {
    ($($permit:ident $name:literal $about:literal $run:path;)+) => {
        /// Every action there is.
        pub const ACTIONS: &[Action] = &[$(
            Action { name: $name, permit: Permit::$permit, about: $about, run: |act, input| $run(act, read(input)?), },
        )+];
    };
}

actions! {
    Manage "key.create" "Make a key; the answer holds it once." actions::keys::create;
    Read "key.list" "List keys, without anything that would let one use them." actions::keys::list;
    Manage "key.revoke" "Revoke a key; when this is answered it is dead." actions::keys::revoke;
    Manage "key.rotate" "Replace a key by a new one with the same rights, in one step." actions::keys::rotate;
    Manage "key.limits" "Change a key's limits." actions::keys::limits;
    Manage "provider.add" "Add a provider, with its first credential." actions::providers::add;
    Read "provider.list" "List providers." actions::providers::list;
    Manage "provider.remove" "Remove a provider and its credentials." actions::providers::remove;
    Manage "provider.enable" "Let requests go to a provider." actions::providers::enable;
    Manage "provider.disable" "Let no request go to a provider." actions::providers::disable;
    Manage "credential.add" "Keep a credential for a provider: a key, an account's tokens, or a pointer to another program's." actions::credentials::add;
    Read "credential.list" "List credentials by label and fingerprint." actions::credentials::list;
    Manage "credential.remove" "Remove a credential." actions::credentials::remove;
    Manage "route.set" "Give models another name." actions::routes::set;
    Read "route.list" "List routes." actions::routes::list;
    Manage "route.remove" "Remove a route." actions::routes::remove;
    Read "model.list" "List the models that can be asked for." actions::models::list;
    Read "usage.show" "Sum up what was used and what it cost." actions::usage::show;
    Read "audit.list" "List audit events." actions::audit::list;
    Read "audit.verify" "Check the audit chain." actions::audit::verify;
    SetUp "setup.owner" "Make the owner's account." actions::setup::owner;
    Read "setup.status" "Say whether there is an owner." actions::setup::status;
}

/// Reads an action's input; a field that it does not have is an error.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, Problem> {
    serde_json::from_value(input).map_err(|error| {
        // Serde's words can quote the input, which may hold a secret: only the field is named.
        let words = error.to_string();
        let field = words.split('`').nth(1).filter(|name| {
            name.len() <= 32
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        let (kind, public) = if words.starts_with("unknown field") {
            (Kind::UnknownField, "there is no such field")
        } else if words.starts_with("missing field") {
            (Kind::Invalid, "must be given")
        } else {
            (Kind::Invalid, "a field has the wrong type")
        };
        let problem = Problem::new(kind, public);
        match field {
            Some(field) if !public.starts_with("a field") => problem.about(field.to_owned()),
            _ => problem,
        }
    })
}
