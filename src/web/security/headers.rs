//! Headers of every answer: those the exporter toolkit permits.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use pg_exporter_schema::At;

use super::documents::Documents;

/// Names as they are written, and the only values where there are some.
const PERMITTED: [(&str, HeaderName, &[&str]); 5] = [
    ("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
    ("X-Content-Type-Options", X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    ("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    ("X-XSS-Protection", X_XSS_PROTECTION, &[]),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
];

pub(super) fn read(
    pairs: &[(At<String>, At<String>)],
    documents: &mut Documents,
) -> Vec<(HeaderName, HeaderValue)> {
    pairs
        .iter()
        .filter_map(|(name, value)| header(name, value, documents))
        .collect()
}

fn header(
    name: &At<String>,
    value: &At<String>,
    documents: &mut Documents,
) -> Option<(HeaderName, HeaderValue)> {
    let Some((shown, known, values)) = PERMITTED.iter().find(|(known, ..)| *known == name.value) else {
        let names: Vec<_> = PERMITTED.iter().map(|(name, ..)| *name).collect();
        let message = format!(
            "header `{}` cannot be configured; there are {}",
            name.value,
            names.join(", ")
        );
        documents.wrong(name, message);
        return None;
    };
    if !values.is_empty() && !values.contains(&value.value.as_str()) {
        let message = format!("bad value for `{shown}`; write {}", values.join(" or "));
        documents.wrong(value, message);
        return None;
    }
    match HeaderValue::from_str(&value.value) {
        Ok(value) => Some((known.clone(), value)),
        Err(_) => {
            documents.wrong(
                value,
                format!("bad value for `{shown}`; write one line of printable characters"),
            );
            None
        }
    }
}
