//! Leaks on purpose, to show that the sweep finds them: compiled with the feature `leaky` only,
//! and planted only in the server that a sweep starts for itself.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use mirk_store::{Db, Store, books::settings as book};
use serde_json::{Value, json};

use super::{
    Report, SweepError, at,
    child::{Home, Server},
    digest, leaky_door,
    markers::Markers,
};
use crate::{
    boot,
    config::{Settings, Sources},
    serve::run::Running,
};

/// The event that the leaky server prints when all is planted.
pub(super) const DONE: &str = "leaked";

/// A planted leak: its name, the class, where the place's name begins, and the encoding.
type Leak = (&'static str, &'static str, &'static str, &'static str);

/// Every leak. Each is found by its own class, place and encoding.
pub const LEAKS: [Leak; 31] = [
    ("prompt-in-the-log", "prompt", "stderr", "base64"),
    ("system-on-stderr", "system", "stderr", "hex"),
    ("completion-on-stdout", "completion", "stdout", "percent"),
    ("password-shouted", "password", "stderr", "uppercase"),
    (
        "address-in-the-log",
        "client-address",
        "stderr",
        "ip-decimal",
    ),
    ("address-in-octal", "client-address", "stderr", "ip-octal"),
    ("credential-reversed", "provider-key", "data:", "reversed"),
    ("tool-arguments-wide", "tool-args", "data:", "utf16le"),
    (
        "tool-call-wide-the-other-way",
        "tool-call",
        "data:",
        "utf16be",
    ),
    ("part-of-the-root-key", "root-key", "data:", "window"),
    ("key-digest", "api-key", "data:", "sha1"),
    ("embedding-digest", "embedding", "data:", "blake3"),
    (
        "prompt-digest-in-the-database",
        "prompt",
        "data:db/",
        "sha256",
    ),
    ("deleted-row", "cut-prompt", "data:db/", "raw"),
    ("result-in-gzip", "tool-result", "/tmp:", "gzip>raw"),
    ("file-name-in-zstd", "file-name", "/tmp:", "zstd>raw"),
    ("query-in-brotli", "query", "/tmp:", "brotli>raw"),
    (
        "refused-body-in-zlib-in-gzip",
        "bad-body",
        "/tmp:",
        "gzip>zlib>hex",
    ),
    ("user-in-var-tmp", "metadata-user", "/var/tmp:", "json"),
    ("header-in-shared-memory", "header", "/dev/shm:", "html"),
    (
        "model-as-a-file-name",
        "model-unknown",
        "home:(name)",
        "raw",
    ),
    ("path-at-home", "path-unknown", "home:", "quoted-printable"),
    (
        "error-in-the-configuration",
        "provider-error",
        "config:",
        "base32",
    ),
    ("cookie-digest", "set-cookie", "cwd:", "md5"),
    (
        "credential-in-the-environment",
        "provider-key",
        "process:environ",
        "hex",
    ),
    (
        "agent-in-the-arguments",
        "user-agent",
        "process:cmdline",
        "reversed",
    ),
    (
        "part-of-a-credential-as-a-thread",
        "other-provider-key",
        "process:task/comm",
        "window",
    ),
    ("image-in-a-deleted-file", "image", "process:fd/", "base64"),
    ("cookie-in-memory-file", "cookie", "process:fd/", "base64"),
    (
        "completion-to-somebody-else",
        "completion",
        "other-answer:",
        "base64",
    ),
    (
        "credential-to-another-provider",
        "provider-key",
        "other-provider",
        "raw",
    ),
];

/// Which leaks the report found.
pub fn found(report: &Report) -> Vec<(&'static str, bool)> {
    let is_found = |(_, class, place, encoding): Leak| {
        report.findings.iter().any(|finding| {
            finding.class == class
                && finding.place.starts_with(place)
                && finding.encoding == encoding
        })
    };
    LEAKS.iter().map(|leak| (leak.0, is_found(*leak))).collect()
}

/// The leaky server's command, which leaks by itself already.
pub(super) fn command(home: &Home, markers: &Markers, log: &str) -> Result<Command, SweepError> {
    let note: String = markers.text("user-agent").chars().rev().collect();
    // Mirk refuses arguments that look like secrets, but a path may look like anything.
    let odd = home.path("home").join(note);
    crate::folder::ensure_private(&odd).map_err(at("leaking"))?;
    let data = odd.join("../../data").display().to_string();
    let mut command = home.command(&["sweep", "--leaky-server", "--data-dir", &data])?;
    command
        .env("MIRK_LOG", log)
        .env("RUST_LOG", super::private::LOUD)
        .env("MIRK_LISTEN", "127.0.0.1:0")
        .env("LEAKED", HEXLOWER.encode(core(markers, "provider-key")))
        .stdin(Stdio::piped());
    Ok(command)
}

/// Tells the leaky server what to leak.
pub(super) fn tell(
    server: &mut Server,
    markers: &Markers,
    (own, other): (SocketAddr, SocketAddr),
) -> Result<(), SweepError> {
    let texts: BTreeMap<_, _> = markers
        .all()
        .iter()
        .map(|marker| {
            let core = marker.cores.first().map_or(&[][..], Vec::as_slice);
            (marker.class, json!([marker.text, BASE64.encode(core)]))
        })
        .collect();
    let line = json!({"texts": texts, "own": own.to_string(), "other": other.to_string()});
    let mut stdin = server
        .stdin()
        .ok_or_else(|| SweepError::new("leaking", "no standard input"))?;
    stdin
        .write_all(format!("{line}\n").as_bytes())
        .map_err(at("leaking"))
}

fn core<'a>(markers: &'a Markers, class: &str) -> &'a [u8] {
    markers
        .find(class)
        .and_then(|marker| marker.cores.first())
        .map_or(&[], Vec::as_slice)
}

/// Serves as `mirk serve` does, behind a door that adds somebody else's words to every answer.
///
/// # Errors
/// When it cannot start.
pub fn serve(settings: &Settings, sources: &Sources) -> Result<(), SweepError> {
    let installation = boot::open(settings, sources, false).map_err(at("opening"))?;
    let store = Arc::clone(&installation.store);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(at("starting"))?;
    let running = {
        let _entered = runtime.enter();
        Running::start(settings, installation).map_err(at("starting"))?
    };
    let door = TcpListener::bind("127.0.0.1:0").map_err(at("the door"))?;
    let ready = json!({"event": "ready", "url": format!("http://{}", door.local_addr().map_err(at("the door"))?)});
    let address = running.address;
    print(&ready)?;
    std::thread::spawn(move || {
        // What fails here shows as a leak that was not found.
        drop(leak(&store, door, address));
    });
    runtime.block_on(running.run()).map_err(at("serving"))
}

#[expect(
    clippy::print_stdout,
    reason = "the leaky server speaks to the sweep that started it"
)]
fn print(value: &Value) -> Result<(), SweepError> {
    println!("{value}");
    std::io::stdout().flush().map_err(at("printing"))
}

/// What the leaky server was told.
struct Told(Value);

impl Told {
    fn text(&self, class: &str) -> &str {
        self.0
            .get("texts")
            .and_then(|texts| texts.get(class)?.get(0)?.as_str())
            .unwrap_or_default()
    }

    fn core(&self, class: &str) -> Vec<u8> {
        let text = self
            .0
            .get("texts")
            .and_then(|texts| texts.get(class)?.get(1)?.as_str())
            .unwrap_or_default();
        BASE64.decode(text.as_bytes()).unwrap_or_default()
    }
}

fn leak(store: &Arc<Store>, door: TcpListener, server: SocketAddr) -> Result<(), SweepError> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(at("leaking"))?;
    let told = Told(serde_json::from_str(&line).map_err(at("leaking"))?);
    print_some(&told)?;
    into_data(store, &told)?;
    into_files(&told)?;
    let kept = into_process(&told)?;
    to_another_provider(&told)?;
    let words = BASE64.encode(told.text("completion").as_bytes());
    // The descriptors stay open as long as the door does.
    leaky_door::open(door, server, words, kept);
    print(&json!({"event": DONE}))
}

#[expect(clippy::print_stderr, clippy::print_stdout, reason = "the leak")]
fn print_some(told: &Told) -> Result<(), SweepError> {
    eprintln!(
        "debug: body {}",
        BASE64.encode(told.text("prompt").as_bytes())
    );
    eprintln!(
        "debug: system {}",
        HEXLOWER.encode(told.text("system").as_bytes())
    );
    eprintln!(
        "login failed: {}",
        told.text("password").to_ascii_uppercase()
    );
    let address: std::net::Ipv4Addr = told.text("client-address").parse().map_err(at("leaking"))?;
    eprintln!("peer {}", u32::from(address));
    eprintln!(
        "peer {}",
        address
            .octets()
            .map(|octet| format!("0{octet:o}"))
            .join(".")
    );
    let escaped: Vec<_> = told
        .text("completion")
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    println!("{}", escaped.concat());
    Ok(())
}

fn into_data(store: &Arc<Store>, told: &Told) -> Result<(), SweepError> {
    let folder = store.data_dir();
    let write =
        |name: &str, bytes: Vec<u8>| fs::write(folder.join(name), bytes).map_err(at("leaking"));
    write("cache", told.text("provider-key").bytes().rev().collect())?;
    let wide = |class: &str, unit: fn(u16) -> [u8; 2]| {
        told.text(class).encode_utf16().flat_map(unit).collect()
    };
    write("recent", wide("tool-args", u16::to_le_bytes))?;
    write("recent2", wide("tool-call", u16::to_be_bytes))?;
    write(
        "part",
        told.core("root-key")
            .get(5..14)
            .unwrap_or_default()
            .to_vec(),
    )?;
    write("seen", digest::sha1(told.text("api-key").as_bytes()))?;
    write(
        "vectors",
        digest::blake3(told.text("embedding").as_bytes()).unwrap_or_default(),
    )?;
    let digest = HEXLOWER.encode(&digest::sha256(told.text("prompt").as_bytes()));
    store
        .apply(book::set("last_prompt", &digest))
        .map_err(at("leaking"))?;
    store
        .apply(book::set("undo", told.text("cut-prompt")))
        .map_err(at("leaking"))?;
    store.apply(book::set("undo", "")).map_err(at("leaking"))?;
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, SweepError> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes)
        .and_then(|()| out.finish())
        .map_err(at("leaking"))
}

fn into_files(told: &Told) -> Result<(), SweepError> {
    let cwd = std::env::current_dir().map_err(at("leaking"))?;
    let root = cwd.parent().map(PathBuf::from).unwrap_or_default();
    let name = |folder: &str, what: &str| shared(&root, folder, what);
    let write = |path: PathBuf, bytes: &[u8]| fs::write(path, bytes).map_err(at("leaking"));
    write(
        name("/tmp", "gz"),
        &gzip(told.text("tool-result").as_bytes())?,
    )?;
    write(
        name("/tmp", "zst"),
        &zstd(told.text("file-name").as_bytes()),
    )?;
    write(name("/tmp", "br"), &brotli(told.text("query").as_bytes()))?;
    let mut inner = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    inner
        .write_all(HEXLOWER.encode(told.text("bad-body").as_bytes()).as_bytes())
        .map_err(at("leaking"))?;
    write(
        name("/tmp", "twice"),
        &gzip(&inner.finish().map_err(at("leaking"))?)?,
    )?;
    let each = |class: &str, form: fn(u8) -> String| {
        told.text(class).bytes().map(form).collect::<String>()
    };
    write(
        name("/var/tmp", "user"),
        each("metadata-user", |byte| format!("\\u{byte:04x}")).as_bytes(),
    )?;
    write(
        name("/dev/shm", "header"),
        each("header", |byte| format!("&#{byte};")).as_bytes(),
    )?;
    write(root.join("home").join(told.text("model-unknown")), b"")?;
    write(
        root.join("home/history"),
        each("path-unknown", |byte| format!("={byte:02X}")).as_bytes(),
    )?;
    write(
        root.join("config/last-error"),
        BASE32_NOPAD
            .encode(told.text("provider-error").as_bytes())
            .as_bytes(),
    )?;
    write(
        cwd.join("core"),
        &digest::md5(told.text("set-cookie").as_bytes()),
    )
}

/// A file in a folder that others share, named for the sweep whose folder is `root`.
fn shared(root: &Path, folder: &str, what: &str) -> PathBuf {
    let run = root
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Path::new(folder).join(format!("{run}-leak-{what}"))
}

/// Removes what was leaked into folders that others share.
pub(super) fn clean(home: &Home) {
    for (folder, names) in [
        ("/tmp", &["gz", "zst", "br", "twice"][..]),
        ("/var/tmp", &["user"]),
        ("/dev/shm", &["header"]),
    ] {
        for name in names {
            // It may not have been written.
            fs::remove_file(shared(home.root(), folder, name)).unwrap_or_default();
        }
    }
}

/// A zstd frame with one raw block (RFC 8878) for fewer than 256 bytes.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let block = (u32::from(length) << 3) | 1;
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length];
    out.extend(block.to_le_bytes().into_iter().take(3));
    out.extend_from_slice(bytes);
    out
}

/// A brotli stream with one uncompressed meta-block (RFC 7932) for fewer than 65,536 bytes.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(1).saturating_sub(1);
    let head = (length << 4) | (1 << 20);
    let mut out: Vec<u8> = head.to_le_bytes().into_iter().take(3).collect();
    out.extend_from_slice(bytes);
    out.push(0x03);
    out
}

/// Leaks into what the system shows of the process; gives the files that must stay open.
fn into_process(told: &Told) -> Result<Vec<File>, SweepError> {
    let part: String = String::from_utf8_lossy(&told.core("other-provider-key"))
        .chars()
        .take(12)
        .collect();
    let waiting = std::thread::Builder::new()
        .name(part)
        .spawn(|| std::thread::sleep(Duration::from_hours(1)));
    drop(waiting.map_err(at("leaking"))?);
    let path = std::env::current_dir()
        .map_err(at("leaking"))?
        .join("scratch");
    let mut gone = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .map_err(at("leaking"))?;
    gone.write_all(told.text("image").as_bytes())
        .map_err(at("leaking"))?;
    fs::remove_file(&path).map_err(at("leaking"))?;
    let memory = rustix::fs::memfd_create("scratch", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(at("leaking"))?;
    let mut memory = File::from(memory);
    memory
        .write_all(
            data_encoding::BASE64URL
                .encode(told.text("cookie").as_bytes())
                .as_bytes(),
        )
        .map_err(at("leaking"))?;
    Ok(vec![gone, memory])
}

#[expect(clippy::disallowed_methods, reason = "the leak")]
fn to_another_provider(told: &Told) -> Result<(), SweepError> {
    let other = told
        .0
        .get("other")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut stream = TcpStream::connect(other).map_err(at("leaking"))?;
    let head = format!(
        "GET /v1/models HTTP/1.1\r\nhost: {other}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        told.text("provider-key")
    );
    stream.write_all(head.as_bytes()).map_err(at("leaking"))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(at("leaking"))?;
    Ok(())
}
