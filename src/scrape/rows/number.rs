//! Numbers from the wire's bytes, by the column's type.

/// How a cell of a type is read as a number. Types that are not here have no numeric meaning: NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// `bool`: 1 or 0.
    Bool,
    /// `int2`.
    Int2,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `oid`, `xid`, `cid`: unsigned 32 bits.
    Unsigned4,
    /// `xid8`: unsigned 64 bits.
    Unsigned8,
    /// `float4`.
    Float4,
    /// `float8`.
    Float8,
    /// `numeric`.
    Numeric,
    /// `timestamp`, `timestamptz`: whole Unix seconds, rounded down.
    Timestamp,
    /// `date`: Unix seconds of its midnight.
    Date,
    /// Text, read as a decimal number.
    Text,
    /// Text of a type that is not known: a number, `t` or `f`, or a time.
    Unknown,
    /// A type without a numeric meaning.
    Opaque,
}

/// Seconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
const EPOCH: i64 = 946_684_800;
const MICROSECONDS: i64 = 1_000_000;
const DAY: i64 = 86_400;

impl Wire {
    /// The reading of a type's binary form, by `pg_type.oid`.
    #[must_use]
    pub fn of_binary(oid: u32) -> Self {
        match oid {
            16 => Self::Bool,
            21 => Self::Int2,
            23 => Self::Int4,
            20 => Self::Int8,
            26 | 28 | 29 => Self::Unsigned4,
            5069 => Self::Unsigned8,
            700 => Self::Float4,
            701 => Self::Float8,
            1700 => Self::Numeric,
            1114 | 1184 => Self::Timestamp,
            1082 => Self::Date,
            18 | 19 | 25 | 705 | 1042 | 1043 => Self::Text,
            _ => Self::Opaque,
        }
    }

    /// Whether `scale` applies: not to booleans and times.
    #[must_use]
    pub fn is_scaled(self) -> bool {
        !matches!(self, Self::Bool | Self::Timestamp | Self::Date)
    }

    /// The number in a cell's binary form; `None` when the bytes are not of the type or are no number.
    #[must_use]
    pub fn read(self, bytes: &[u8]) -> Option<f64> {
        match self {
            Self::Bool => bytes.first().map(|byte| f64::from(u8::from(*byte != 0))),
            Self::Int2 => fixed(bytes).map(|raw| f64::from(i16::from_be_bytes(raw))),
            Self::Int4 => fixed(bytes).map(|raw| f64::from(i32::from_be_bytes(raw))),
            Self::Int8 => fixed(bytes).map(|raw| i64::from_be_bytes(raw) as f64),
            Self::Unsigned4 => fixed(bytes).map(|raw| f64::from(u32::from_be_bytes(raw))),
            Self::Unsigned8 => fixed(bytes).map(|raw| u64::from_be_bytes(raw) as f64),
            Self::Float4 => fixed(bytes).map(f32::from_be_bytes).map(float4),
            Self::Float8 => fixed(bytes).map(f64::from_be_bytes),
            Self::Numeric => numeric(bytes),
            Self::Timestamp => fixed(bytes).map(|raw| timestamp(i64::from_be_bytes(raw))),
            Self::Date => fixed(bytes).map(|raw| date(i32::from_be_bytes(raw))),
            Self::Text | Self::Unknown => text(bytes),
            Self::Opaque => None,
        }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// A number in decimal or exponent form, also `NaN` and `Infinity`.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// The number that the server's text form of a `float4` stands for: 0.1, not 0.10000000149.
fn float4(number: f32) -> f64 {
    /// 2^24: whole numbers below it are exact and their text is too.
    const EXACT: f32 = 16_777_216.0;
    if !number.is_finite() || (number.trunc() == number && number.abs() < EXACT) {
        return f64::from(number);
    }
    zmij::Buffer::new()
        .format_finite(number)
        .parse()
        .unwrap_or(f64::from(number))
}

fn timestamp(microseconds: i64) -> f64 {
    match microseconds {
        i64::MIN => f64::NEG_INFINITY,
        i64::MAX => f64::INFINITY,
        _ => (microseconds.div_euclid(MICROSECONDS) + EPOCH) as f64,
    }
}

fn date(days: i32) -> f64 {
    match days {
        i32::MIN => f64::NEG_INFINITY,
        i32::MAX => f64::INFINITY,
        _ => (i64::from(days) * DAY + EPOCH) as f64,
    }
}

/// A `numeric` in binary form: four 16-bit words (number of digits, weight of the first, sign, display scale), then
/// the digits to base 10000.
///
/// An integer below 2^53 times or divided by a power of ten up to 10^22 is exact in one operation; everything else
/// goes through decimal text, so that the result is always the double next to the value.
#[must_use]
pub fn numeric(bytes: &[u8]) -> Option<f64> {
    let mut words = bytes.chunks_exact(2).map(|raw| {
        u16::from_be_bytes([
            raw.first().copied().unwrap_or(0),
            raw.last().copied().unwrap_or(0),
        ])
    });
    let count = words.next()?;
    let weight = i32::from(words.next()?.cast_signed());
    let sign = words.next()?;
    let _display_scale = words.next()?;
    match sign {
        0xC000 => return Some(f64::NAN),
        0xD000 => return Some(f64::INFINITY),
        0xF000 => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let digits = bytes.get(8..)?;
    if digits.len() != usize::from(count) * 2 {
        return None;
    }
    let magnitude = small(digits, weight, count).or_else(|| large(digits, weight, count))?;
    Some(if sign == 0 { magnitude } else { -magnitude })
}

fn digit_words(digits: &[u8]) -> impl Iterator<Item = u16> + '_ {
    digits
        .chunks_exact(2)
        .filter_map(|raw| <[u8; 2]>::try_from(raw).ok())
        .map(u16::from_be_bytes)
}

fn small(digits: &[u8], weight: i32, count: u16) -> Option<f64> {
    const EXACT: u64 = 1 << 53;
    let mut integer: u64 = 0;
    for digit in digit_words(digits) {
        integer = integer.checked_mul(10_000)?.checked_add(u64::from(digit))?;
        if integer >= EXACT {
            return None;
        }
    }
    let exponent = 4 * (weight + 1 - i32::from(count));
    match exponent {
        0..=22 => Some(integer as f64 * 10f64.powi(exponent)),
        -22..0 => Some(integer as f64 / 10f64.powi(-exponent)),
        _ => None,
    }
}

fn large(digits: &[u8], weight: i32, count: u16) -> Option<f64> {
    use std::fmt::Write as _;
    let mut decimal = String::with_capacity(digits.len() * 2 + 12);
    for digit in digit_words(digits) {
        write!(decimal, "{digit:04}").ok()?;
    }
    write!(decimal, "e{}", 4 * (weight + 1 - i32::from(count))).ok()?;
    decimal.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]
    use super::*;
    use proptest::prelude::*;

    /// The binary form of a decimal, made independently of the decoder: by shifting the decimal point to a multiple of
    /// four digits.
    fn encode(text: &str) -> Vec<u8> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
        let fraction = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
        let weight = i16::try_from(whole.len() / 4).unwrap() - 1;
        let all = format!("{whole}{fraction}");
        let digits: Vec<u16> = (0..all.len() / 4)
            .map(|at| all[at * 4..at * 4 + 4].parse().unwrap())
            .collect();
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(digits.len()).unwrap().to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend(if negative { 0x4000u16 } else { 0 }.to_be_bytes());
        bytes.extend(0u16.to_be_bytes());
        digits.iter().for_each(|digit| bytes.extend(digit.to_be_bytes()));
        bytes
    }

    proptest! {
        #[test]
        fn numerics_are_the_nearest_double(text in "-?[0-9]{1,30}(\\.[0-9]{1,30})?") {
            prop_assert_eq!(numeric(&encode(&text)), text.parse().ok());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), oid in 0u32..6000) {
            let _ = Wire::of_binary(oid).read(&bytes);
            let _ = numeric(&bytes);
        }
    }

    #[test]
    fn special_numerics() {
        let special = |sign: u16| {
            [0u16, 0, sign, 0]
                .iter()
                .flat_map(|word| word.to_be_bytes())
                .collect::<Vec<_>>()
        };
        assert!(numeric(&special(0xC000)).unwrap().is_nan());
        assert_eq!(numeric(&special(0xD000)), Some(f64::INFINITY));
        assert_eq!(numeric(&special(0xF000)), Some(f64::NEG_INFINITY));
        assert_eq!(numeric(&special(0)), Some(0.0));
    }

    #[test]
    fn single_precision_is_read_as_its_text_is() {
        for (number, expected) in [
            (0.1f32, 0.1),
            (1.234_567_9e8, 123_456_790.0),
            (-2.5, -2.5),
            (3.0, 3.0),
        ] {
            assert_eq!(float4(number), expected);
        }
        assert!(float4(f32::NAN).is_nan());
    }

    #[test]
    fn times_are_whole_seconds_rounded_down() {
        assert_eq!(timestamp(0), 946_684_800.0);
        assert_eq!(timestamp(-1), 946_684_799.0);
        assert_eq!(timestamp(i64::MAX), f64::INFINITY);
        assert_eq!(date(1), 946_771_200.0);
    }
}
