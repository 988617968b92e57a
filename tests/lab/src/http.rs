//! An HTTP/1 client for tests: one request per connection, nothing hidden, nothing retried.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::read::GzDecoder;

/// How long an answer may take; a server may hold one back until its own deadline.
const LIMIT: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer encoding, but still compressed if it was.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's first value; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body, decompressed if need be.
    ///
    /// # Panics
    /// When the compressed data are damaged.
    #[must_use]
    #[track_caller]
    pub fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        let mut body = self.body.as_slice();
        let read = match self.header("content-encoding") {
            Some("gzip") => GzDecoder::new(body).read_to_end(&mut content).map(|_| ()),
            Some("zstd") => zstd::stream::copy_decode(body, &mut content),
            _ => body.read_to_end(&mut content).map(|_| ()),
        };
        if let Err(error) = read {
            panic!("the body cannot be decompressed: {error}");
        }
        content
    }

    /// The body as text, decompressed if need be.
    ///
    /// # Panics
    /// When it is not UTF-8, or the compressed data are damaged.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        match String::from_utf8(self.content()) {
            Ok(text) => text,
            Err(error) => panic!("the body is no text: {error}"),
        }
    }
}

/// Sends a request without a body; `headers` come after `Host` and `Connection: close`.
///
/// # Errors
/// When the connection fails or ends early, nothing comes for a minute, or what comes is not HTTP/1.
pub fn request(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    parse(&raw(port, head.as_bytes())?, method == "HEAD")
}

/// Sends a request with a JSON body to a server that says how long its answer is, and may keep the connection open.
///
/// # Errors
/// As [`request`].
pub fn send_json(port: u16, method: &str, path: &str, body: &str) -> io::Result<Response> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut reader = BufReader::new(stream);
    let (mut answer, mut length) = (Vec::new(), 0);
    while !answer.ends_with(b"\r\n\r\n") {
        let start = answer.len();
        if reader.read_until(b'\n', &mut answer)? == 0 {
            return Err(invalid("no end of the headers"));
        }
        let line = String::from_utf8_lossy(answer.get(start..).unwrap_or_default()).to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value
                .trim()
                .parse()
                .map_err(|_| invalid("content-length is no number"))?;
        }
    }
    reader.take(length).read_to_end(&mut answer)?;
    parse(&answer, false)
}

/// Sends bytes as they are, and returns all that comes until the server closes.
///
/// # Errors
/// When the connection fails, or nothing comes for a minute.
pub fn raw(port: u16, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Takes an answer apart, as [`raw`] returned it.
///
/// # Errors
/// When it is not HTTP/1, or shorter than it says.
pub fn parse(bytes: &[u8], without_body: bool) -> io::Result<Response> {
    let (head, body) = split(bytes, b"\r\n\r\n").ok_or_else(|| invalid("no end of the headers"))?;
    let head = std::str::from_utf8(head).map_err(|_| invalid("headers are not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| invalid("no status"))?;
    let header = |line: &str| {
        line.split_once(':')
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let mut response = Response {
        status,
        headers,
        body: Vec::new(),
    };
    if !without_body {
        response.body = decode(&response, body)?;
    }
    Ok(response)
}

fn decode(response: &Response, body: &[u8]) -> io::Result<Vec<u8>> {
    if response.header("transfer-encoding") == Some("chunked") {
        return join_chunks(body);
    }
    let Some(length) = response.header("content-length") else {
        return Ok(body.to_vec());
    };
    let length: usize = length
        .parse()
        .map_err(|_| invalid("content-length is no number"))?;
    if body.len() != length {
        return Err(invalid(&format!(
            "content-length is {length}, the body has {} bytes",
            body.len()
        )));
    }
    Ok(body.to_vec())
}

fn join_chunks(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, after) =
            split(rest, b"\r\n").ok_or_else(|| invalid("the body ends before its last chunk"))?;
        let size = std::str::from_utf8(size)
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| invalid("no chunk size"))?;
        if size == 0 {
            return Ok(body);
        }
        let (chunk, next) = after
            .split_at_checked(size)
            .ok_or_else(|| invalid("a chunk is cut off"))?;
        body.extend_from_slice(chunk);
        rest = next
            .strip_prefix(b"\r\n")
            .ok_or_else(|| invalid("no end of a chunk"))?;
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    let (before, after) = bytes.split_at_checked(place)?;
    Some((before, after.get(at.len()..)?))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::parse;

    #[test]
    fn chunks_are_joined_and_a_short_body_is_an_error() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let whole = parse(
            format!("{head}3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n").as_bytes(),
            false,
        )
        .unwrap();
        assert_eq!((whole.status, whole.text().as_str()), (200, "abc0123456789"));
        assert!(parse(format!("{head}3\r\nab").as_bytes(), false).is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false).is_err());
        assert_eq!(
            parse(b"HTTP/1.0 503 No\r\n\r\nrest", false).unwrap().text(),
            "rest"
        );
    }
}
