//! Planning: which provider and model answer a request, in which order. Pure.

use std::sync::{Arc, atomic::Ordering};

use mirk_dialect::bridge;
use mirk_model::{Kind, Operation, Problem};
use mirk_provider::{catalog, kind::Listed, traits};

use crate::{
    admit::Admitted,
    dispatch::Asked,
    plane::{Credential, Operations, Tenant, Upstream},
};

/// One try: a model at a provider with one credential.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) credential: Arc<Credential>,
    pub(crate) model: Arc<str>,
    /// What the provider is asked for: what the client asks for, or what stands for it.
    pub(crate) operation: Operation,
    /// What its server turned out not to do.
    pub(crate) lacks: Operations,
}

impl Attempt {
    /// What stands for what the client asks for at a server that turned out not to do it, nor what
    /// was tried instead; only of kinds that many different servers are.
    pub(crate) fn stand_in(&self, asked: &Asked) -> Option<Operation> {
        let facts = self.upstream.facts;
        let is_sure = facts.catalog != Listed::Unknown && !facts.is_local;
        // What every server of a kind does stands first.
        let is_plain = facts
            .paths
            .first()
            .is_some_and(|(plain, _)| *plain == asked.operation);
        if is_sure || is_plain {
            return None;
        }
        let best = traits::best_dialect(facts, &self.model);
        bridge::upstream(asked.operation, asked.is_stream, best, |operation| {
            facts.serves(operation) && operation != self.operation && !self.lacks.has(operation)
        })
    }
}

/// A provider and the model's name there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) model: Arc<str>,
}

/// The most attempts that one request makes.
const MOST_ATTEMPTS: usize = 8;

/// Where a model's name leads, in order: an alias, then `provider/model`, then a bare name that
/// exactly one provider has.
fn resolve(
    tenant: Option<&Tenant>,
    name: &str,
    operation: Operation,
) -> Result<Vec<Target>, Problem> {
    let tenant = tenant
        .filter(|tenant| !tenant.upstreams.is_empty())
        .ok_or_else(|| {
            Problem::new(
                Kind::ModelNotFound,
                "No provider is set up yet. Add one with `mirk provider add`.",
            )
        })?;
    if let Some(targets) = tenant.routes.get(name) {
        let found: Vec<_> = targets
            .iter()
            .filter_map(|target| addressed(tenant, target))
            .collect();
        if found.is_empty() {
            return Err(not_found(
                "None of the targets of this route is there and enabled.",
            ));
        }
        return Ok(found);
    }
    if let Some(target) = addressed(tenant, name) {
        return Ok(vec![target]);
    }
    let provider = name.split_once('/').map(|(provider, _)| provider);
    match tenant
        .upstreams
        .iter()
        .find(|upstream| Some(&*upstream.name) == provider)
    {
        Some(upstream) if upstream.row.enabled => {
            return Err(not_found(
                "This provider does not list this model. `mirk model list` shows those it does.",
            ));
        }
        Some(_) => {
            return Err(not_found(
                "This provider is disabled. `mirk provider enable` lets requests go there again.",
            ));
        }
        None => {}
    }
    bare(tenant, name, operation).map(|target| vec![target])
}

/// Reads `provider/model`; the model's own name may hold slashes.
fn addressed(tenant: &Tenant, name: &str) -> Option<Target> {
    let (provider, model) = name.split_once('/')?;
    let upstream = enabled(tenant).find(|upstream| &*upstream.name == provider)?;
    let is_there = upstream.row.models.is_empty() || upstream.lists(model);
    (!model.is_empty() && is_there).then(|| Target {
        upstream: Arc::clone(upstream),
        model: Arc::from(model),
    })
}

fn enabled(tenant: &Tenant) -> impl Iterator<Item = &Arc<Upstream>> {
    tenant
        .upstreams
        .iter()
        .filter(|upstream| upstream.row.enabled)
}

/// Those that list the model; else, of those without a list, those whose kind is known to have it,
/// first of these the ones that speak the request's dialect; else, unless the name has a slash and
/// so may have been meant for a provider that is not there, any of them.
fn bare(tenant: &Tenant, name: &str, operation: Operation) -> Result<Target, Problem> {
    let unlisted = |is_native: bool| {
        enabled(tenant).filter(move |upstream| {
            upstream.row.models.is_empty()
                && upstream.facts.serves(operation) == is_native
                && (upstream.answers(operation, false, name).is_some() || operation.is_count())
        })
    };
    let is_known = |upstream: &&Arc<Upstream>| catalog::find(upstream.facts.name, name).is_some();
    let has_no_slash = |_: &&Arc<Upstream>| !name.contains('/');
    let ranks: [Vec<&Arc<Upstream>>; 5] = [
        enabled(tenant)
            .filter(|upstream| upstream.lists(name))
            .collect(),
        unlisted(true).filter(is_known).collect(),
        unlisted(false).filter(is_known).collect(),
        unlisted(true).filter(has_no_slash).collect(),
        unlisted(false).filter(has_no_slash).collect(),
    ];
    match ranks
        .iter()
        .find(|rank| !rank.is_empty())
        .map(Vec::as_slice)
    {
        Some([only]) => Ok(Target {
            upstream: Arc::clone(only),
            model: Arc::from(name),
        }),
        Some(_) => Err(not_found(
            "More than one provider may have this model. Ask for it as provider/model.",
        )),
        None => Err(not_found(
            "No provider has this model. `mirk model list` shows those there are.",
        )),
    }
}

fn not_found(words: &'static str) -> Problem {
    Problem::new(Kind::ModelNotFound, words).about("model")
}

/// The attempts that a request may lead to, all of them with models that its key may use.
pub(crate) fn plan(
    tenant: Option<&Tenant>,
    admitted: &Admitted,
    asked: &Asked,
) -> Result<Vec<Attempt>, Problem> {
    let targets = resolve(tenant, &asked.model, asked.operation)?;
    for target in &targets {
        let full = format!("{}/{}", target.upstream.name, target.model);
        admitted.may_use(&[&asked.model, &target.model, &full])?;
    }
    attempts(&targets, asked.operation, asked.is_stream)
}

/// The attempts for `targets`: every credential of each, starting with the one whose turn it
/// is; those that are cooling down come last. None for a count that no provider makes.
fn attempts(
    targets: &[Target],
    operation: Operation,
    is_stream: bool,
) -> Result<Vec<Attempt>, Problem> {
    let able: Vec<_> = targets
        .iter()
        .filter_map(|target| {
            Some((
                target,
                target
                    .upstream
                    .answers(operation, is_stream, &target.model)?,
            ))
        })
        .collect();
    if able.is_empty() && operation.is_count() {
        // Nobody counts for this model; Mirk does it itself.
        return Ok(Vec::new());
    }
    if able.is_empty() {
        let dialect = operation.dialect();
        let words = format!(
            "The provider of this model does not do what is asked here in {dialect}, and has \
             nothing that stands for it."
        );
        return Err(Problem::new(Kind::BadRequest, words).about("model"));
    }
    let mut attempts = Vec::new();
    let mut cooling = Vec::new();
    for (target, operation) in able {
        let credentials = &target.upstream.credentials;
        let turn = target.upstream.turn.fetch_add(1, Ordering::Relaxed);
        let start = turn.checked_rem(credentials.len()).unwrap_or(0);
        for credential in credentials
            .iter()
            .cycle()
            .skip(start)
            .take(credentials.len())
        {
            let rank = if credential.pool.is_parked() {
                &mut cooling
            } else {
                &mut attempts
            };
            rank.push(Attempt {
                upstream: Arc::clone(&target.upstream),
                credential: Arc::clone(credential),
                model: Arc::clone(&target.model),
                operation,
                lacks: Operations::default(),
            });
        }
    }
    attempts.append(&mut cooling);
    attempts.truncate(MOST_ATTEMPTS);
    if attempts.is_empty() {
        let words =
            "No usable credential is stored for this provider. Add one with `mirk credential add`.";
        return Err(Problem::new(Kind::NoCredential, words));
    }
    Ok(attempts)
}
