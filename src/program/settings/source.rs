//! One value from its flag, its variable or its default.

use std::path::PathBuf;
use std::time::Duration;

use crate::files::{FileError, Files};
use crate::fleet::Shard;
use crate::scrape::{NamePattern, database_names};
use crate::values::{Secret, boolean, duration};
use crate::web::TelemetryPathError;

/// Every variable that settings are read from.
pub const VARIABLES: [&str; 26] = [
    "PG_EXPORTER_URL",
    "PGURL",
    "PG_EXPORTER_URL_FILE",
    "PG_EXPORTER_TARGETS",
    "PG_EXPORTER_SHARD",
    "PG_EXPORTER_CONFIG",
    "PG_EXPORTER_LABEL",
    "PG_EXPORTER_TAG",
    "PG_EXPORTER_DISABLE_CACHE",
    "PG_EXPORTER_DISABLE_INTRO",
    "PG_EXPORTER_AUTO_DISCOVERY",
    "PG_EXPORTER_EXCLUDE_DATABASE",
    "PG_EXPORTER_INCLUDE_DATABASE",
    "PG_EXPORTER_NAMESPACE",
    "PG_EXPORTER_FAIL_FAST",
    "PG_EXPORTER_CONNECT_TIMEOUT",
    "PG_EXPORTER_SCRAPE_TIMEOUT",
    "PG_EXPORTER_HEALTH_INTERVAL",
    "PG_EXPORTER_HEALTH_CONNECT_INTERVAL",
    "PG_EXPORTER_HEALTH_WRITE",
    "PG_EXPORTER_PARALLEL",
    "PG_EXPORTER_MAX_CONNECTIONS",
    "PG_EXPORTER_MAX_RESULT_ROWS",
    "PG_EXPORTER_MAX_RESULT_BYTES",
    "PG_EXPORTER_MAX_LABEL_BYTES",
    "PG_EXPORTER_TELEMETRY_PATH",
];

/// Names the file that holds the connection string.
pub(super) const URL_FILE: &str = "PG_EXPORTER_URL_FILE";

/// A setting that cannot be used. Values are not quoted where they may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with the connection string cannot be read.
    #[error("cannot read the file that PG_EXPORTER_URL_FILE names, {path}: {reason}")]
    UrlFile {
        /// As given.
        path: String,
        /// Why.
        reason: FileError,
    },
    /// The file with the connection string is no text.
    #[error("the file that PG_EXPORTER_URL_FILE names, {path}, is not UTF-8")]
    UrlFileText {
        /// As given.
        path: String,
    },
    /// A value is not of its setting's form.
    #[error("{origin} has no valid value: write {expected}")]
    Value {
        /// Flag or variable.
        origin: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A list of databases holds a pattern that is none.
    #[error("{origin}: {reason}")]
    Names {
        /// Flag or variable.
        origin: &'static str,
        /// What is wrong with which item.
        reason: String,
    },
    /// A number is too small.
    #[error("{origin} has no valid value: write a whole number, at least {least}")]
    Count {
        /// Flag or variable.
        origin: &'static str,
        /// The least it takes.
        least: usize,
    },
    /// The path of the metrics page cannot be served.
    #[error("--web.telemetry-path: {0}")]
    TelemetryPath(TelemetryPathError),
    /// An address to listen on is malformed.
    #[error("--web.listen-address {address}: {reason}")]
    Listen {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// One server and many are named at the same time.
    #[error("--url and --targets exclude each other: give one server, or the files that name many")]
    UrlAndTargets,
    /// Which targets are this exporter's is not said well.
    #[error("{origin}: {reason}")]
    Shard {
        /// Flag or variable.
        origin: &'static str,
        /// What to write.
        reason: &'static str,
    },
    /// Where others find this exporter is not said well.
    #[error(
        "--web.external-url: write http://host:port or https://host:port; Prometheus takes no more of it"
    )]
    ExternalUrl,
    /// There is no address to listen on.
    #[error("--web.listen-address is empty: write host:port or :port")]
    NoListen,
}

/// The environment. A variable that is set to nothing counts as not set.
pub(super) struct Source<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Source<'a> {
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable }
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The connection string and the name of the variable it came from.
    pub(super) fn url(&self, files: &Files) -> Result<Option<(Secret, &'static str)>, Error> {
        for name in ["PG_EXPORTER_URL", "PGURL"] {
            if let Some(url) = self.variable(name) {
                return Ok(Some((url.into(), name)));
            }
        }
        let Some(path) = self.variable(URL_FILE) else {
            return Ok(None);
        };
        match files.read(path.as_ref()) {
            Ok(content) => match std::str::from_utf8(content.bytes()) {
                Ok(text) => Ok(Some((text.trim().into(), URL_FILE))),
                Err(_) => Err(Error::UrlFileText { path }),
            },
            Err(reason) => Err(Error::UrlFile { path, reason }),
        }
    }

    /// The file that may hold the connection string.
    pub(super) fn url_file(&self) -> Option<PathBuf> {
        self.variable(URL_FILE).map(PathBuf::from)
    }

    pub(super) fn text(&self, flag: Option<String>, name: &str) -> Option<String> {
        flag.or_else(|| self.variable(name))
    }

    /// The values of a flag that may be given several times, or its variable's one.
    pub(super) fn texts(&self, flag: Option<Vec<String>>, name: &str) -> Option<Vec<String>> {
        flag.or_else(|| self.variable(name).map(|value| vec![value]))
    }

    /// The items of comma separated lists, without empty ones.
    pub(super) fn list(&self, flag: Option<Vec<String>>, name: &str) -> Option<Vec<String>> {
        let texts = self.texts(flag, name)?;
        let items = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
        Some(items.filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// Names and patterns of databases.
    pub(super) fn names(
        &self,
        flag: Option<Vec<String>>,
        flag_name: &'static str,
        name: &'static str,
    ) -> Result<Option<Vec<NamePattern>>, Error> {
        let origin = if flag.is_some() { flag_name } else { name };
        let Some(texts) = self.texts(flag, name) else {
            return Ok(None);
        };
        let parse =
            |text: &String| database_names::parse(text).map_err(|reason| Error::Names { origin, reason });
        let lists = texts.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(lists.concat()))
    }

    pub(super) fn switch(
        &self,
        flag: Option<bool>,
        name: &'static str,
        default: bool,
    ) -> Result<bool, Error> {
        match (flag, self.variable(name)) {
            (Some(flag), _) => Ok(flag),
            (None, Some(text)) => boolean(&text).map_err(|_| Error::Value {
                origin: name,
                expected: "true or false",
            }),
            (None, None) => Ok(default),
        }
    }

    /// A positive time; without a unit, seconds.
    pub(super) fn time(
        &self,
        flag: Option<String>,
        flag_name: &'static str,
        name: &'static str,
        default_seconds: u64,
    ) -> Result<Duration, Error> {
        let Some((text, origin)) = self.named(flag, flag_name, name) else {
            return Ok(Duration::from_secs(default_seconds));
        };
        let expected = "a time above zero with its unit, such as 10s or 500ms";
        duration::positive(&text, 1.0).ok_or(Error::Value { origin, expected })
    }

    /// Milliseconds unless a unit is given, as ever; nothing above zero means that none is given.
    pub(super) fn connect_timeout(&self, flag: Option<String>) -> Result<Option<Duration>, Error> {
        let Some((text, origin)) = self.named(flag, "--connect-timeout", "PG_EXPORTER_CONNECT_TIMEOUT")
        else {
            return Ok(None);
        };
        match duration::seconds(&text, 1e-3) {
            Some(seconds) if seconds <= 0.0 => Ok(None),
            _ => duration::positive(&text, 1e-3).map(Some).ok_or(Error::Value {
                origin,
                expected: "milliseconds, or a time with its unit such as 2s",
            }),
        }
    }

    pub(super) fn count(
        &self,
        flag: Option<String>,
        flag_name: &'static str,
        name: &'static str,
        default: usize,
        least: usize,
    ) -> Result<usize, Error> {
        let Some((text, origin)) = self.named(flag, flag_name, name) else {
            return Ok(default);
        };
        let number = text.trim().parse().ok().filter(|number| *number >= least);
        number.ok_or(Error::Count { origin, least })
    }

    /// A prefix that gives valid metric names.
    pub(super) fn namespace(&self, flag: Option<String>) -> Result<Option<String>, Error> {
        let Some((text, origin)) = self.named(flag, "--namespace", "PG_EXPORTER_NAMESPACE") else {
            return Ok(None);
        };
        let word = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
        match text.bytes().next() {
            None => Ok(None),
            Some(first) if word && !first.is_ascii_digit() => Ok(Some(text)),
            Some(_) => Err(Error::Value {
                origin,
                expected: "letters, digits and _, no digit first",
            }),
        }
    }

    /// Files and folders that name targets, comma separated in the variable.
    pub(super) fn targets(&self, flag: Option<Vec<PathBuf>>) -> Vec<PathBuf> {
        let of_variable = || {
            let texts = self.list(None, "PG_EXPORTER_TARGETS").unwrap_or_default();
            texts.into_iter().map(PathBuf::from).collect()
        };
        // One that is empty is told of when it is read: it must not mean that there is one server.
        flag.unwrap_or_else(of_variable)
    }

    pub(super) fn shard(&self, flag: Option<String>) -> Result<Option<Shard>, Error> {
        let Some((text, origin)) = self.named(flag, "--shard", "PG_EXPORTER_SHARD") else {
            return Ok(None);
        };
        let shard = Shard::parse(&text).map_err(|reason| Error::Shard { origin, reason })?;
        Ok(Some(shard))
    }

    pub(super) fn named(
        &self,
        flag: Option<String>,
        flag_name: &'static str,
        name: &'static str,
    ) -> Option<(String, &'static str)> {
        flag.map(|text| (text, flag_name))
            .or_else(|| self.variable(name).map(|text| (text, name)))
    }
}
