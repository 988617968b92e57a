//! Whether a statement's text is still the one that was recorded.

use crate::model::Text;

/// A statement's text, and where it looks names up, as a number: FNV-1a of 64 bits. It tells an edit from none; nobody
/// gains anything by making two texts that have the same.
#[must_use]
pub fn fingerprint(sql: &str, search_path: &[Text]) -> u64 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const FACTOR: u64 = 0x0100_0000_01b3;
    let path = search_path
        .iter()
        .flat_map(|schema| [b"\0".as_slice(), schema.as_bytes()]);
    let bytes = std::iter::once(sql.as_bytes()).chain(path).flatten();
    bytes.fold(START, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FACTOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_one() {
        assert_eq!(fingerprint("", &[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("foobar", &[]), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn text_and_path_count() {
        let path =
            |names: &[&'static str]| -> Vec<Text> { names.iter().map(|name| (*name).into()).collect() };
        let all = [
            fingerprint("SELECT 1", &[]),
            fingerprint("SELECT  1", &[]),
            fingerprint("SELECT 1", &path(&["a"])),
            fingerprint("SELECT 1", &path(&["a", "b"])),
            fingerprint("SELECT 1", &path(&["ab"])),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all.iter().take(at).any(|other| other == one));
        }
    }
}
