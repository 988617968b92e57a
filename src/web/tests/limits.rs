//! How long one request, one answer and the end of the server may take.

use super::*;

const SHORT: Limits = Limits {
    connections: 4,
    newcomers: 100,
    pages: 4,
    held: 40 << 20,
    turn: Duration::from_secs(1),
    handshake: Duration::from_millis(300),
    head: Duration::from_millis(300),
    idle: Duration::from_millis(900),
    write: Duration::from_millis(600),
    drain: Duration::from_secs(2),
    request: Duration::from_millis(600),
    farewell: Duration::from_millis(300),
};

fn about(time: Duration, expected: Duration) -> bool {
    time >= expected - Duration::from_millis(50) && time < expected + Duration::from_millis(400)
}

#[tokio::test(flavor = "local")]
async fn raw_requests() {
    let server = Server::start(Told::default());
    let many = "X-A: b\r\n".repeat(101);
    let long = format!("X-A: {}\r\n", "b".repeat(200_000));
    let path = format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(200_000));
    let table = [
        ("GET /up HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (
            "GET /up HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET http://x/up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            200,
        ),
        ("GET /up HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("garbage\r\n\r\n".to_owned(), 400),
        ("GET /up HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /u p HTTP/1.0\r\n\r\n".to_owned(), 400),
        ("GET /up HTTP/1.0\r\nbad header\r\n\r\n".to_owned(), 400),
        (format!("GET /up HTTP/1.0\r\n{many}\r\n"), 431),
        (format!("GET /up HTTP/1.0\r\n{long}\r\n"), 431),
    ];
    for (request, status) in table {
        let response = server.raw(&request).await;
        assert_eq!(
            response.status,
            status,
            "{}",
            request.chars().take(60).collect::<String>()
        );
    }
    let status = server.raw(&path).await.status;
    assert!([414, 431].contains(&status), "{status}");
    assert_eq!(server.get("/up").await.status, 200);
}

#[tokio::test(flavor = "local")]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(Told::default());
    let mut stream = server.connect().await;
    let two = "GET /primary HTTP/1.1\r\nHost: x\r\n\r\nGET /replica HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{two}{last}").as_bytes()).await.unwrap();
    let (bytes, _) = until_closed(&mut stream).await;
    let text = String::from_utf8(bytes).unwrap();
    let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200"]);
}

#[tokio::test(flavor = "local")]
async fn a_silent_or_slow_request_is_cut_off() {
    let server = Server::start_with(Told::default(), SHORT);
    let (bytes, time) = until_closed(&mut server.connect().await).await;
    assert!(bytes.is_empty() && about(time, SHORT.head), "{time:?}");

    let mut stream = server.connect().await;
    let started = Instant::now();
    let closed = loop {
        // One byte now and then never makes a request.
        if stream.write_all(b"G").await.is_err() || stream.try_read(&mut [0; 8]).is_ok_and(|read| read == 0) {
            break started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(40)).await;
    };
    assert!(about(closed, SHORT.head), "{closed:?}");
}

#[tokio::test(flavor = "local")]
async fn between_requests_there_is_more_time_than_within_one() {
    let server = Server::start_with(Told::default(), SHORT);
    let request = b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(request).await.unwrap();
        let mut answer = [0; 512];
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        tokio::time::sleep(SHORT.head * 2).await;
    }
    let (bytes, time) = until_closed(&mut stream).await;
    assert!(
        bytes.is_empty() && about(time, SHORT.idle - SHORT.head * 2),
        "{time:?}"
    );

    let mut stream = server.connect().await;
    stream.write_all(request).await.unwrap();
    let mut answer = [0; 512];
    assert!(stream.read(&mut answer).await.unwrap() > 0);
    stream.write_all(b"GET /u").await.unwrap();
    let (bytes, time) = until_closed(&mut stream).await;
    assert!(
        bytes.is_empty() && about(time, SHORT.head),
        "a half request has the short time: {time:?}"
    );
}

#[tokio::test(flavor = "local")]
async fn a_scrape_may_take_longer_than_a_request_may() {
    let server = Server::start_with(
        Told {
            page_time: SHORT.idle * 2,
            ..Told::default()
        },
        SHORT,
    );
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test(flavor = "local")]
async fn a_client_that_does_not_read_is_cut_off() {
    let page = vec![Bytes::from(vec![b'x'; 1 << 20]); 64];
    let server = Server::start_with(
        Told {
            page,
            ..Told::default()
        },
        SHORT,
    );
    let mut stream = server.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    tokio::time::sleep(SHORT.write + Duration::from_millis(400)).await;
    assert!(
        server.counted().contains("pg_exporter_http_connections 0\n"),
        "{}",
        server.counted()
    );
    let (bytes, _) = until_closed(&mut stream).await;
    assert!(bytes.len() < 64 << 20);
}

#[tokio::test(flavor = "local")]
async fn running_requests_end_before_the_server_does() {
    let mut server = Server::start(Told {
        page_time: Duration::from_millis(600),
        ..Told::default()
    });
    let mut idle = server.connect().await;
    idle.write_all(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    let stop = server.stop.take().unwrap();
    let running = server.get("/metrics");
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.send(()).unwrap();
        let (_, closed) = until_closed(&mut idle).await;
        assert!(
            TcpStream::connect(server.address).await.is_err(),
            "no new connection"
        );
        closed
    };
    let (page, closed) = tokio::join!(running, stopping);
    assert_eq!((page.status, page.text()), (200, "pg_up 1\npg_version 150018\n"));
    assert!(
        closed < Duration::from_millis(200),
        "idle connections end at once: {closed:?}"
    );
    tokio::time::timeout(Duration::from_secs(1), server.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "local")]
async fn a_request_that_does_not_end_cannot_keep_the_server() {
    let mut server = Server::start_with(
        Told {
            page_time: Duration::from_secs(9),
            ..Told::default()
        },
        SHORT,
    );
    let mut stream = server.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    server.stop.take().unwrap().send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(about(started.elapsed(), SHORT.drain), "{:?}", started.elapsed());
}

/// `nc -N` and socat end their side behind the request; load balancers and probes of all kinds do.
#[tokio::test(flavor = "local")]
async fn who_has_said_all_is_answered() {
    let server = Server::start(Told {
        // Long enough for the end to be seen before the answer is there.
        page_time: Duration::from_millis(300),
        ..Told::default()
    });
    let both = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /up HTTP/1.1\r\nHost: x\r\n\r\n";
    let table = [
        ("GET /metrics HTTP/1.0\r\n\r\n", 1),
        ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        ("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1),
        ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        ("GET /explain HTTP/1.0\r\n\r\n", 1),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        ("GET /primary HTTP/1.0\r\n\r\n", 1),
        (
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
            1,
        ),
        (both, 2),
    ];
    for (request, answers) in table {
        let mut stream = server.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let (bytes, _) = until_closed(&mut stream).await;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("HTTP/1.").count(), answers, "{request:?}: {text:?}");
        assert!(text.contains("\r\n\r\n"), "{request:?}: {text:?}");
    }
}
