//! Documentation of the structs: `cargo doc` is the metric reference.

use crate::lock::server::shown_releases;
use crate::model::{Collector, Column, OPEN, Usage};

/// What a branch collects, where it is defined, where it is installed, its statement.
pub(crate) fn of_collector(collector: &Collector) -> Vec<String> {
    let mut lines = Vec::new();
    let desc = if collector.desc.is_empty() {
        format!("Collector {}", collector.name)
    } else {
        collector.desc.to_string()
    };
    let end = if desc.ends_with(['.', '!', '?']) { "" } else { "." };
    lines.push(format!("{}{end}", escaped(&desc)));
    lines.push(String::new());
    lines.push(format!(
        "Branch {} of collector {}, defined at {}. {}",
        code(&collector.branch),
        code(&collector.name),
        code(&format!("{}:{}", collector.origin.file, collector.origin.line)),
        conditions(collector)
    ));
    lines.push(String::new());
    let fence = fence(&collector.query);
    lines.push(format!("{fence}sql"));
    lines.extend(collector.query.lines().map(plain_line));
    lines.push(fence);
    lines
}

/// What a column yields, and what servers call its type.
pub(crate) fn of_column(column: &Column, sql: Option<&str>) -> String {
    let kind = match column.usage {
        Usage::Label => "Label",
        Usage::Gauge => "Gauge",
        Usage::Counter => "Counter",
        Usage::Histogram => "Histogram",
        Usage::Discard => "Discarded",
    };
    let end = if column.help.trim_end().ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    let mut line = format!("{kind} {}: {}{end}", code(&column.name), escaped(&column.help));
    if column.scale.to_bits() != 1.0_f64.to_bits() {
        line.push_str(&format!(" Scaled by {}.", column.scale));
    }
    if let Some(default) = column.default {
        line.push_str(&format!(" NULL counts as {default}."));
    }
    if !column.buckets.is_empty() {
        let bounds: Vec<&str> = column.buckets.iter().map(|bucket| bucket.le.as_ref()).collect();
        line.push_str(&format!(" Buckets up to {}.", bounds.join(", ")));
    }
    if let Some(sql) = sql {
        line.push_str(&format!(" SQL type: {}.", escaped(sql)));
    }
    line
}

fn conditions(collector: &Collector) -> String {
    let versions = match (collector.min_version, collector.max_version) {
        (0, OPEN) => "For all versions".to_owned(),
        (0, max) => format!("For versions below {max}"),
        (min, OPEN) => format!("For versions from {min}"),
        (min, max) => format!("For versions from {min} to below {max}"),
    };
    let tags: Vec<String> = collector.tags.iter().map(|tag| code(&tag.to_string())).collect();
    let tags = if tags.is_empty() {
        String::new()
    } else {
        format!(", tagged {}", tags.join(", "))
    };
    let mut text = format!("{versions}{tags}.");
    if !collector.origin.proven.is_empty() {
        let proven = shown_releases(&collector.origin.proven);
        text.push_str(&format!(" Proven on {}.", escaped(&proven)));
    }
    if !collector.ttl.is_zero() {
        text.push_str(&format!(" Kept for {} s.", collector.ttl.as_secs_f64()));
    }
    if let Some(timeout) = collector.timeout {
        text.push_str(&format!(" May take {} s.", timeout.as_secs_f64()));
    }
    if collector.skip {
        text.push_str(" Not run unless asked for.");
    }
    text
}

/// Text on one line in which nothing is markup: brackets make links, `<` makes tags, `://` makes a bare URL.
fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 8);
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars().filter(|c| !c.is_control()) {
            if "\\`*_[]<>|~#&:+-=!".contains(c) {
                line.push('\\');
            }
            line.push(c);
        }
    }
    line
}

/// Text in backquotes, with as many of them as it takes.
fn code(text: &str) -> String {
    let text = plain_line(text);
    let longest = longest_run(&text);
    if longest == 0 {
        return format!("`{text}`");
    }
    let ticks = "`".repeat(longest + 1);
    format!("{ticks} {text} {ticks}")
}

fn fence(text: &str) -> String {
    "`".repeat(longest_run(text).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A carriage return in a doc comment is an error of the compiler, other control characters help nobody.
fn plain_line(line: &str) -> String {
    line.chars().filter(|c| *c == '\t' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escaped("a [b] <c>\n  d_e"), "a \\[b\\] \\<c\\> d\\_e");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(fence("```x"), "````");
        assert_eq!(fence("x"), "```");
    }
}
