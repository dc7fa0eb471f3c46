//! The guard, hyper and the accept loop together, from the outside.

use std::{
    future::pending,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use mirk_model::{Kind, Problem};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

use super::{
    guard::{Bounds, ConnState},
    listen::{BoxError, Handler, HostPolicy, Limits, Listener, PeerHasher, Server},
};

mod agree;
mod times;

/// Answers by path; keeps what it saw.
#[derive(Clone, Default)]
struct Probe {
    /// Version, method, target and body of each request, a refusal as its kind.
    seen: Arc<Mutex<Vec<String>>>,
}

/// Tells when an answer under way is given up.
struct OnDrop(Arc<Mutex<Vec<String>>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("dropped".to_owned());
    }
}

impl Probe {
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Every answer of the service carries a mark that hyper's own do not.
fn reply(status: u16, words: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(status)
        .header("x-ours", "1")
        .body(
            Full::new(words.into())
                .map_err(BoxError::from)
                .boxed_unsync(),
        )
        .unwrap()
}

impl Handler for Probe {
    type Body = UnsyncBoxBody<Bytes, BoxError>;

    async fn handle(&self, request: Request<Incoming>, conn: &Arc<ConnState>) -> Answer {
        let line = format!(
            "{:?} {} {}",
            request.version(),
            request.method(),
            request.uri()
        );
        match request.uri().path() {
            "/early" => return reply(401, "early"),
            "/never" => {
                let _on_drop = OnDrop(Arc::clone(&self.seen));
                return pending().await;
            }
            "/slow" => tokio::time::sleep(Duration::from_secs(1)).await,
            "/broken" => {
                let body = Broken(0);
                return reply(200, "").map(|_| body.boxed_unsync());
            }
            "/large" => return reply(200, vec![b'x'; 50 * 1024 * 1024]),
            _ => {}
        }
        if let Ok(body) = request.into_body().collect().await {
            let body = body.to_bytes();
            self.note(format!("{line} {}", body.escape_ascii()));
            reply(200, "ok")
        } else {
            let kind = conn.body_fault().map(|problem| problem.kind);
            self.note(format!("{line} {kind:?}"));
            reply(kind.map_or(599, Kind::status), "fault")
        }
    }

    fn refuse(&self, problem: &Problem, _: &Arc<ConnState>) -> Answer {
        self.note(format!("{:?}", problem.kind));
        reply(problem.kind.status(), "refused")
    }
}

/// A body that yields some bytes, lets them be sent, then breaks.
struct Broken(u8);

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half"))))),
            2 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(Some(Err(io::Error::other("the upstream broke off").into()))),
        }
    }
}

struct Served {
    client: DuplexStream,
    probe: Probe,
    task: JoinHandle<()>,
    /// Kept so that the server does not end.
    _ending: watch::Sender<bool>,
}

fn serve() -> Served {
    let (client, stream) = tokio::io::duplex(64 * 1024);
    let probe = Probe::default();
    // Long enough for a slow answer, whatever the default is.
    let bounds = Bounds {
        half_close_time: Duration::from_secs(2),
        ..Bounds::default()
    };
    let limits = Limits {
        bounds,
        ..Limits::default()
    };
    let server = Server::new(probe.clone(), limits, PeerHasher::default());
    let hosts = Arc::new(HostPolicy::new("127.0.0.1:8790".parse().unwrap(), []));
    let (sender, ending) = watch::channel(false);
    let task = tokio::spawn(async move {
        let peer = PeerHasher::default().local();
        server.serve(stream, peer, hosts, ending).await;
    });
    Served {
        client,
        probe,
        task,
        _ending: sender,
    }
}

/// Sends `bytes`, ends its side, and gives back everything that was answered.
async fn exchange(bytes: &[u8]) -> (String, Vec<String>) {
    let Served {
        client,
        probe,
        task,
        _ending,
    } = serve();
    let (mut reader, mut writer) = tokio::io::split(client);
    let mut answer = Vec::new();
    let send = async {
        // The server may have closed before it took everything.
        drop(writer.write_all(bytes).await);
        drop(writer.shutdown().await);
    };
    let ((), read) = tokio::join!(send, reader.read_to_end(&mut answer));
    read.unwrap();
    task.await.unwrap();
    (String::from_utf8(answer).unwrap(), probe.seen())
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}")
}

fn statuses(answer: &str) -> Vec<&str> {
    answer
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer.split(' ').next().unwrap())
        .collect()
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_until_one_breaks_a_rule() {
    let mut bytes = String::new();
    for count in 0..700 {
        bytes.push_str(&post(&format!("/{count}"), "Content-Length: 2\r\n", "hi"));
    }
    bytes += &post("/bad", "Content-Length: +1\r\n", "x");
    for count in 0..300 {
        bytes.push_str(&post(&format!("/later/{count}"), "", ""));
    }
    let (answer, seen) = exchange(bytes.as_bytes()).await;
    let statuses = statuses(&answer);
    assert_eq!(statuses.len(), 701);
    assert!(statuses[..700].iter().all(|&status| status == "200"));
    assert_eq!(statuses[700], "400");
    let last = answer.rsplit("HTTP/1.1 ").next().unwrap();
    assert!(last.contains("connection: close\r\n"));
    assert!(last.ends_with("refused"));
    for (count, line) in seen[..700].iter().enumerate() {
        assert_eq!(line, &format!("HTTP/1.1 POST /{count} hi"));
    }
    assert_eq!(seen[700..], ["BadRequest"]);
}

#[tokio::test]
async fn smuggled_requests_are_never_seen() {
    for request in [
        post(
            "/",
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        post(
            "/",
            "Content-Length: 4\r\nContent-Length: 4\r\n",
            "aaaaGET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        post(
            "/",
            "Transfer-Encoding: xchunked\r\n",
            "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
    ] {
        let (answer, seen) = exchange(request.as_bytes()).await;
        assert_eq!(statuses(&answer), ["400"]);
        assert_eq!(seen, ["BadRequest"]);
    }
}

#[tokio::test]
async fn a_broken_chunk_is_answered_by_the_service() {
    for (body, status) in [
        ("5\r\nhello\r\nzz\r\n", "400"),
        ("5\r\nhello\r\n0\r\n", "400"),
        ("5\r\nhel", "400"),
        ("2000001\r\n", "413"),
    ] {
        let request = post("/", "Transfer-Encoding: chunked\r\n", body);
        let (answer, _) = exchange(request.as_bytes()).await;
        assert_eq!(statuses(&answer), [status], "{body:?}");
        assert!(answer.contains("connection: close\r\n"), "{body:?}");
    }
}

#[tokio::test]
async fn trailers_do_not_become_headers() {
    let body = "2\r\nhi\r\n0\r\nAuthorization: a\r\n\r\n";
    let request = post("/", "TE: trailers\r\nTransfer-Encoding: chunked\r\n", body);
    let (answer, seen) = exchange(request.as_bytes()).await;
    assert_eq!(statuses(&answer), ["200"]);
    assert_eq!(seen, ["HTTP/1.1 POST / hi"]);
}

#[tokio::test]
async fn nothing_is_read_after_an_upgrade_was_asked_for() {
    for upgrade in ["websocket", "h2c", "TLS/1.3"] {
        let headers = format!("Connection: Upgrade\r\nUpgrade: {upgrade}\r\n");
        let both = [post("/up", &headers, ""), post("/after", "", "")].concat();
        let (answer, seen) = exchange(both.as_bytes()).await;
        assert_eq!(statuses(&answer), ["200"]);
        assert!(answer.contains("connection: close\r\n"));
        assert_eq!(seen, ["HTTP/1.1 POST /up "]);
    }
}

#[tokio::test]
async fn an_expecting_client_is_told_to_go_on_or_refused_at_once() {
    let mut served = serve();
    let head = post("/", "Expect: 100-continue\r\nContent-Length: 2\r\n", "");
    served.client.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 25];
    served.client.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    served.client.write_all(b"hi").await.unwrap();
    let mut start = [0; 12];
    served.client.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");

    let head = post(
        "/",
        "Expect: 100-continue\r\nContent-Length: 33554433\r\n",
        "",
    );
    assert_eq!(statuses(&exchange(head.as_bytes()).await.0), ["413"]);
}

#[tokio::test]
async fn a_body_that_breaks_cuts_the_connection_off() {
    let (answer, _) = exchange(post("/broken", "", "").as_bytes()).await;
    assert!(answer.contains("transfer-encoding: chunked"));
    assert!(answer.ends_with("4\r\nhalf\r\n"));
    assert!(!answer.contains("0\r\n\r\n"));
}

struct Running {
    address: std::net::SocketAddr,
    server: Arc<Server<Probe>>,
    probe: Probe,
    ending: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn run(limits: Limits) -> Running {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), []).unwrap();
    let address = listener.address().unwrap();
    let probe = Probe::default();
    let server = Arc::new(Server::new(probe.clone(), limits, PeerHasher::default()));
    let (ending, end) = watch::channel(false);
    let task = tokio::spawn(Arc::clone(&server).run(listener, end));
    Running {
        address,
        server,
        probe,
        ending,
        task,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client in a test dials the server under test"
)]
async fn dial(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

/// Reads until the server ends its side; `None` when it was reset.
async fn read_all(stream: &mut TcpStream) -> Option<String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn an_answer_is_not_lost_when_the_body_was_not_read() {
    let running = run(Limits::default());
    // More than the kernel holds: the client is still writing when the answer is there.
    let body = vec![b'x'; 24 * 1024 * 1024];
    for (path, length, status) in [("/early", body.len(), "401"), ("/", 40_000_000, "413")] {
        let mut stream = dial(&running).await;
        let head = post(path, &format!("Content-Length: {length}\r\n"), "");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let answer = read_all(&mut stream).await.unwrap();
        assert_eq!(statuses(&answer), [status]);
    }
}

#[tokio::test]
async fn a_peer_over_its_cap_is_turned_away_until_a_seat_is_free() {
    let running = run(Limits {
        per_peer: 2,
        ..Limits::default()
    });
    let ask = post("/", "", "");
    let mut seated = [dial(&running).await, dial(&running).await];
    for stream in &mut seated {
        stream.write_all(ask.as_bytes()).await.unwrap();
        assert_ne!(stream.read(&mut [0; 12]).await.unwrap(), 0);
    }
    let mut third = dial(&running).await;
    assert!(matches!(third.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    drop(seated);
    while running.server.seats().taken() > 0 {
        tokio::task::yield_now().await;
    }
    let mut fourth = dial(&running).await;
    let closing = post("/", "Connection: close\r\n", "");
    fourth.write_all(closing.as_bytes()).await.unwrap();
    assert!(read_all(&mut fourth).await.unwrap().contains("200"));
}

#[tokio::test]
async fn ending_lets_answers_finish_and_takes_no_more() {
    let running = run(Limits::default());
    let mut idle = dial(&running).await;
    let mut busy = dial(&running).await;
    busy.write_all(post("/slow", "", "").as_bytes())
        .await
        .unwrap();
    while running.server.seats().taken() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.ending.send(true).unwrap();
    assert_eq!(read_all(&mut idle).await.unwrap(), "");
    let answer = read_all(&mut busy).await.unwrap();
    assert_eq!(statuses(&answer), ["200"]);
    running.task.await.unwrap();
    assert_eq!(running.probe.seen(), ["HTTP/1.1 POST /slow "]);
}

#[tokio::test]
async fn a_connection_that_does_not_finish_is_dropped_after_the_drain() {
    let running = run(Limits {
        drain: Duration::from_millis(100),
        ..Limits::default()
    });
    let mut stream = dial(&running).await;
    stream
        .write_all(post("/never", "", "").as_bytes())
        .await
        .unwrap();
    while running.server.seats().taken() < 1 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.ending.send(true).unwrap();
    running.task.await.unwrap();
    assert_eq!(running.probe.seen(), ["dropped"]);
    assert_eq!(running.server.seats().taken(), 0);
}
