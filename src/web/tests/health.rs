use super::*;

const UP: [&str; 2] = ["/up", "/health"];
const PRIMARY: [&str; 5] = ["/primary", "/leader", "/master", "/read-write", "/rw"];
const REPLICA: [&str; 5] = ["/replica", "/standby", "/slave", "/read-only", "/ro"];

const LAG: Lag = Lag {
    bytes: Some(20 << 20),
    time: Some(Duration::from_secs(30)),
    paused: false,
};

#[tokio::test(flavor = "local")]
async fn every_path_in_every_state() {
    let server = Server::start(Told::default());
    let table = [
        (State::Primary, "primary", 200, 200, 404),
        (State::Replica, "replica", 200, 404, 200),
        (State::Starting, "starting", 503, 503, 503),
        (State::Down, "down", 503, 503, 503),
        (State::Unknown, "unknown", 503, 503, 503),
    ];
    for (state, word, up, primary, replica) in table {
        server.set(state, Lag::default());
        let up = UP.iter().chain(&["/readiness", "/read"]).map(|path| (path, up));
        let primary = PRIMARY.iter().map(|path| (path, primary));
        let replica = REPLICA.iter().map(|path| (path, replica));
        for (path, status) in up.chain(primary).chain(replica).chain([(&"/liveness", 200)]) {
            let response = server.get(path).await;
            assert_eq!(
                (response.status, response.text()),
                (status, word),
                "{path} {state:?}"
            );
            assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(
                response.header("content-length"),
                Some(word.len().to_string().as_str())
            );
        }
    }
}

#[tokio::test(flavor = "local")]
async fn liveness_is_about_the_exporter() {
    let server = Server::start(Told::default());
    server.set(State::Down, Lag::default());
    assert_eq!(server.get("/liveness").await.status, 200);
    server.set(State::Primary, Lag::default());
    server.backend.alive.store(false, Relaxed);
    assert_eq!(server.get("/liveness").await.status, 503);
    assert_eq!(server.get("/up").await.status, 200);
}

#[tokio::test(flavor = "local")]
async fn what_haproxy_sends() {
    let server = Server::start(Told::default());
    let response = server.raw("GET /primary HTTP/1.0\r\n\r\n").await;
    assert_eq!((response.status, response.text()), (200, "primary"));
    let response = server.raw("HEAD /primary HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        (
            response.status,
            response.text(),
            response.header("content-length")
        ),
        (200, "", Some("7"))
    );
    let response = server.raw("OPTIONS / HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        (response.status, response.header("allow")),
        (200, Some("GET, HEAD, OPTIONS"))
    );
    let response = server
        .raw("GET /replica?lag=1MB HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(response.status, 404);
    let state = "x-haproxy-server-state: UP 1/3; address=127.0.0.1; port=61415; name=f_states/s1; node=vm; weight=1/1";
    let response = server
        .raw(&format!("GET /primary HTTP/1.0\r\n{state}\r\n\r\n"))
        .await;
    assert_eq!(response.status, 200);
}

#[tokio::test(flavor = "local")]
async fn a_client_that_resets_at_once_harms_nobody() {
    let server = Server::start(Told::default());
    for _ in 0..50 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /primary HTTP/1.0\r\n\r\n").await.unwrap();
        let mut first = [0; 1];
        stream.read_exact(&mut first).await.unwrap();
        // Closing with unread bytes sends RST.
        drop(stream);
    }
    assert_eq!(server.get("/primary").await.status, 200);
    assert!(
        server
            .counted()
            .contains("pg_exporter_http_requests_total{code=\"200\",page=\"health\"} 51\n")
    );
}

#[tokio::test(flavor = "local")]
async fn lag_rules() {
    let server = Server::start(Told::default());
    let minding = || REPLICA.iter().chain(&["/read", "/readiness"]);
    server.set(State::Replica, LAG);
    for path in minding() {
        for (lag, status, body) in [
            ("31s", 200, "replica"),
            ("20MB", 200, "replica"),
            ("1h&lag=1GB", 200, "replica"),
            ("10s", 503, "replica: replay is 30.000 s behind, allowed is 10 s"),
            (
                "16MB",
                503,
                "replica: replay is 20971520 bytes behind, allowed are 16777216 bytes",
            ),
            (
                "1h&lag=16MB",
                503,
                "replica: replay is 20971520 bytes behind, allowed are 16777216 bytes",
            ),
        ] {
            let response = server.get(&format!("{path}?lag={lag}")).await;
            assert_eq!((response.status, response.text()), (status, body), "{path} {lag}");
        }
        let response = server.get(&format!("{path}?lag=10")).await;
        assert_eq!(response.status, 400, "{path}");
        assert!(
            response
                .text()
                .starts_with("lag is not a whole number with one of the units"),
            "{response:?}"
        );
    }
    server.set(State::Replica, Lag { paused: true, ..LAG });
    assert_eq!(
        server.get("/replica?lag=1h").await.text(),
        "replica: replay is paused"
    );
    server.set(State::Replica, Lag { time: None, ..LAG });
    assert_eq!(
        server.get("/replica?lag=1h").await.text(),
        "replica: the replay lag in time is not known"
    );
    assert_eq!(server.get("/replica?lag=20MB").await.status, 200);

    server.set(State::Primary, Lag::default());
    assert_eq!(server.get("/read?lag=0s").await.status, 200);
    assert_eq!(server.get("/readiness?lag=0B").await.status, 200);
    assert_eq!(server.get("/replica?lag=0s").await.status, 404);
    assert_eq!(server.get("/replica?lag=zero").await.status, 400);

    server.set(State::Down, LAG);
    for path in minding() {
        let response = server.get(&format!("{path}?lag=1s")).await;
        assert_eq!((response.status, response.text()), (503, "down"), "{path}");
    }
}

#[tokio::test(flavor = "local")]
async fn paths_without_lag_rules_ignore_the_parameter() {
    let server = Server::start(Told::default());
    server.set(State::Replica, LAG);
    for path in UP.iter().chain(&["/liveness"]) {
        assert_eq!(server.get(&format!("{path}?lag=x")).await.status, 200, "{path}");
    }
    for path in PRIMARY {
        assert_eq!(server.get(&format!("{path}?lag=x")).await.status, 404, "{path}");
    }
}
