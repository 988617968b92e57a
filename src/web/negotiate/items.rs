//! The elements of a header such as `Accept`.

use hyper::HeaderMap;
use hyper::header::HeaderName;

/// A quality in thousandths: 1000 when none is given, 0 means "not this".
pub(super) type Quality = u16;

/// One element of a header: a media range or a coding, its parameters and its weight.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<(&'a str, &'a str)>,
    pub(super) quality: Quality,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = pieces(text, ';');
        let name = parts.next().unwrap_or_default();
        let mut quality = 1000;
        let mut parameters = Vec::new();
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (key.trim_end(), unquoted(value.trim_start()));
            if key.eq_ignore_ascii_case("q") {
                quality = thousandths(value);
            } else {
                parameters.push((key, value));
            }
        }
        Self {
            name,
            parameters,
            quality,
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// How exactly the item as a media range means a type: `None` not at all, 0 as one of all, 1 as one of its kind,
    /// 2 by name.
    pub(super) fn fit(&self, kind: &str, subtype: &str) -> Option<u8> {
        match self.name.split_once('/')? {
            ("*", "*") => Some(0),
            (name, "*") if name.eq_ignore_ascii_case(kind) => Some(1),
            (name, sub) if name.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

pub(super) fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<Item<'a>> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let items = values.flat_map(|value| pieces(value, ','));
    items.filter(|item| !item.is_empty()).map(Item::parse).collect()
}

/// The text between separators, which count outside of quotes only.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let split = text.split(move |character| {
        let is_quote = character == '"' && !is_escaped;
        is_quoted ^= is_quote;
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        character == separator && !is_quoted
    });
    split.map(str::trim)
}

/// The values that are known have no need of escapes: one that has them is another.
fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// A weight such as `0.75`; one that cannot be read counts as 0, so that a broken item is not chosen.
fn thousandths(text: &str) -> Quality {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as Quality,
        _ => 0,
    }
}
