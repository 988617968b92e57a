//! Sets a field of the model to what is written, if that is within its limits.

use std::time::Duration;

use super::{names, server_settings, statement, tags};
use crate::language::key::Takes;
use crate::model::{Bucket, List, Predicate, Text};
use crate::read::given::{Given, Pair, Written};
use crate::read::position::{At, Position};
use crate::read::report::FileReport;

/// What a value is of.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Branch or column, for messages.
    pub(crate) owner: &'a str,
    /// The rank of the file.
    pub(crate) rank: usize,
}

/// The place in the order of execution of a collector that names none: behind 100, by file.
pub(crate) fn default_priority(rank: usize) -> i64 {
    i64::try_from(rank).unwrap_or(i64::MAX).saturating_add(100)
}

/// Sets the field of a key. What has no field of its own, or needs more than its value, is for who knows more.
pub(crate) fn set<T: Default>(pair: &Pair<T>, it: &mut T, context: Context<'_>, report: &mut FileReport<'_>) {
    let (key, at) = (pair.key.name, pair.position);
    match (&pair.key.takes, &pair.value) {
        (Takes::Text(field), Written::Text(text)) => {
            *(field.edit)(it) = text.trim().to_owned().into();
        }
        (Takes::Prefix(field), Written::Text(text)) if !text.trim().is_empty() => {
            *(field.edit)(it) = text.trim().to_owned().into();
        }
        (Takes::Statement(field), Written::Text(text)) => {
            let what = format!("`{key}` of `{}`", context.owner);
            *(field.edit)(it) = statement::checked(&At::new(text.as_str(), at), &what, report).into();
        }
        (Takes::Tags(field), Written::Words(words)) => {
            *(field.edit)(it) = tags::resolve(words, report).into();
        }
        (Takes::Schemas(field), Written::Words(words)) => {
            *(field.edit)(it) = names(words, (key, "a schema"), |name| !name.contains('\0'), report);
        }
        (Takes::Functions(field), Written::Words(words)) => {
            *(field.edit)(it) = names(words, (key, "a function of pg_catalog"), is_plain, report);
        }
        (Takes::Settings(field), Written::Assignments(list)) => {
            *(field.edit)(it) = list
                .iter()
                .filter_map(|(name, value)| server_settings::checked(name, &value.value, report))
                .collect();
        }
        (Takes::Seconds(field), Written::Number(seconds)) => {
            if let Some(duration) = span(*seconds, key, at, report) {
                *(field.edit)(it) = duration;
            }
        }
        (Takes::Timeout(field), Written::Number(seconds)) => {
            let default = *(field.get)(&T::default());
            *(field.edit)(it) = match *seconds {
                0.0 => default,
                seconds if seconds < 0.0 => None,
                seconds => span(seconds, key, at, report).or(default),
            };
        }
        (Takes::Version(field), Written::Whole(number)) => {
            let open = *(field.get)(&T::default());
            *(field.edit)(it) = version(key, *number, at, open, report);
        }
        (Takes::Boolean(field), Written::Boolean(flag)) => *(field.edit)(it) = *flag,
        (Takes::Priority(field), Written::Whole(priority)) => {
            *(field.edit)(it) = match priority {
                0 => default_priority(context.rank),
                other => *other,
            };
        }
        (Takes::Count(field), Written::Whole(number)) => match u64::try_from(*number) {
            Ok(count) => *(field.edit)(it) = count,
            Err(_) => negative(at, key, "0 for no limit", report),
        },
        (Takes::Factor(field), Written::Number(number)) => *(field.edit)(it) = *number,
        (Takes::Number(field), Written::Number(number)) => *(field.edit)(it) = Some(*number),
        (Takes::Usage(field), Written::Usage(usage)) => *(field.edit)(it) = *usage,
        (Takes::Bounds(field), Written::Numbers(bounds)) => {
            *(field.edit)(it) = buckets(pair, bounds, context.owner, report);
        }
        (Takes::Predicates(field), Written::Predicates(list)) => {
            *(field.edit)(it) = list
                .iter()
                .map(|given| predicate(given, key, context, report))
                .collect();
        }
        _ => {}
    }
}

/// Names, each once.
fn names(
    words: &[At<String>],
    (key, what): (&str, &str),
    is_one: fn(&str) -> bool,
    report: &mut FileReport<'_>,
) -> List<Text> {
    let mut list: Vec<Text> = Vec::with_capacity(words.len());
    for word in words {
        let name = word.value.trim();
        if name.is_empty() || !is_one(name) {
            report.error(
                word.position,
                format!("`{key}` holds no name of {what} here; write one, or remove it"),
            );
        } else if !list.iter().any(|one| one == name) {
            list.push(name.to_owned().into());
        }
    }
    list.into()
}

/// Whether it is a name that needs no quotes and has no schema.
fn is_plain(name: &str) -> bool {
    let is_of_it = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(is_of_it)
}

/// Seconds that may not be negative.
fn span(seconds: f64, key: &str, at: Position, report: &mut FileReport<'_>) -> Option<Duration> {
    if seconds < 0.0 {
        negative(at, key, "seconds, or 0 to switch it off", report);
        return None;
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if seconds > 0.0 => Some(duration.max(Duration::from_nanos(1))),
        Ok(duration) => Some(duration),
        Err(_) => {
            report.error(at, format!("`{key}` is too long; write fewer seconds"));
            None
        }
    }
}

fn negative(at: Position, key: &str, instead: &str, report: &mut FileReport<'_>) {
    report.error(at, format!("negative `{key}`; write {instead}"));
}

fn version(key: &str, written: i64, at: Position, open: u32, report: &mut FileReport<'_>) -> u32 {
    match u32::try_from(written) {
        Ok(0 | crate::model::OPEN) => open,
        Ok(number) => {
            if number < 10_000 {
                let message =
                    format!("`{key}` {number} is no version of any server, did you mean {number}0000?");
                report.warning(at, message);
            }
            number
        }
        Err(_) => {
            let message = format!("bad `{key}` {written}; write server_version_num, such as 140000, or 0");
            report.error(at, message);
            open
        }
    }
}

fn buckets<T>(pair: &Pair<T>, bounds: &[At<f64>], column: &str, report: &mut FileReport<'_>) -> List<Bucket> {
    if bounds.is_empty() {
        let message =
            format!("`bucket` of `{column}` is empty; write at least one bound, +Inf is added by itself");
        report.error(pair.position, message);
    }
    for (lower, upper) in bounds.iter().zip(bounds.iter().skip(1)) {
        if lower.value >= upper.value {
            let (lower, bound) = (lower.value, upper.value);
            let message =
                format!("bound {bound} of `{column}` is not above {lower}; sort the bounds, each once");
            report.error(upper.position, message);
        }
    }
    let bucket = |bound: &At<f64>| Bucket {
        bound: bound.value,
        le: names::shortest(bound.value).into(),
    };
    bounds.iter().map(bucket).collect()
}

fn predicate(
    given: &Given<Predicate>,
    list: &str,
    context: Context<'_>,
    report: &mut FileReport<'_>,
) -> Predicate {
    let mut predicate = Predicate::default();
    for pair in &given.pairs {
        set(pair, &mut predicate, context, report);
    }
    if given.pair("predicate_query").is_none() && !given.broken {
        let branch = context.owner;
        report.error(
            given.position,
            format!("an item of `{list}` of `{branch}` lacks `predicate_query`"),
        );
    }
    predicate
}
