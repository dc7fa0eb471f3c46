//! How long each kind of waiting lasts, on a clock that is moved by hand.

use super::*;

/// Seconds until the server ends its side, and what it said until then.
async fn until_closed(served: &mut Served) -> (u64, String) {
    let start = Instant::now();
    let mut answer = Vec::new();
    served.client.read_to_end(&mut answer).await.unwrap();
    (
        start.elapsed().as_secs(),
        String::from_utf8(answer).unwrap(),
    )
}

/// Sends one byte of `bytes` every `pause`, until the server has closed.
async fn trickle(served: &mut Served, bytes: &str, pause: Duration) -> (u64, String) {
    let start = Instant::now();
    let (mut reader, mut writer) = tokio::io::split(&mut served.client);
    let send = async {
        for byte in bytes.bytes() {
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = send => {}
        read = reader.read_to_end(&mut answer) => drop(read.unwrap()),
    }
    (
        start.elapsed().as_secs(),
        String::from_utf8(answer).unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed_after_ten_seconds() {
    assert_eq!(until_closed(&mut serve()).await, (10, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_answered_408_after_ten_seconds() {
    let request = post("/", &"X: y\r\n".repeat(50), "");
    let (seconds, answer) = trickle(&mut serve(), &request, Duration::from_secs(1)).await;
    assert_eq!((seconds, statuses(&answer)), (10, vec!["408"]));
}

#[tokio::test(start_paused = true)]
async fn a_later_head_has_ten_seconds_from_its_first_byte() {
    let mut served = serve();
    served
        .client
        .write_all(post("/", "", "").as_bytes())
        .await
        .unwrap();
    assert_ne!(served.client.read(&mut [0; 1024]).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let (seconds, answer) = trickle(&mut served, "POST", Duration::from_secs(1)).await;
    assert_eq!((seconds, statuses(&answer)), (10, vec!["408"]));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_seventy_five_seconds() {
    let mut served = serve();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        served
            .client
            .write_all(post("/", "", "").as_bytes())
            .await
            .unwrap();
        assert_ne!(served.client.read(&mut [0; 1024]).await.unwrap(), 0);
    }
    assert_eq!(until_closed(&mut served).await, (75, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_answered_408_after_thirty_seconds() {
    let request = post("/", "Content-Length: 1000\r\n", "");
    let mut served = serve();
    served.client.write_all(request.as_bytes()).await.unwrap();
    let (seconds, answer) = trickle(&mut served, &"x".repeat(1000), Duration::from_secs(5)).await;
    assert_eq!((seconds, statuses(&answer)), (30, vec!["408"]));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_above_the_rate_is_read_to_its_end() {
    let head = post("/", "Content-Length: 204800\r\n", "");
    let mut served = serve();
    served.client.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        served.client.write_all(&[b'x'; 2048]).await.unwrap();
    }
    let mut start = [0; 12];
    served.client.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_closed_after_sixty_seconds() {
    let Served {
        mut client, task, ..
    } = {
        let mut served = serve();
        let ask = post("/large", "", "");
        served.client.write_all(ask.as_bytes()).await.unwrap();
        served
    };
    let start = Instant::now();
    task.await.unwrap();
    // The guard's own last moments of lingering are part of it.
    assert!((60..=63).contains(&start.elapsed().as_secs()));
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < 512 * 1024);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_the_answer_under_way() {
    let Served {
        mut client,
        probe,
        task,
        _ending,
    } = serve();
    client
        .write_all(post("/never", "", "").as_bytes())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(probe.seen(), Vec::<String>::new());
    let start = Instant::now();
    drop(client);
    task.await.unwrap();
    assert_eq!(probe.seen(), ["dropped"]);
    assert!(start.elapsed() <= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_behind_a_pipelined_request_is_noticed() {
    let Served {
        mut client,
        probe,
        task,
        _ending,
    } = serve();
    let both = [post("/never", "", ""), post("/next", "", "")].concat();
    client.write_all(both.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(client);
    task.await.unwrap();
    assert_eq!(probe.seen(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ends_only_its_own_side_gets_its_answer() {
    let (answer, _) = exchange(post("/slow", "", "").as_bytes()).await;
    assert_eq!(statuses(&answer), ["200"]);
}
