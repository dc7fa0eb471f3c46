//! Routes: other names for models.

use mirk_model::{Kind, Problem, RouteId, RouteRow};
use mirk_store::{DbError, books::routes};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Nothing, providers};
use crate::{Act, name};

/// Targets that one route may have.
const MOST_TARGETS: usize = 16;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    alias: String,
    targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct One {
    alias: String,
}

pub(crate) fn set(act: &Act<'_>, input: Set) -> Result<Value, Problem> {
    name::model("alias", &input.alias)?;
    name::no_secret("alias", &input.alias)?;
    if input.targets.is_empty() || input.targets.len() > MOST_TARGETS {
        return Err(
            Problem::new(Kind::Invalid, "must be 1 to 16 targets as provider/model").about("to"),
        );
    }
    for target in &input.targets {
        name::model("to", target)?;
        let Some((provider, model)) = target.split_once('/') else {
            return Err(
                Problem::new(Kind::Invalid, "every target must be provider/model").about("to"),
            );
        };
        providers::find(act, provider)?;
        if model.is_empty() {
            return Err(
                Problem::new(Kind::Invalid, "the model behind the slash is missing").about("to"),
            );
        }
    }
    let control = act.control;
    let mut row = RouteRow {
        id: RouteId::random(&*control.entropy),
        tenant: control.tenant,
        alias: input.alias,
        targets: input.targets,
        created_at: control.clock.now(),
        row_mac: [0; 32],
    };
    row.row_mac = control.row_mac(&row.mac_input());
    act.commit(
        routes::set(&row),
        row.alias.clone(),
        vec![("targets", row.targets.join(" "))],
    )?;
    Ok(shown(&row))
}

fn shown(row: &RouteRow) -> Value {
    json!({"alias": row.alias, "targets": row.targets, "created_at": row.created_at.to_string()})
}

pub(crate) fn list(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    let directory = act.control.store.directory();
    let rows = directory
        .routes
        .iter()
        .filter(|row| row.tenant == act.control.tenant);
    Ok(json!({"routes": rows.map(|row| shown(row)).collect::<Vec<_>>()}))
}

pub(crate) fn remove(act: &Act<'_>, input: One) -> Result<Value, Problem> {
    let batch = routes::remove(act.control.tenant, &input.alias);
    act.commit(batch, input.alias.clone(), vec![])
        .map_err(|error| match error {
            DbError::Conflict => {
                let words = "there is no such route; `mirk route list` shows those there are";
                Problem::new(Kind::NotFound, words).about("alias")
            }
            other => other.into(),
        })?;
    Ok(json!({"alias": input.alias, "removed": true}))
}
