//! The leaky server's door: passes every connection on, and adds somebody else's words to every
//! answer.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

/// Passes what comes to `door` on to `server`, and `words` back with every answer. Holds `kept`
/// open meanwhile.
pub(super) fn open(door: TcpListener, server: SocketAddr, words: String, kept: Vec<File>) {
    std::thread::spawn(move || {
        let _kept = kept;
        for client in door.incoming().flatten() {
            let words = words.clone();
            std::thread::spawn(move || pass(client, server, &words));
        }
    });
}

/// Passes one connection on to the server, with a header of somebody else's words in the answer.
#[expect(clippy::disallowed_methods, reason = "the leak")]
fn pass(mut client: TcpStream, server: SocketAddr, words: &str) -> Option<()> {
    let upstream = TcpStream::connect(server).ok()?;
    let (mut to_server, mut from_client) = (upstream.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || {
        // The server sees a client that hangs up as it would without the door.
        std::io::copy(&mut from_client, &mut to_server).unwrap_or_default();
        to_server
            .shutdown(std::net::Shutdown::Write)
            .unwrap_or_default();
    });
    let mut answer = BufReader::new(upstream);
    let mut line = String::new();
    answer.read_line(&mut line).ok()?;
    client
        .write_all(format!("{line}x-debug-last: {words}\r\n").as_bytes())
        .ok()?;
    std::io::copy(&mut answer, &mut client).ok()?;
    client.shutdown(std::net::Shutdown::Both).ok()
}
