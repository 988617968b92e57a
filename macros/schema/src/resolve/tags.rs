//! Tags: words, and words with a name behind them.

use crate::language::near::nearest;
use crate::language::tag::{FLAVOURS, NAMED, WORDS, words};
use crate::model::Tag;
use crate::read::position::At;
use crate::read::report::FileReport;

/// The tags of an entry, each once.
pub(crate) fn resolve(written: &[At<String>], report: &mut FileReport<'_>) -> Vec<Tag> {
    let mut list = Vec::with_capacity(written.len());
    for word in written {
        if let Some(tag) = tag(word, report)
            && !list.contains(&tag)
        {
            list.push(tag);
        }
    }
    if let Some(first) = written.first()
        && list.contains(&Tag::Primary)
        && list.contains(&Tag::Replica)
    {
        report.warning(
            first.position,
            "tags `primary` and `replica` together fit no server; leave one",
        );
    }
    list
}

fn tag(written: &At<String>, report: &mut FileReport<'_>) -> Option<Tag> {
    let word = written.value.trim();
    if word.is_empty() {
        report.error(written.position, "empty tag; remove it");
        return None;
    }
    if let Some((_, tag)) = WORDS.iter().find(|(known, _)| *known == word) {
        return Some(tag.clone());
    }
    let (prefix, name) = word.split_once(':').unwrap_or((word, ""));
    let Some((_, make)) = NAMED.iter().find(|(known, _)| *known == prefix) else {
        misspelt(written, word, prefix, report);
        return Some(Tag::Custom(word.to_owned().into()));
    };
    if name.is_empty() {
        report.error(
            written.position,
            format!("tag `{word}` lacks its name; write `{prefix}:NAME`"),
        );
        return None;
    }
    match make(name.to_owned().into()) {
        Tag::Extension(name) => extension(written, &name, report),
        Tag::Flavour(name) => {
            known_flavour(written, &name, report);
            Some(Tag::Flavour(name))
        }
        Tag::Not(name) => {
            if let Some(flavour) = name.strip_prefix("flavour:") {
                known_flavour(written, flavour, report);
            }
            Some(Tag::Not(name))
        }
        other => Some(other),
    }
}

/// `NAME`, or `NAME>=VERSION`. No name of an extension that is in use has such a sign.
fn extension(written: &At<String>, text: &str, report: &mut FileReport<'_>) -> Option<Tag> {
    let Some(at) = text.find(['<', '>', '=', '!', '~']) else {
        return Some(Tag::Extension(text.to_owned().into()));
    };
    let (name, condition) = text.split_at_checked(at)?;
    let (name, version) = (
        name.trim(),
        condition.strip_prefix(">=").unwrap_or_default().trim(),
    );
    if name.is_empty() || !version.starts_with(|c: char| c.is_ascii_digit()) {
        report.error(
            written.position,
            format!(
                "tag `{}` has no version that is known; write `extension:NAME>=1.8`",
                written.value
            ),
        );
        return None;
    }
    Some(Tag::ExtensionFrom(
        name.to_owned().into(),
        version.to_owned().into(),
    ))
}

/// A word that no server is recognised by is a mistake, or a later exporter's.
fn known_flavour(written: &At<String>, name: &str, report: &mut FileReport<'_>) {
    if FLAVOURS.contains(&name) {
        return;
    }
    let message = match nearest(name, FLAVOURS) {
        Some(near) => format!("no server is known as `{name}`, did you mean `{near}`?"),
        None => format!(
            "no server is known as `{name}`; known are {}",
            FLAVOURS.join(", ")
        ),
    };
    report.warning(written.position, message);
}

/// Any word may be a tag of the exporter's own; one that looks like a known tag is probably meant to be that.
fn misspelt(written: &At<String>, word: &str, prefix: &str, report: &mut FileReport<'_>) {
    if let Some(near) = nearest(prefix, words(word.contains(':'))) {
        let message =
            format!("tag `{word}` is only met by an exporter started with it, did you mean `{near}`?");
        report.warning(written.position, message);
    }
}
