//! `mirk routes`: every HTTP route with its policy.

use clap::Args;
use mirk_dialect::endpoint::ENDPOINTS;
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    out::{cell, rows},
};
use crate::serve::service::OWN_ROUTES;

/// Print every HTTP route with its policy.
#[derive(Debug, Args)]
pub(super) struct Routes {}

impl Routes {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let Self {} = self;
        invocation.out.result(&all(), |out, value| {
            let lines: Vec<Vec<String>> = rows(value, "routes")
                .iter()
                .map(|route| {
                    ["method", "path", "policy"]
                        .iter()
                        .map(|key| cell(route, key))
                        .collect()
                })
                .collect();
            out.table(&["METHOD", "PATH", "POLICY"], &lines)
        })
    }
}

fn all() -> Value {
    let own = OWN_ROUTES
        .iter()
        .map(|route| (route.method, route.pattern, route.policy));
    let models = ENDPOINTS
        .iter()
        .map(|route| (route.method, route.pattern, route.policy.words()));
    let routes: Vec<_> = own
        .chain(models)
        .map(|(method, path, policy)| json!({"method": method, "path": path, "policy": policy}))
        .collect();
    json!({"routes": routes})
}
