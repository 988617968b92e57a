//! Addresses to listen on.

use std::fmt;
use std::path::PathBuf;

/// Permissions of a unix socket where none are given: its owner and group may connect.
const MODE: u32 = 0o660;

/// Where the web server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP port.
    Tcp {
        /// A name or an IP address; `None` means every address, IPv4 and IPv6.
        host: Option<String>,
        /// The port; 0 lets the system choose.
        port: u16,
    },
    /// A unix socket in the file system.
    Unix {
        /// Absolute.
        path: PathBuf,
        /// Permissions of the socket's file.
        mode: u32,
    },
    /// A unix socket of Linux' abstract namespace, which has no file and no permissions.
    Abstract(String),
}

impl Listen {
    /// Reads `:9630`, `host:9630`, `192.0.2.1:9630`, `[2001:db8::1]:9630`, `[fe80::1%eth0]:9630`,
    /// `unix:/run/exporter.sock`, `unix:/run/exporter.sock?mode=666` or `unix:@name`.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix("unix:") {
            // A machine may be called `unix`.
            Some(port) if port.parse::<u16>().is_ok() => tcp(text),
            Some(place) => unix(place),
            None => tcp(text),
        }
    }
}

fn tcp(text: &str) -> Result<Listen, &'static str> {
    let (host, port) = text
        .rsplit_once(':')
        .ok_or("it has no port; write host:port or :port")?;
    let port = port
        .parse()
        .map_err(|_| "its port is not a number from 0 to 65535")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err("an IPv6 address stands in brackets, as in [::1]:9630");
    }
    let host = bare.unwrap_or(host);
    let host = (!host.is_empty()).then(|| host.to_owned());
    Ok(Listen::Tcp { host, port })
}

fn unix(place: &str) -> Result<Listen, &'static str> {
    if let Some(name) = place.strip_prefix('@') {
        let named = !name.is_empty() && !name.contains('\0');
        return named
            .then(|| Listen::Abstract(name.to_owned()))
            .ok_or("an abstract socket has a name, as in unix:@exporter");
    }
    // Other programs write it as a URL.
    let place = place.strip_prefix("//").unwrap_or(place);
    let (path, mode) = match place.split_once('?') {
        None => (place, MODE),
        Some((path, option)) => (path, mode(option)?),
    };
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err("a unix socket has an absolute path, as in unix:/run/exporter.sock");
    }
    Ok(Listen::Unix {
        path: path.into(),
        mode,
    })
}

fn mode(option: &str) -> Result<u32, &'static str> {
    option
        .strip_prefix("mode=")
        .filter(|digits| matches!(digits.len(), 3 | 4) && digits.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .filter(|mode| *mode <= 0o777)
        .ok_or("after a socket's path may stand its permissions, as in ?mode=660")
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host: None, port } => write!(f, ":{port}"),
            Self::Tcp {
                host: Some(host),
                port,
            } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp {
                host: Some(host),
                port,
            } => write!(f, "{host}:{port}"),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn reads_and_shows_every_form() {
        for text in [
            ":9630",
            "localhost:9630",
            "192.0.2.1:0",
            "[::1]:9630",
            "[::]:80",
            "[fe80::1%eth0]:9630",
            "unix:9630",
            "unix:/run/a b:c.sock",
            "unix:@exporter",
        ] {
            assert_eq!(Listen::parse(text).unwrap().to_string(), text);
        }
        let tcp = |host: Option<&str>, port| Listen::Tcp {
            host: host.map(str::to_owned),
            port,
        };
        assert_eq!(Listen::parse(":9630"), Ok(tcp(None, 9630)));
        assert_eq!(Listen::parse("[::1]:1"), Ok(tcp(Some("::1"), 1)));
        let unix = |path: &str, mode| Listen::Unix {
            path: path.into(),
            mode,
        };
        assert_eq!(Listen::parse("unix:/a"), Ok(unix("/a", 0o660)));
        assert_eq!(Listen::parse("unix:///a/b?mode=0600"), Ok(unix("/a/b", 0o600)));
        assert_eq!(Listen::parse("unix:/a?mode=666"), Ok(unix("/a", 0o666)));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "9630",
            "localhost",
            ":",
            ":http",
            ":65536",
            "::1:9630",
            "host:-1",
            "unix:",
            "unix:@",
            "unix:run/relative",
            "unix:/run/",
            "unix:/a?mode=",
            "unix:/a?mode=+66",
            "unix:/a?mode=689",
            "unix:/a?mode=1777",
            "unix:/a?owner=root",
        ] {
            assert!(Listen::parse(text).is_err(), "{text:?}");
        }
    }
}
