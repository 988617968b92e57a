//! Requests of HTTP/2 without end, given up or with errors: who sends them costs a share, and no more.

use super::tls::{
    CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, Secured, frame, get, kinds, limits,
    request,
};
use super::*;

#[tokio::test(flavor = "local")]
async fn resets_in_a_row_end_the_connection() {
    let secured = Secured::start(Vec::new());
    let mut stream = secured.connect_http2().await;
    let mut flood = Vec::new();
    for number in 0..2000 {
        let id = 2 * number + 1;
        flood.extend(request(id, "/up"));
        flood.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
    }
    let _ = stream.write_all(&flood).await;
    let (bytes, time) = until_closed(&mut stream).await;
    assert!(kinds(&bytes).contains(&GOAWAY), "{:?}", kinds(&bytes));
    assert!(time < limits().head, "not for its idleness: {time:?}");
    secured.serves().await;
}

/// Blocks of 16 KB that refer 16,000 times to `:path`: each byte of theirs is a field. They wait for each other, and nobody
/// waits for them.
#[tokio::test(flavor = "local")]
async fn who_only_errs_has_no_more_than_a_share() {
    let secured = Secured::start(Vec::new());
    let table: [Vec<u8>; 3] = [
        vec![0x84; 16_000],
        // `:status` in a request; many small requests without a method.
        vec![0x88; 16_000],
        vec![0x84; 100],
    ];
    for fields in table {
        let block = |number: u32| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &fields);
        let all: Vec<u8> = (0..150).flat_map(block).collect();
        let mut stream = secured.connect_http2().await;
        // Not before: the first request has its time, too.
        let mut kept = secured.connect("http/1.1").await;
        let (mut read, mut write) = tokio::io::split(&mut stream);
        let attack = async {
            // It may be closed before all is sent.
            let _ = write.write_all(&all).await;
            let mut bytes = Vec::new();
            let read = read.read_to_end(&mut bytes);
            let _ = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
            bytes
        };
        let mut attack = std::pin::pin!(attack);
        let mut answered = 0;
        let bytes = loop {
            let probe = async {
                kept.write_all(b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
                    .await
                    .unwrap();
                let mut answer = [0; 512];
                let read = kept.read(&mut answer).await.unwrap();
                assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            tokio::select! {
                biased;
                bytes = &mut attack => break bytes,
                () = probe => answered += 1,
            }
        };
        let resets = kinds(&bytes).iter().filter(|kind| **kind == RST_STREAM).count();
        assert!(resets > 0 && answered > 0, "{resets} resets, {answered} answers");
        secured.serves().await;
    }
}

/// Each of them alone may be refused; a client that goes on is not heard.
#[tokio::test(flavor = "local")]
async fn malformed_requests_without_end_end_the_connection() {
    let secured = Secured::start(Vec::new());
    let mut stream = secured.connect_http2().await;
    let flood = |number: u32| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &[0x84]);
    let all: Vec<u8> = (0..2000).flat_map(flood).collect();
    let _ = stream.write_all(&all).await;
    let (bytes, _) = until_closed(&mut stream).await;
    let resets = kinds(&bytes).iter().filter(|kind| **kind == RST_STREAM).count();
    assert!(resets <= 400, "{resets} resets");
    assert!(kinds(&bytes).contains(&GOAWAY), "{:?}", kinds(&bytes));
    secured.serves().await;
}

#[tokio::test(flavor = "local")]
async fn endless_fields_end_the_connection() {
    let secured = Secured::start(Vec::new());
    let mut stream = secured.connect_http2().await;
    // Fields that are never complete.
    let mut flood = frame(HEADERS, END_STREAM, 1, &get("/up"));
    for _ in 0..200 {
        let mut field = vec![0x00, 1, b'a', 0x7f, 0x81, 0x7c];
        field.extend(vec![b'b'; 16_000]);
        flood.extend(frame(CONTINUATION, 0, 1, &field));
    }
    let _ = stream.write_all(&flood).await;
    let (bytes, time) = until_closed(&mut stream).await;
    assert!(
        !kinds(&bytes).contains(&HEADERS),
        "no answer: {:?}",
        kinds(&bytes)
    );
    assert!(time < limits().head, "not for its slowness: {time:?}");
    secured.serves().await;
}

#[tokio::test(flavor = "local")]
async fn more_requests_at_once_than_are_served_are_refused_and_the_others_answered() {
    let secured = Secured::start(Vec::new());
    let mut stream = secured.connect_http2().await;
    let all: Vec<u8> = (0..200)
        .flat_map(|number| request(2 * number + 1, "/up"))
        .collect();
    stream.write_all(&all).await.unwrap();
    let (bytes, _) = until_closed(&mut stream).await;
    let kinds = kinds(&bytes);
    let count = |wanted: u8| kinds.iter().filter(|kind| **kind == wanted).count();
    assert!(count(HEADERS) >= 32, "{kinds:?}");
    assert!(count(RST_STREAM) > 0, "{kinds:?}");
    assert_eq!(count(HEADERS) + count(RST_STREAM), 200, "{kinds:?}");
    secured.serves().await;
}

/// As over HTTP/1: short ones fill memory by their number.
#[tokio::test(flavor = "local")]
async fn fields_are_counted_over_http2_too() {
    let secured = Secured::start(Vec::new());
    for (count, is_refused) in [(100, false), (101, true)] {
        let mut stream = secured.connect_http2().await;
        let mut fields = get("/up");
        for number in 0..count {
            fields.extend([0, 2, b'a' + number / 16, b'a' + number % 16, 0]);
        }
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields);
        stream.write_all(&request).await.unwrap();
        let (bytes, _) = until_closed(&mut stream).await;
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.contains("at most 100 fields"), is_refused, "{text}");
        assert!(kinds(&bytes).contains(&HEADERS), "{text}");
    }
}
