//! Words of a lock's line: what is no plain name stands in quotes.

/// A name or version as one word.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_?.-+~".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What a word stands for; `None` when its quotes are not as [`word`] writes them.
pub(crate) fn meant(word: &str) -> Option<String> {
    let Some(inner) = word.strip_prefix('"') else {
        return (!word.contains('"')).then(|| word.to_owned());
    };
    let mut text = String::new();
    let mut chars = inner.strip_suffix('"')?.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                other => other,
            },
            c => c,
        });
    }
    Some(text)
}

/// The words of a line, as they are written.
pub(crate) fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in line.char_indices() {
        if c == ' ' && !is_quoted {
            words.extend(start.take().and_then(|start| line.get(start..at)));
            continue;
        }
        start.get_or_insert(at);
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && is_quoted && !is_escaped;
    }
    words.extend(start.and_then(|start| line.get(start..)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_meant() {
        for text in [
            "", "a", "?column?", "a b", "\"", "\\", "a\nb\\", "refused:", "é", " x ", "\\\" y",
        ] {
            let written = word(text);
            assert_eq!(
                words(&format!("  {written} int4")),
                [written.as_str(), "int4"],
                "{text}"
            );
            assert_eq!(meant(&written).as_deref(), Some(text));
        }
        assert_eq!(meant("\"a"), None);
        assert_eq!(meant("a\"b"), None);
    }
}
