//! What each connection of a flood sends.

use crate::error::{Context as _, OrFail as _};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .context(|| "the length of a frame".into())
        .or_fail()
        .to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The fields of a GET: method and scheme by their numbers, path and authority as text.
fn get(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len());
    let length = length.context(|| "the length of a path".into()).or_fail();
    let mut fields = vec![0x82, 0x87, 0x04, length];
    fields.extend(path.as_bytes());
    fields.extend([0x01, 1, b'x']);
    fields
}

fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// What each connection of a flood does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Blocks that refer 16,000 times to `:path`; each is refused, and costs half a millisecond.
    References,
    /// The same with a request between two that is answered.
    ReferencesAndRequests,
    /// Small requests without a method.
    Malformed,
    /// Good requests, as many as may be at once, without a pause.
    Requests,
    /// The same, each time with two pings behind them: most steps are short.
    RequestsAmidPings,
    /// Requests that are given up at once.
    Resets,
    /// Requests for pages with a body of 16 KB each, none of which may be sent.
    ClosedWindows,
    /// A block of fields without an end.
    Continuations,
    /// Bodies without an end.
    Bodies,
    /// Bodies of one byte a frame.
    Crumbs,
    /// Requests with 99 fields, and with more than there may be; nobody reads the answers.
    Fields,
    /// Requests without a pause whose answers nobody reads.
    Unread,
    /// A head of HTTP/1 that is as long as one may be, and does not end.
    LongHeads,
    /// Pings and changes of settings, which have to be answered, and nobody reads it.
    Pings,
    /// A connection for each request, as `curl` in a loop makes them.
    Visits,
    /// Handshakes, and nothing after them.
    Handshakes,
    /// Connections that send half of a handshake.
    HalfHandshakes,
    /// Requests without TLS, and data without an end behind them.
    Plain,
}

/// All of them.
pub const KINDS: [Kind; 18] = [
    Kind::References,
    Kind::ReferencesAndRequests,
    Kind::Malformed,
    Kind::Requests,
    Kind::RequestsAmidPings,
    Kind::Resets,
    Kind::ClosedWindows,
    Kind::Continuations,
    Kind::Bodies,
    Kind::Crumbs,
    Kind::Fields,
    Kind::Unread,
    Kind::LongHeads,
    Kind::Pings,
    Kind::Visits,
    Kind::Handshakes,
    Kind::HalfHandshakes,
    Kind::Plain,
];

impl Kind {
    /// What a connection sends first, behind its settings.
    pub fn settings(self) -> Vec<u8> {
        match self {
            // SETTINGS_INITIAL_WINDOW_SIZE 0.
            Self::ClosedWindows => frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
            _ => frame(SETTINGS, 0, 0, &[]),
        }
    }

    /// The next piece of the flood, of the streams from a number on; how many streams it takes.
    pub fn piece(self, first: u32) -> (Vec<u8>, u32) {
        let headers = END_STREAM | END_HEADERS;
        let of = |count: u32, one: &dyn Fn(u32) -> Vec<u8>| {
            let all = (0..count).flat_map(|number| one(first + 2 * number));
            (all.collect(), count)
        };
        match self {
            Self::References => of(4, &|id| frame(HEADERS, headers, id, &[0x84; 16_000])),
            Self::ReferencesAndRequests => {
                let mut bytes = frame(HEADERS, headers, first, &[0x84; 15_500]);
                (1..9).for_each(|number| bytes.extend(request(first + 2 * number, "/up")));
                (bytes, 9)
            }
            Self::Malformed => of(64, &|id| frame(HEADERS, headers, id, &[0x84])),
            Self::Requests => of(32, &|id| request(id, "/primary")),
            Self::RequestsAmidPings => match (first / 2) % 34 {
                0 => of(32, &|id| request(id, "/primary")),
                _ => (frame(PING, 0, 0, &[7; 8]), 1),
            },
            Self::Resets => of(64, &|id| {
                [
                    request(id, "/stat"),
                    frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()),
                ]
                .concat()
            }),
            Self::ClosedWindows => of(32, &|id| request(id, "/")),
            Self::Continuations => {
                let mut field = vec![0x00, 1, b'a', 0x7f, 0x81, 0x7c];
                field.extend(vec![b'b'; 16_000]);
                match first {
                    1 => (frame(HEADERS, END_STREAM, 1, &get("/up")), 1),
                    _ => (frame(CONTINUATION, 0, 1, &field), 1),
                }
            }
            Self::Bodies => match first {
                1 => (frame(HEADERS, END_HEADERS, 1, &get("/up")), 1),
                _ => (frame(DATA, 0, 1, &[0; 16_000]), 1),
            },
            Self::Crumbs => match first {
                1 => (frame(HEADERS, END_HEADERS, 1, &get("/up")), 1),
                _ => (frame(DATA, 0, 1, &[0]).repeat(1000), 1),
            },
            Self::Fields => of(8, &|id| {
                let mut fields = get("/primary");
                for number in 0..if id % 4 == 1 { 99 } else { 450_u16 } {
                    let name = format!("{number:03}");
                    fields.extend([0, 3]);
                    fields.extend(name.bytes().map(|digit| digit - b'0' + b'a'));
                    fields.push(0);
                }
                frame(HEADERS, headers, id, &fields)
            }),
            Self::Unread => of(32, &|id| {
                request(id, if id % 4 == 1 { "/primary" } else { "/stat" })
            }),
            Self::Pings => {
                let both = [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])].concat();
                (both.repeat(64), 1)
            }
            Self::Visits | Self::Handshakes | Self::HalfHandshakes | Self::LongHeads | Self::Plain => {
                (Vec::new(), 0)
            }
        }
    }

    /// What its connections agree on.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Visits | Self::LongHeads => "http/1.1",
            _ => "h2",
        }
    }

    /// Whether the answers are taken.
    pub fn reads(self) -> bool {
        ![Self::Pings, Self::Fields, Self::Unread].contains(&self)
    }
}
