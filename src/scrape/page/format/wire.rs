//! The wire format of protocol buffers, as far as metrics need it: varints, doubles, strings, messages.

use std::array;
use std::iter::Take;

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;

/// A number, seven bits a byte, the lowest first; the last byte is below 128.
fn varint(mut number: u64) -> Take<array::IntoIter<u8, 10>> {
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        *byte = number as u8 & 0x7f;
        number >>= 7;
        if number == 0 {
            break;
        }
        *byte |= 0x80;
    }
    bytes.into_iter().take(length)
}

fn push_key(field: u32, kind: u32, out: &mut Vec<u8>) {
    out.extend(varint(u64::from(field << 3 | kind)));
}

/// A field of an integer type or an enumeration.
pub(in crate::scrape) fn push_integer(field: u32, number: u64, out: &mut Vec<u8>) {
    push_key(field, VARINT, out);
    out.extend(varint(number));
}

/// A field of type double.
pub(in crate::scrape) fn push_double(field: u32, number: f64, out: &mut Vec<u8>) {
    push_key(field, FIXED64, out);
    out.extend_from_slice(&number.to_le_bytes());
}

/// A field of type string.
pub(in crate::scrape) fn push_string(field: u32, text: &[u8], out: &mut Vec<u8>) {
    push_key(field, LENGTH, out);
    out.extend(varint(text.len() as u64));
    out.extend_from_slice(text);
}

/// A field that is a message.
pub(in crate::scrape) fn push_message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    push_key(field, LENGTH, out);
    push_delimited(out, write);
}

/// A message behind its length.
pub(in crate::scrape) fn push_delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let length = (out.len() - start) as u64;
    // Messages are short, and their length is known only now.
    out.splice(start..start, varint(length));
}
