//! How long planning and explaining take with 200 candidates: medians, printed, held to nothing.
//!
//! `cargo bench -p mirk-routing`

use std::{hint::black_box, sync::Arc, time::Instant};

use mirk_model::{CredentialId, Operation, ProviderId, TenantId, Timestamp};
use mirk_provider::kind;
use mirk_routing::{
    candidate::{CredentialSpec, Fleet, FleetSpec, ModelSpec, ProviderSpec, Routing, native},
    chain::RouteSpec,
    fit::Need,
    health::Health,
    plan::{Budget, Request, Rules},
    strategy::Strategy,
};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);
const ROUNDS: usize = 20_000;

/// Ten providers with four models and five credentials each: 200 candidates.
fn fleet(routing: &Routing) -> Fleet {
    let kinds = ["openai", "openrouter", "openai-compatible"].map(kind::by_name);
    let providers = (0..10_u8).filter_map(|number| {
        let kind = (*kinds.get(usize::from(number) % kinds.len())?)?;
        let credential = |credential: u8| {
            let mut id = [number; 16];
            id.fill(credential.wrapping_mul(31).wrapping_add(number));
            CredentialSpec::plain(Some(CredentialId::from_bytes(id)), TENANT)
        };
        let models = ["gpt-5", "gpt-5-mini", "gpt-4.1", "o3"];
        Some(ProviderSpec {
            id: ProviderId::from_bytes([number; 16]),
            name: Arc::from(format!("p{number}")),
            kind,
            is_local: false,
            is_enabled: true,
            is_open: false,
            spoken: native(kind),
            models: models.map(ModelSpec::named).to_vec(),
            credentials: (0..5).map(credential).collect(),
            strategy: Strategy::RoundRobin,
        })
    });
    let mut pool = RouteSpec::in_order("pool", &["*/*"]);
    pool.strategy = Strategy::RoundRobin;
    let spec = FleetSpec {
        providers: providers.collect(),
        routes: vec![pool],
        profiles: Vec::new(),
    };
    routing.fleet(TENANT, spec)
}

/// The median of `ROUNDS` runs, in nanoseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures the machine's own time"
)]
fn median(mut run: impl FnMut(u64)) -> u128 {
    let mut times: Vec<u128> = (0_u64..)
        .take(ROUNDS)
        .map(|seed| {
            let begin = Instant::now();
            run(seed);
            begin.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what a bench is for")]
fn main() {
    let routing = Routing::new(Arc::new(Health::new()), (1, 2));
    let fleet = fleet(&routing);
    let rules = Rules::default();
    for name in ["pool", "auto", "p0/gpt-5"] {
        let mut need = Need::of(Operation::Chat);
        need.input = 2_000;
        let request = Request {
            name,
            over: None,
            need,
            rules: &rules,
            is_local_only: false,
            conversation: Some(routing.conversation(TENANT, &[b"a session"])),
            intent: None,
            budget: Budget::default(),
            now: NOW,
            seed: 0,
        };
        let count = fleet.explain(&request).candidates.len();
        let planned = median(|seed| {
            let request = Request { seed, ..request };
            drop(black_box(fleet.plan(black_box(&request))));
        });
        let explained = median(|_| {
            drop(black_box(fleet.explain(black_box(&request))));
        });
        let micros = |nanos: u128| format!("{}.{:02}", nanos / 1_000, nanos % 1_000 / 10);
        println!(
            "{name}: {count} candidates, plan {} us, explain {} us",
            micros(planned),
            micros(explained)
        );
    }
}
