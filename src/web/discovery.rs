//! `/sd`: Prometheus' HTTP service discovery. A group for each target: the address of this exporter, and labels by which its
//! series are told from those of others.

use std::sync::Arc;

use hyper::header::{ETAG, HOST, HeaderValue, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::answer;
use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::people;

pub(super) async fn answer<B: Backend>(context: Arc<Context<B>>, request: Parts) -> Response<Body> {
    let map = request.headers;
    let Some(address) = context
        .external_address
        .clone()
        .or_else(|| asked(&map, request.uri.authority()))
    else {
        let body = "the request does not say which host it asks; give the exporter --web.external-url\n";
        return answer::text(map, StatusCode::BAD_REQUEST, body);
    };
    let turn = match people::turn(&context).await {
        Ok(turn) => turn,
        Err(why) => return answer::later(format!("{why}\n")),
    };
    let made = people::make(turn, move || groups(&context, &address));
    let body = match made.await {
        Ok(body) => body,
        Err(why) => return answer::text(map, StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")),
    };
    let tag = tag(&body);
    let is_known = map.get_all(IF_NONE_MATCH).iter().any(|given| names(given, &tag));
    let mut response = match is_known {
        true => answer::with_type(map, StatusCode::NOT_MODIFIED, answer::JSON, Body::default()),
        false => answer::with_type(map, StatusCode::OK, answer::JSON, body),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The host that the client asks, as it calls it. What is no host is not passed on.
fn asked(map: &HeaderMap, authority: Option<&hyper::http::uri::Authority>) -> Option<String> {
    let given = match authority {
        Some(authority) => authority.as_str(),
        None => map.get(HOST)?.to_str().ok()?,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
    (!given.is_empty() && given.len() <= 300 && given.bytes().all(is_plain)).then(|| given.to_owned())
}

fn groups<B: Backend>(context: &Context<B>, address: &str) -> String {
    let groups: Vec<Value> = context
        .targets
        .now()
        .iter()
        .map(|target| group(&**target, address))
        .collect();
    let mut text = Value::Array(groups).to_string();
    text.push('\n');
    text
}

fn group<B: Backend>(target: &B, address: &str) -> Value {
    let name = target.name().unwrap_or_default();
    let mut labels = Map::new();
    labels.insert("instance".to_owned(), json!(name));
    for (label, value) in target.labels() {
        labels.insert(label.clone(), json!(value));
    }
    // Whatever a label is called, this is what the exporter is asked for.
    labels.insert("__param_target".to_owned(), json!(name));
    json!({ "targets": [address], "labels": labels })
}

fn tag(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("\"{}\"", hex.collect::<String>())
}

/// Whether the client has that already: tags are compared weakly, as a proxy may have compressed the answer.
fn names(given: &HeaderValue, tag: &str) -> bool {
    let given = given.to_str().unwrap_or_default();
    given
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_a_host_is_passed_on() {
        let table = [
            ("exporter.example:9630", true),
            ("[::1]:9630", true),
            ("", false),
            ("a b", false),
            ("x\"y", false),
            ("a/b", false),
        ];
        for (host, is_taken) in table {
            let map = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]);
            assert_eq!(asked(&map, None).is_some(), is_taken, "{host}");
        }
        assert_eq!(asked(&HeaderMap::new(), None), None);
    }

    #[test]
    fn a_tag_is_known_in_every_spelling() {
        let tag = tag("[]");
        for given in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            assert!(names(&HeaderValue::from_str(&given).unwrap(), &tag), "{given}");
        }
        assert!(!names(&HeaderValue::from_static("\"x\""), &tag));
    }
}
