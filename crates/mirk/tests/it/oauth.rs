//! Tokens of accounts over real sockets: renewed once whoever waits, durable before use, ended when
//! the endpoint says so, and nowhere to be found.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a real server is waited for in real time"
)]

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Barrier, Mutex},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mirk::sim::{Ending, Scripted, SimOptions};
use serde_json::{Value, json};

use crate::{
    live::Live,
    talk::{Speech, until},
};

/// What the endpoint does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Gives tokens that live so many seconds, after so many milliseconds.
    Grants { lives: u32, after: u64 },
    /// Takes the request and never answers.
    Stalls,
    /// Answers with this status and error.
    Refuses(u16, &'static str),
}

#[derive(Debug)]
struct State {
    mood: Mood,
    asked: Vec<String>,
    /// The only refresh token that is good.
    current: String,
    count: u32,
    /// When the tokens expire that its owner was given, in seconds since 1970.
    expiry: u64,
}

/// A token endpoint whose refresh tokens are good once.
#[derive(Clone, Debug)]
struct Endpoint {
    url: String,
    state: Arc<Mutex<State>>,
}

impl Endpoint {
    fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
        let state = State {
            mood,
            asked: vec![],
            current: refresh(0),
            count: 0,
            expiry: 0,
        };
        let endpoint = Self {
            url,
            state: Arc::new(Mutex::new(state)),
        };
        let served = endpoint.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                thread::spawn(move || served.answer(stream));
            }
        });
        endpoint
    }

    fn answer(&self, mut stream: TcpStream) {
        let request = read(&mut stream);
        let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
        let (mood, status, answer) = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(request.clone());
            let (status, answer) = state.judge(body);
            (state.mood, status, answer)
        };
        match mood {
            Mood::Stalls => thread::sleep(Duration::from_mins(2)),
            Mood::Grants { after, .. } => thread::sleep(Duration::from_millis(after)),
            Mood::Refuses(..) => {}
        }
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        // The server that asked may be dead by now.
        drop(stream.write_all((head + &text).as_bytes()));
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }

    fn expiry(&self) -> u64 {
        self.state.lock().unwrap().expiry
    }

    fn mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// What an owner hands over: tokens of generation 0 that expire in so many seconds.
    fn tokens(&self, expires_in: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expiry = now.as_secs().saturating_add_signed(expires_in);
        self.state.lock().unwrap().expiry = expiry;
        json!({
            "access": access(0), "refresh": refresh(0), "token_endpoint": self.url, "client_id": "my-client",
            "expires_at": expiry,
        })
        .to_string()
    }
}

impl State {
    fn judge(&mut self, body: &str) -> (u16, Value) {
        match self.mood {
            Mood::Stalls => (200, json!({})),
            Mood::Refuses(status, error) => (status, json!({"error": error})),
            Mood::Grants { lives, .. } => {
                let expected = format!(
                    "grant_type=refresh_token&refresh_token={}&client_id=my-client",
                    self.current
                );
                if body != expected {
                    return (400, json!({"error": "invalid_grant"}));
                }
                self.count += 1;
                self.current = refresh(self.count);
                let answer = json!({
                    "access_token": access(self.count), "refresh_token": self.current, "expires_in": lives,
                    "token_type": "Bearer",
                });
                (200, answer)
            }
        }
    }
}

fn read(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        text.extend_from_slice(&buffer[..count]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let length = shown.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().unwrap())
        });
        let body = shown.split("\r\n\r\n").nth(1).map(str::len);
        if count == 0 || body.is_some_and(|body| body >= length.unwrap_or(0)) {
            return shown;
        }
    }
}

fn access(number: u32) -> String {
    format!("sim-accesstoken-{number}-7b1d2c4e9f")
}

fn refresh(number: u32) -> String {
    format!("sim-refreshtoken-{number}-5a8e6d3b0c")
}

/// A server with a provider `acc` that has nothing but an account's tokens.
fn server(endpoint: &Endpoint, expires_in: i64) -> Live {
    let live = Live::with(&[], SimOptions::default());
    let input = json!({
        "name": "acc", "kind": "openai", "base_url": live.sim.base(), "without_secret": true,
    });
    live.act("provider.add", input);
    add(&live, "acc", &endpoint.tokens(expires_in));
    live.sim.clear();
    live
}

fn add(live: &Live, provider: &str, tokens: &str) -> Value {
    let input = json!({
        "provider": provider, "label": "account", "secret": tokens, "oauth": true, "accept_terms": true,
    });
    live.act("credential.add", input)
}

fn ask(live: &Live) -> (u16, String) {
    let (path, body) = Speech::Chat.request_named("acc/gpt-x", false, "hello");
    let answer = live.client().ask(&live.key, &path, &body);
    (answer.head.status, answer.text())
}

fn credentials_seen(live: &Live) -> Vec<String> {
    let requests = live.sim.requests();
    requests
        .into_iter()
        .filter_map(|request| request.credential)
        .collect()
}

fn row(live: &Live, provider: &str) -> Value {
    let list = live.act("credential.list", json!({}));
    let rows = list["credentials"].as_array().unwrap();
    rows.iter()
        .find(|row| row["provider"] == provider && row["label"] == "account")
        .unwrap()
        .clone()
}

fn audited(live: &Live, action: &str) -> usize {
    let list = live.act("audit.list", json!({}));
    let events = list["events"].as_array().unwrap();
    events
        .iter()
        .filter(|event| event["action"] == action)
        .count()
}

/// No token in any file of the installation, plain, in hex or in base64, and none in the log.
fn no_token_anywhere(live: &Live) {
    let mut forms = BTreeSet::new();
    for token in (0..4).flat_map(|number| [access(number), refresh(number)]) {
        let bytes = token.as_bytes();
        forms.insert(token.clone());
        forms.insert(data_encoding::HEXLOWER.encode(bytes));
        // Where a word begins in base64 depends on what is before it.
        for skipped in 0..3 {
            let whole = bytes.len() - (bytes.len() - skipped) % 3;
            forms.insert(data_encoding::BASE64_NOPAD.encode(&bytes[skipped..whole]));
        }
    }
    let mut files = 0;
    look(&live.folder, &mut |path, bytes| {
        files += 1;
        for form in &forms {
            let is_there = memchr::memmem::find(bytes, form.as_bytes()).is_some();
            assert!(!is_there, "a token is in {}", path.display());
        }
    });
    assert!(files > 3, "{files} files were searched");
}

fn look(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            look(&path, each);
        } else if let Ok(bytes) = fs::read(&path) {
            each(&path, &bytes);
        }
    }
}

#[test]
fn a_hundred_requests_at_expiry_cause_one_renewal() {
    let endpoint = Endpoint::start(Mood::Grants {
        lives: 3_600,
        after: 300,
    });
    let live = server(&endpoint, -5);
    let barrier = Barrier::new(100);
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                barrier.wait();
                let (status, text) = ask(&live);
                assert_eq!(status, 200, "{text}");
            });
        }
    });
    assert_eq!(endpoint.asked(), 1);
    let seen = credentials_seen(&live);
    assert_eq!(seen.len(), 100);
    assert!(seen.iter().all(|credential| *credential == access(1)));
    assert_eq!(audited(&live, "credential.refresh"), 1);
    no_token_anywhere(&live);
    // It goes as a form, with nothing of another client.
    let asked = endpoint.state.lock().unwrap().asked[0].to_ascii_lowercase();
    assert!(
        asked.starts_with("post /oauth/token http/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("user-agent: mirk/"), "{asked}");
}

#[test]
fn a_new_token_is_durable_before_it_is_used() {
    let endpoint = Endpoint::start(Mood::Grants {
        lives: 3_600,
        after: 0,
    });
    let mut live = server(&endpoint, -5);
    // The provider takes the new token and says nothing: the server dies in that moment.
    let (path, body) = Speech::Chat.request_named("acc/gpt-sim-stall", false, "hello");
    let mut client = live.client();
    client.post(&live.key, &path, &body);
    let seen = until(Duration::from_secs(10), || {
        credentials_seen(&live).contains(&access(1))
    });
    assert!(seen.is_some());
    live.kill();
    live.sim.clear();
    live.serve();
    let (status, text) = ask(&live);
    assert_eq!(status, 200, "{text}");
    assert_eq!(credentials_seen(&live), [access(1)]);
    assert_eq!(endpoint.asked(), 1);
    no_token_anywhere(&live);
}

#[test]
fn a_death_while_the_endpoint_stalls_leaves_the_old_pair() {
    let endpoint = Endpoint::start(Mood::Stalls);
    let mut live = server(&endpoint, -5);
    let (path, body) = Speech::Chat.request_named("acc/gpt-x", false, "hello");
    let mut client = live.client();
    client.post(&live.key, &path, &body);
    assert!(until(Duration::from_secs(10), || endpoint.asked() == 1).is_some());
    live.kill();
    endpoint.mood(Mood::Grants {
        lives: 3_600,
        after: 0,
    });
    live.serve();
    let (status, text) = ask(&live);
    assert_eq!(status, 200, "{text}");
    assert_eq!(endpoint.asked(), 2);
    assert_eq!(credentials_seen(&live), [access(1)]);
}

#[test]
fn a_waiter_that_leaves_stops_nothing() {
    let endpoint = Endpoint::start(Mood::Grants {
        lives: 3_600,
        after: 800,
    });
    let live = server(&endpoint, -5);
    let (path, body) = Speech::Chat.request_named("acc/gpt-x", false, "hello");
    let mut client = live.client();
    client.post(&live.key, &path, &body);
    assert!(until(Duration::from_secs(10), || endpoint.asked() == 1).is_some());
    drop(client);
    let (status, text) = ask(&live);
    assert_eq!(status, 200, "{text}");
    assert_eq!(endpoint.asked(), 1);
    assert_eq!(audited(&live, "credential.refresh"), 1);
}

#[test]
fn a_login_that_has_ended_says_so_and_the_next_credential_is_taken() {
    let endpoint = Endpoint::start(Mood::Refuses(400, "invalid_grant"));
    let live = server(&endpoint, -5);
    assert_eq!(row(&live, "acc")["state"], "ready");
    let (status, text) = ask(&live);
    assert_eq!(status, 502, "{text}");
    assert!(text.contains("Log in again"), "{text}");
    assert_eq!(row(&live, "acc")["state"], "needs login");
    assert_eq!(audited(&live, "credential.needs_login"), 1);
    // It is over: nobody asks again, also after a restart.
    assert_eq!(ask(&live).0, 502);
    assert_eq!(endpoint.asked(), 1);
    let mut live = live;
    live.kill();
    live.serve();
    assert_eq!(ask(&live).0, 502);
    assert_eq!(endpoint.asked(), 1);
    assert!(live.sim.requests().is_empty());
    let key = json!({"provider": "acc", "label": "key", "secret": "sim-key-0123"});
    live.act("credential.add", key);
    for _ in 0..4 {
        assert_eq!(ask(&live).0, 200);
    }
    assert_eq!(credentials_seen(&live), ["sim-key-0123"; 4]);
    let printed = live.cli(&["credential", "list"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("needs login"), "{printed}");
}

#[test]
fn the_request_that_finds_the_login_ended_is_served_by_another_credential() {
    let endpoint = Endpoint::start(Mood::Refuses(400, "invalid_grant"));
    let live = server(&endpoint, -5);
    let key = json!({"provider": "acc", "label": "key", "secret": "sim-key-0123"});
    live.act("credential.add", key);
    for _ in 0..4 {
        assert_eq!(ask(&live).0, 200);
    }
    assert_eq!(endpoint.asked(), 1);
    assert_eq!(row(&live, "acc")["state"], "needs login");
}

#[test]
fn while_the_old_token_lives_an_endpoint_that_fails_hurts_nobody() {
    let endpoint = Endpoint::start(Mood::Refuses(503, "later"));
    let live = server(&endpoint, 12);
    let whole = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = Duration::from_secs(endpoint.expiry());
    // In the last tenth of its life.
    let margin = Duration::from_secs(1);
    thread::sleep(expires.saturating_sub(whole + margin));
    for _ in 0..3 {
        assert_eq!(ask(&live).0, 200);
    }
    assert_eq!(credentials_seen(&live), [access(0), access(0), access(0)]);
    // It is left alone for a while.
    assert_eq!(endpoint.asked(), 1);
    thread::sleep(Duration::from_millis(1_200));
    let (status, text) = ask(&live);
    assert_eq!(status, 503, "{text}");
    assert_eq!(endpoint.asked(), 1);
    assert_eq!(row(&live, "acc")["state"], "ready");
    endpoint.mood(Mood::Grants {
        lives: 3_600,
        after: 0,
    });
    assert!(until(Duration::from_secs(10), || ask(&live).0 == 200).is_some());
    assert_eq!(endpoint.asked(), 2);
}

#[test]
fn a_token_that_nothing_renews_is_used_to_its_end_and_then_needs_its_owner() {
    let endpoint = Endpoint::start(Mood::Stalls);
    let live = server(&endpoint, 3_600);
    let provider = json!({
        "name": "two", "kind": "openai", "base_url": live.sim.base(), "without_secret": true,
    });
    live.act("provider.add", provider);
    let tokens = json!({"access": access(3), "expires_in": 5}).to_string();
    add(&live, "two", &tokens);
    let ask = || {
        let (path, body) = Speech::Chat.request_named("two/gpt-x", false, "hello");
        let answer = live.client().ask(&live.key, &path, &body);
        (answer.head.status, answer.text())
    };
    // In the last tenth of its life.
    thread::sleep(Duration::from_millis(4_600));
    assert_eq!(ask().0, 200);
    assert_eq!(row(&live, "two")["state"], "ready");
    thread::sleep(Duration::from_millis(500));
    let (status, text) = ask();
    assert_eq!(status, 502, "{text}");
    assert_eq!(row(&live, "two")["state"], "needs login");
    assert_eq!(endpoint.asked(), 0);
}

#[test]
fn a_token_that_is_refused_early_is_renewed_once() {
    let endpoint = Endpoint::start(Mood::Grants {
        lives: 3_600,
        after: 0,
    });
    let live = server(&endpoint, 3_600);
    let refusal = || Scripted {
        status: 401,
        headers: vec![],
        chunks: vec![(Duration::ZERO, bytes::Bytes::from_static(b"{}"))],
        ending: Ending::Whole,
    };
    live.sim.script(refusal());
    let (status, text) = ask(&live);
    assert_eq!(status, 200, "{text}");
    assert_eq!(endpoint.asked(), 1);
    assert_eq!(credentials_seen(&live), [access(0), access(1)]);
    // A provider that refuses everything gets three new tokens an hour and no more.
    for _ in 0..5 {
        live.sim.script(refusal());
        live.sim.script(refusal());
        assert_eq!(ask(&live).0, 502);
    }
    assert!(endpoint.asked() <= 3, "{}", endpoint.asked());
    no_token_anywhere(&live);
}

#[test]
fn a_token_is_echoed_by_nobody() {
    let endpoint = Endpoint::start(Mood::Grants {
        lives: 3_600,
        after: 0,
    });
    let live = server(&endpoint, 3_600);
    let text = format!("no: {} and {}", access(0), refresh(0));
    live.sim.script(Scripted {
        status: 400,
        headers: vec![],
        chunks: vec![(Duration::ZERO, text.into())],
        ending: Ending::Whole,
    });
    let (status, text) = ask(&live);
    assert_eq!(status, 400);
    assert_eq!(text, "no: [redacted] and [redacted]");
}

#[test]
fn tokens_of_accounts_are_kept_only_by_explicit_consent() {
    let endpoint = Endpoint::start(Mood::Stalls);
    let live = server(&endpoint, 3_600);
    let tokens = live.folder.join("tokens.json");
    fs::write(&tokens, endpoint.tokens(60)).unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&tokens, permissions).unwrap();
    let reference = format!("file:{}", tokens.display());
    let add = |more: &[&str]| {
        let fixed = [
            "credential",
            "add",
            "--provider",
            "ant",
            "--label",
            "account",
        ];
        live.cli(&[&fixed[..], &["--secret", &reference], more].concat())
    };
    let refused = add(&["--oauth"]);
    let words = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(77), "{words}");
    assert!(words.contains("Anthropic's terms"), "{words}");
    let added = add(&["--oauth", "--accept-terms"]);
    assert!(added.status.success());
    let row = row(&live, "ant");
    assert_eq!(row["kind"], "oauth");
    assert!(row["expires_on"].as_str().unwrap().starts_with("20"));
    fs::remove_file(&tokens).unwrap();
    // A token alone is a token still.
    let alone = json!({"provider": "oai", "label": "account", "secret": "sk-ant-oat01-abcdefgh", "accept_mismatch": true});
    let answer = crate::live::Office::open(&live.data())
        .unwrap()
        .ask("credential.add", &alone)
        .unwrap();
    assert!(
        answer["problem"]["words"]
            .as_str()
            .unwrap()
            .contains("--oauth"),
        "{answer}"
    );
    no_token_anywhere(&live);
}

#[test]
fn token_endpoints_are_vetted_like_every_address() {
    let endpoint = Endpoint::start(Mood::Stalls);
    let live = server(&endpoint, 3_600);
    for (url, code) in [
        ("http://192.0.2.7/token", "ssrf_blocked"),
        ("http://login.example/token", "ssrf_blocked"),
        ("https://169.254.169.254/token", "ssrf_blocked"),
        ("https://[fd00:ec2::254]/token", "ssrf_blocked"),
        ("https://10.0.0.1/token", "ssrf_blocked"),
        ("https://user@login.example/token", "ssrf_blocked"),
        ("file:///etc/passwd", "ssrf_blocked"),
    ] {
        let secret = json!({"access": "abcdefgh", "refresh": "ijklmnop", "token_endpoint": url});
        let input = json!({
            "provider": "oai", "label": "account", "secret": secret.to_string(), "oauth": true, "accept_terms": true,
        });
        let answer = crate::live::Office::open(&live.data())
            .unwrap()
            .ask("credential.add", &input)
            .unwrap();
        assert_eq!(answer["problem"]["code"], code, "{url}");
    }
    assert_eq!(endpoint.asked(), 0);
}

#[test]
fn hosted_mode_keeps_no_tokens_of_accounts() {
    let endpoint = Endpoint::start(Mood::Stalls);
    let mut live = server(&endpoint, 3_600);
    live.kill();
    let mut command = live.command(&["credential", "add", "--provider", "acc", "--label", "two"]);
    command.args(["--oauth", "--accept-terms", "--secret", "env:TOKENS"]);
    command
        .env("TOKENS", endpoint.tokens(60))
        .env("MIRK_MODE", "hosted");
    let refused = command.output().unwrap();
    let words = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(77), "{words}");
    assert!(words.contains("hosted"), "{words}");
    // Nor does it use those that are there already.
    let mut command = live.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    command.env("MIRK_MODE", "hosted");
    live.serve_with(command);
    let (status, text) = ask(&live);
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("hosted"), "{text}");
    assert!(live.sim.requests().is_empty());
}
