//! Requests through the world, one event after the other.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

use mirk_model::{CredentialId, Operation, ProviderId, TenantId, Timestamp};
use mirk_provider::kind;
use mirk_routing::{
    candidate::{CredentialSpec, Fleet, FleetSpec, ModelSpec, ProviderSpec, Routing, native},
    chain::RouteSpec,
    errors::{self, Answer, Fault},
    fit::Need,
    health::{Flight, Health, Standing, Target},
    plan::{Attempt, Budget, Request, Rules, Stickiness, Walk},
    strategy::Strategy,
};

use crate::upstreams::{Answered, CREDENTIALS, PROVIDERS, Upstreams};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const START: i64 = 1_772_323_200_000_000;
/// Between two arrivals, on average, in microseconds.
const GAP: u64 = 20_000;
const CONVERSATIONS: u64 = 3_000;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) arrived: u64,
    pub(crate) served: u64,
    pub(crate) failed: u64,
    pub(crate) failed_beside_healthy: u64,
    /// A circuit was still open though the provider was back.
    pub(crate) failed_beside_open: u64,
    pub(crate) dispatched_to_parked: u64,
    pub(crate) late_cooldowns: u64,
    pub(crate) limited: u64,
    pub(crate) broken: u64,
    pub(crate) could_stick: u64,
    pub(crate) stuck: u64,
}

/// A request under way.
struct Running {
    name: usize,
    /// Which conversation, and where that was answered when the request came.
    conversation: Option<(u64, Option<Arc<Target>>)>,
    walk: Walk,
    flight: Flight,
    attempt: Attempt,
    answered: Answered,
}

pub(crate) struct World {
    now: Timestamp,
    chance: u64,
    routing: Routing,
    fleet: Fleet,
    rules: Rules,
    names: Vec<String>,
    upstreams: Upstreams,
    ends: BinaryHeap<Reverse<(Timestamp, u64)>>,
    running: HashMap<u64, Running>,
    homes: HashMap<(u64, usize), Arc<Target>>,
    /// Until when each credential may not be asked, as the world was told.
    told: [[Timestamp; CREDENTIALS]; PROVIDERS],
    used: [[u64; CREDENTIALS]; PROVIDERS],
    pub(crate) seen: Seen,
}

fn provider(number: usize) -> ProviderSpec {
    let kind = kind::by_name("openai-compatible").unwrap();
    let byte = u8::try_from(number).unwrap();
    let credentials = (0..CREDENTIALS).map(|credential| {
        let mut id = [byte; 16];
        id[0] = u8::try_from(credential).unwrap();
        CredentialSpec::plain(Some(CredentialId::from_bytes(id)), TENANT)
    });
    ProviderSpec {
        id: ProviderId::from_bytes([byte; 16]),
        name: Arc::from(format!("p{number}")),
        kind,
        is_local: false,
        is_enabled: true,
        is_open: false,
        spoken: native(kind),
        models: ["big", "mini"].map(ModelSpec::named).to_vec(),
        credentials: credentials.collect(),
        strategy: [
            Strategy::RoundRobin,
            Strategy::LeastUsed,
            Strategy::PowerOfTwo,
        ][number % 3],
    }
}

/// Which provider and which credential `attempt` goes to.
fn place(attempt: &Attempt) -> (usize, usize) {
    let id = attempt.lane.credential().unwrap();
    (usize::from(id.as_bytes()[1]), usize::from(id.as_bytes()[0]))
}

impl World {
    pub(crate) fn new() -> Self {
        let routing = Routing::new(Arc::new(Health::new()), (5, 6));
        let mut pool = RouteSpec::in_order("pool", &["*/big"]);
        pool.strategy = Strategy::RoundRobin;
        let members: Vec<String> = (0..PROVIDERS).map(|one| format!("p{one}/mini")).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let spec = FleetSpec {
            providers: (0..PROVIDERS).map(provider).collect(),
            routes: vec![pool, RouteSpec::in_order("chain", &members)],
            profiles: Vec::new(),
        };
        let fleet = routing.fleet(TENANT, spec);
        let mut names: Vec<String> = ["pool", "chain", "mirk/fast", "auto"]
            .map(str::to_owned)
            .to_vec();
        names.extend((0..PROVIDERS).map(|one| format!("p{one}/big")));
        Self {
            now: Timestamp::from_micros(START),
            chance: 1,
            routing,
            fleet,
            rules: Rules::default(),
            names,
            upstreams: Upstreams::default(),
            ends: BinaryHeap::new(),
            running: HashMap::new(),
            homes: HashMap::new(),
            told: [[Timestamp::from_micros(0); CREDENTIALS]; PROVIDERS],
            used: [[0; CREDENTIALS]; PROVIDERS],
            seen: Seen::default(),
        }
    }

    pub(crate) fn used_of(&self, provider: usize) -> &[u64] {
        &self.used[provider]
    }

    fn draw(&mut self) -> u64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 20
    }

    pub(crate) fn run(&mut self, requests: u64) {
        let mut next = self.now;
        while self.seen.arrived < requests || !self.ends.is_empty() {
            let end = self.ends.peek().map(|Reverse((at, _))| *at);
            if self.seen.arrived < requests && end.is_none_or(|end| next <= end) {
                self.now = next;
                self.arrive();
                let gap = self.draw() % (2 * GAP);
                next = next.plus_micros(i64::try_from(gap).unwrap());
            } else if let Some(Reverse((at, number))) = self.ends.pop() {
                self.now = at;
                let running = self.running.remove(&number).unwrap();
                self.end(running);
            }
        }
    }

    fn arrive(&mut self) {
        self.seen.arrived += 1;
        let draw = self.draw();
        let name = match draw % 10 {
            0..4 => 0,
            4..6 => 1,
            6..8 => 2,
            8 => 3,
            _ => 4 + usize::try_from(draw / 16).unwrap() % PROVIDERS,
        };
        let talks = self.draw() % 10 < 7;
        let conversation = self.draw() % CONVERSATIONS;
        let parts = conversation.to_le_bytes();
        let request = Request {
            name: &self.names[name],
            over: None,
            need: Need::of(Operation::Chat),
            rules: &self.rules,
            is_local_only: false,
            conversation: talks.then(|| self.routing.conversation(TENANT, &[&parts])),
            intent: None,
            budget: Budget::default(),
            now: self.now,
            seed: draw,
        };
        let Ok(plan) = self.fleet.plan(&request) else {
            self.fail(name);
            return;
        };
        let home = self.homes.get(&(conversation, name)).cloned();
        // An ordered chain goes back to its first member by design.
        let can_hold = name != 1 || plan.stickiness() != Stickiness::Moved;
        let home = home.filter(|home| can_hold && home.look(self.now).is_usable());
        let conversation = talks.then_some((conversation, home));
        self.go_on(name, conversation, plan.walk());
    }

    /// Makes the next try, or fails.
    fn go_on(
        &mut self,
        name: usize,
        conversation: Option<(u64, Option<Arc<Target>>)>,
        mut walk: Walk,
    ) {
        while let Some(step) = walk.next(self.now) {
            let (provider, credential) = place(&step.attempt);
            let begins = self.now.plus_micros(step.pause);
            let Ok(flight) = step.attempt.target.begin(begins) else {
                continue;
            };
            if begins < self.told[provider][credential] {
                self.seen.dispatched_to_parked += 1;
            }
            let chance = self.draw();
            let answered = self.upstreams.ask((provider, credential), begins, chance);
            let takes = match answered {
                Answered::Well => Upstreams::latency(provider, begins, chance),
                Answered::Limited(_) | Answered::Down | Answered::Refused => 30_000,
            };
            let number = self.draw() ^ self.seen.arrived << 44;
            self.ends.push(Reverse((begins.plus_micros(takes), number)));
            let running = Running {
                name,
                conversation,
                walk,
                flight,
                attempt: step.attempt,
                answered,
            };
            assert!(self.running.insert(number, running).is_none());
            return;
        }
        self.fail(name);
    }

    /// An answer came.
    fn end(&mut self, running: Running) {
        let Running {
            name,
            conversation,
            mut walk,
            flight,
            attempt,
            answered,
        } = running;
        let seed = self.draw();
        let answer = match answered {
            Answered::Well => {
                flight.first_byte(self.now);
                flight.succeed(self.now);
                self.served(name, conversation, &walk, &attempt);
                return;
            }
            Answered::Limited(end) => {
                self.limited(flight, (&attempt, &mut walk), end);
                self.go_on(name, conversation, walk);
                return;
            }
            Answered::Down => {
                let answer = Answer {
                    status: 503,
                    headers: &[],
                    body: b"",
                };
                errors::read(&answer, self.now, seed)
            }
            Answered::Refused => (errors::read_fault(Fault::Refused, false), None),
        };
        self.seen.broken += 1;
        let (verdict, limit) = answer;
        flight.fail(&verdict, limit.as_ref(), (self.now, seed));
        walk.failed(&verdict);
        self.go_on(name, conversation, walk);
    }

    fn limited(&mut self, flight: Flight, (attempt, walk): (&Attempt, &mut Walk), end: Timestamp) {
        self.seen.limited += 1;
        let seed = self.draw();
        let wait = end.as_micros() - self.now.as_micros();
        let seconds = u64::try_from(wait.max(0))
            .unwrap()
            .div_ceil(1_000_000)
            .max(1);
        let announced = self
            .now
            .plus_micros(i64::try_from(seconds).unwrap() * 1_000_000);
        let text = seconds.to_string();
        let answer = Answer {
            status: 429,
            headers: &[("retry-after", text.as_bytes())],
            body: br#"{"error":{"type":"rate_limit_error"}}"#,
        };
        let (verdict, limit) = errors::read(&answer, self.now, seed);
        flight.fail(&verdict, limit.as_ref(), (self.now, seed));
        walk.failed(&verdict);
        let (provider, credential) = place(attempt);
        let told = &mut self.told[provider][credential];
        *told = announced.max(*told);
        let second = told.plus_micros(1_000_000);
        let before = attempt.target.look(told.plus_micros(-1)).standing;
        let after = attempt.target.look(second).standing;
        if !matches!(before, Standing::Parked(_)) || matches!(after, Standing::Parked(_)) {
            self.seen.late_cooldowns += 1;
        }
    }

    fn served(
        &mut self,
        name: usize,
        conversation: Option<(u64, Option<Arc<Target>>)>,
        walk: &Walk,
        attempt: &Attempt,
    ) {
        self.seen.served += 1;
        let (provider, credential) = place(attempt);
        self.used[provider][credential] += 1;
        let Some((conversation, home)) = conversation else {
            return;
        };
        walk.plan().keep(attempt, self.now);
        if let Some(home) = home {
            let is_same = Arc::ptr_eq(&home, &attempt.target);
            let id = home.account().place().credential.unwrap();
            let (provider, credential) = (id.as_bytes()[1].into(), id.as_bytes()[0].into());
            if is_same || self.upstreams.is_healthy(provider, credential, self.now) {
                self.seen.could_stick += 1;
                self.seen.stuck += u64::from(is_same);
            }
        }
        if walk.plan().stickiness() != Stickiness::Crowded {
            let target = Arc::clone(&attempt.target);
            self.homes.insert((conversation, name), target);
        }
    }

    /// A request was not served: was there anybody who could have?
    fn fail(&mut self, name: usize) {
        self.seen.failed += 1;
        let rules = Rules::default();
        let mut request = Request {
            name: &self.names[name],
            over: None,
            need: Need::of(Operation::Chat),
            rules: &rules,
            is_local_only: false,
            conversation: None,
            intent: None,
            budget: Budget::default(),
            now: self.now,
            seed: 0,
        };
        request.budget.retries = 0;
        let told = self.fleet.explain(&request);
        let is_healthy = |credential: Option<&str>| {
            let id = CredentialId::parse(credential.unwrap_or_default());
            id.is_some_and(|id| {
                let (provider, credential) = (id.as_bytes()[1].into(), id.as_bytes()[0].into());
                self.upstreams.is_healthy(provider, credential, self.now)
            })
        };
        let mut healthy = told
            .candidates
            .iter()
            .filter(|one| is_healthy(one.credential.as_deref()));
        if healthy.clone().any(|one| one.place.is_some()) {
            self.seen.failed_beside_healthy += 1;
        } else if healthy.any(|one| one.reason == "circuit_open") {
            self.seen.failed_beside_open += 1;
        }
    }
}
