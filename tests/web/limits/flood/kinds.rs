//! What each connection of a flood sends.

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The fields of a GET: method and scheme by their numbers, path and authority as text.
fn get(path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    fields.extend(path.as_bytes());
    fields.extend([0x01, 1, b'x']);
    fields
}

fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// What each connection of a flood does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

pub(super) const KINDS: [Kind; 14] = [
    Kind::References,
    Kind::ReferencesAndRequests,
    Kind::Malformed,
    Kind::Requests,
    Kind::RequestsAmidPings,
    Kind::Resets,
    Kind::ClosedWindows,
    Kind::Continuations,
    Kind::Bodies,
    Kind::Pings,
    Kind::Visits,
    Kind::Handshakes,
    Kind::HalfHandshakes,
    Kind::Plain,
];

impl Kind {
    /// What a connection sends first, behind its settings.
    pub(super) fn settings(self) -> Vec<u8> {
        match self {
            // SETTINGS_INITIAL_WINDOW_SIZE 0.
            Self::ClosedWindows => frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
            _ => frame(SETTINGS, 0, 0, &[]),
        }
    }

    /// The next piece of the flood, of the streams from a number on; how many streams it takes.
    pub(super) fn piece(self, first: u32) -> (Vec<u8>, u32) {
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
            Self::Pings => {
                let both = [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])].concat();
                (both.repeat(64), 1)
            }
            Self::Visits | Self::Handshakes | Self::HalfHandshakes | Self::Plain => (Vec::new(), 0),
        }
    }

    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Visits => "http/1.1",
            _ => "h2",
        }
    }

    /// Whether the answers are taken.
    pub(super) fn reads(self) -> bool {
        self != Self::Pings
    }
}
