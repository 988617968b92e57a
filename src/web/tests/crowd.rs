//! Many clients at once: what each may take, and who is let in.

use std::rc::Rc;

use super::*;

#[tokio::test(flavor = "local")]
async fn idle_clients_do_not_keep_a_probe_out() {
    let server = Server::start_with(
        Told::default(),
        Limits {
            connections: 4,
            ..Limits::default()
        },
    );
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(server.connect().await);
    }
    // While they have only begun, none is closed.
    assert_eq!(server.get("/up").await.status, 200);
    assert!(server.counted().contains("pg_exporter_http_connections 50\n"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..20 {
        assert_eq!(server.get("/up").await.status, 200);
    }
    let gauge = server
        .counted()
        .lines()
        .find(|line| line.starts_with("pg_exporter_http_connections "))
        .unwrap()
        .to_owned();
    let open: u32 = gauge.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(open <= 5, "{gauge}");
}

#[tokio::test(flavor = "local")]
async fn above_the_cap_of_busy_connections_clients_are_told() {
    let slow = Told {
        page_time: Duration::from_secs(1),
        ..Told::default()
    };
    let server = Server::start_with(
        slow,
        Limits {
            connections: 3,
            pages: 3,
            ..Limits::default()
        },
    );
    let scrapes = async {
        tokio::join!(
            server.get("/metrics"),
            server.get("/metrics"),
            server.get("/metrics")
        )
    };
    let refused = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.get("/up").await
    };
    let (pages, refused) = tokio::join!(scrapes, refused);
    assert_eq!((pages.0.status, pages.1.status, pages.2.status), (200, 200, 200));
    assert_eq!((refused.status, refused.text()), (503, "too many connections\n"));
    assert_eq!(refused.header("content-length"), Some("21"));
    assert!(
        server
            .counted()
            .contains("pg_exporter_http_connections_rejected_total 1\n")
    );
    assert_eq!(server.get("/up").await.status, 200);
}

#[tokio::test(flavor = "local")]
async fn pages_that_take_their_time_keep_no_probe_out() {
    let slow = Told {
        page_time: Duration::from_secs(1),
        ..Told::default()
    };
    let limits = Limits {
        connections: 6,
        pages: 3,
        ..Limits::default()
    };
    let server = Server::start_with(slow, limits);
    let page = async || server.get("/metrics").await.status;
    let probes = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        for _ in 0..20 {
            assert_eq!(server.get("/up").await.status, 200);
        }
    };
    let (pages, ()) = tokio::join!(
        async { tokio::join!(page(), page(), page(), page(), page()) },
        probes
    );
    let mut pages = [pages.0, pages.1, pages.2, pages.3, pages.4];
    pages.sort_unstable();
    assert_eq!(pages, [200, 200, 200, 503, 503]);
    assert_eq!(page().await, 200);
}

#[tokio::test(flavor = "local")]
async fn clients_that_do_not_read_make_room_for_others() {
    let page = vec![Bytes::from(vec![b'x'; 1 << 20]); 64];
    let backend = Told {
        page,
        ..Told::default()
    };
    let limits = Limits {
        connections: 4,
        ..Limits::default()
    };
    let server = Server::start_with(backend, limits);
    let mut deaf = Vec::new();
    for _ in 0..12 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
        deaf.push(stream);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..10 {
        assert_eq!(server.get("/up").await.status, 200);
    }
}

/// Pages that clients do not take have a bound together; health has none.
#[tokio::test(flavor = "local")]
async fn what_slow_readers_hold_has_a_bound_together() {
    let limits = Limits {
        held: 32 << 20,
        // None of them is cut off before all have come, however busy the machine is.
        write: Duration::from_secs(60),
        ..Limits::default()
    };
    let backend = Told {
        fresh: Some(10 << 20),
        ..Told::default()
    };
    let server = Server::start_with(backend, limits);
    let mut readers = Vec::new();
    for _ in 0..64 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        readers.push(stream);
    }
    // 32 MB are four such pages; the others are told to come again.
    let mut statuses = Vec::new();
    for stream in &mut readers {
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        statuses.push(String::from_utf8(head[9..].to_vec()).unwrap());
    }
    let served = statuses.iter().filter(|status| *status == "200").count();
    assert!((4..=5).contains(&served), "{statuses:?}");
    assert!(statuses.iter().all(|status| status == "200" || status == "503"));
    let refused = server.get("/metrics").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    for path in ["/primary", "/up", "/liveness", "/read"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    drop(readers);
    let started = Instant::now();
    while server.get("/metrics").await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "they are gone");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Connections of one client, as many as there may be and all of them busy, keep no other one out, which takes one place of them; of
/// its own the client gets no more.
#[tokio::test(flavor = "local")]
async fn a_crowd_of_one_client_keeps_no_other_one_out() {
    let slow = Told {
        page_time: Duration::from_secs(60),
        ..Told::default()
    };
    let limits = Limits {
        connections: 8,
        pages: 8,
        ..Limits::default()
    };
    let server = Rc::new(Server::start_with(slow, limits));
    let scrape = |_| {
        let server = Rc::clone(&server);
        tokio::task::spawn_local(async move { server.get_from(1, "/metrics").await })
    };
    let crowd: Vec<_> = (0..8).map(scrape).collect();
    let all_wait = async {
        while server.backend.asked.lock().unwrap().len() < 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), all_wait)
            .await
            .is_ok()
    );
    let refused = server.get_from(1, "/up").await;
    assert!(refused.ends_with("too many connections\n"), "{refused}");
    for address in [2, 3, 2] {
        let answer = server.get_from(address, "/up").await;
        assert!(answer.contains(" 200 OK\r\n"), "{address}: {answer}");
    }
    assert_eq!(crowd.iter().filter(|scrape| scrape.is_finished()).count(), 1);
}

/// Nor are those closed that another client has and keeps, however long they wait, whoever comes.
#[tokio::test(flavor = "local")]
async fn a_crowd_of_one_client_closes_no_connection_of_another() {
    let limits = Limits {
        connections: 16,
        ..Limits::default()
    };
    let server = Server::start_with(Told::default(), limits);
    let mut kept = server.connect_from(2).await;
    let mut crowd = Vec::new();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        crowd.push(server.connect_from(1).await);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for newcomer in [3, 2, 4] {
        assert!(server.get_from(newcomer, "/up").await.contains(" 200 OK\r\n"));
    }
    kept.write_all(b"GET /up HTTP/1.0\r\n\r\n").await.unwrap();
    let (answer, _) = until_closed(&mut kept).await;
    assert!(answer.starts_with(b"HTTP/1.0 200 OK"));
}
