//! Connection information as it may be printed: in the syntax in which it was given, secrets masked.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::keywords::Keyword;
use super::settings::Settings;
use crate::values::{MASK, name};

/// The syntax of a connection string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Syntax {
    Url,
    KeyValue,
}

/// What the user wrote, without what must not be seen; variables and defaults are not in it.
#[derive(Clone)]
pub(in crate::postgres) struct Printable {
    pub(in crate::postgres) syntax: Syntax,
    given: Vec<(Keyword, String)>,
}

impl Printable {
    /// Takes over what the text set.
    pub(in crate::postgres) fn new(syntax: Syntax, text_settings: &Settings) -> Self {
        let given = text_settings.iter().map(|(keyword, setting)| {
            let shown = if keyword.is_secret() {
                MASK.into()
            } else {
                name::text_of(&setting.bytes)
            };
            (keyword, shown.into_owned())
        });
        Self {
            syntax,
            given: given.collect(),
        }
    }

    /// Replaces the database.
    pub(in crate::postgres) fn set_database(&mut self, name: &str) {
        self.given.retain(|(keyword, _)| *keyword != Keyword::Database);
        self.given.push((Keyword::Database, name.to_owned()));
    }

    /// The text.
    pub(in crate::postgres) fn render(&self) -> String {
        match self.syntax {
            Syntax::Url => self.url(),
            Syntax::KeyValue => self.key_value(),
        }
    }

    fn get(&self, keyword: Keyword) -> Option<&str> {
        self.given
            .iter()
            .find(|(known, _)| *known == keyword)
            .map(|(_, value)| value.as_str())
    }

    fn key_value(&self) -> String {
        let pairs = self
            .given
            .iter()
            .map(|(keyword, value)| format!("{}={}", keyword.name(), quote(value)));
        pairs.collect::<Vec<_>>().join(" ")
    }

    fn url(&self) -> String {
        let mut url = "postgresql://".to_owned();
        url.push_str(&self.credentials());
        let (hosts, shows_ports) = self.authority();
        url.push_str(&hosts);
        if let Some(database) = self.get(Keyword::Database) {
            let _ = write!(url, "/{}", encode(database));
        }
        let is_shown = |keyword: Keyword, value: &str| match keyword {
            Keyword::Port => shows_ports,
            Keyword::User | Keyword::Password | Keyword::Host | Keyword::Database => !value.is_empty(),
            _ => false,
        };
        let mut separator = '?';
        for (keyword, value) in self
            .given
            .iter()
            .filter(|(keyword, value)| !is_shown(*keyword, value))
        {
            let _ = write!(url, "{separator}{}={}", keyword.name(), encode(value));
            separator = '&';
        }
        url
    }

    /// `user:********@`, or nothing.
    fn credentials(&self) -> String {
        let password = self.get(Keyword::Password).map(|_| format!(":{MASK}"));
        match (self.get(Keyword::User), password) {
            (None, None) => String::new(),
            (user, password) => {
                format!(
                    "{}{}@",
                    encode(user.unwrap_or_default()),
                    password.unwrap_or_default()
                )
            }
        }
    }

    /// `host:port,host:port`, and whether the ports are in it.
    fn authority(&self) -> (String, bool) {
        let list = |keyword| self.get(keyword).map(|text| text.split(',').collect::<Vec<_>>());
        let hosts = list(Keyword::Host).unwrap_or_else(|| vec![""]);
        let ports = list(Keyword::Port).unwrap_or_default();
        let shows_ports = ports.len() == 1 || ports.len() == hosts.len();
        let port_of = |index| {
            if ports.len() == 1 {
                ports.first()
            } else {
                ports.get(index)
            }
        };
        let place = |(index, host): (usize, &&str)| match port_of(index) {
            Some(port) if shows_ports && !port.is_empty() => {
                format!("{}:{}", encode_host(host), encode(port))
            }
            _ => encode_host(host),
        };
        let places: Vec<_> = hosts.iter().enumerate().map(place).collect();
        (places.join(","), shows_ports)
    }
}

/// A host of a URL: in brackets if it has colons.
fn encode_host(host: &str) -> String {
    let encoded = encode(host);
    if host.contains(':') {
        format!("[{}]", encoded.replace("%3A", ":"))
    } else {
        encoded
    }
}

/// Percent-encodes what has a meaning in a URL. The mask stays readable.
fn encode(text: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'*');
    percent_encode(&name::bytes_of(text), ENCODED).to_string()
}

/// Quotes a value if it needs it.
fn quote(value: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && c != '\'' && c != '\\' && c != '\u{b}';
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
