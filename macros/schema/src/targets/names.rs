//! Names that files may give.

/// Whether a name is one of a label.
pub(super) fn is_label_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && !name.starts_with("__")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a name is one that requests can say.
pub(super) fn is_target_name(name: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_other = |byte: u8| is_first(byte) || matches!(byte, b'.' | b'_' | b'-');
    let bytes = name.as_bytes();
    bytes.first().copied().is_some_and(is_first) && bytes.len() <= 128 && bytes.iter().copied().all(is_other)
}

/// A name that requests can say, as near as can be.
pub(super) fn target_name_like(text: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-') => c,
        _ => '-',
    };
    let name: String = text.chars().map(plain).collect();
    name.trim_start_matches(['-', '.', '_'])
        .chars()
        .take(128)
        .collect()
}
