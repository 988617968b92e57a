//! Addresses to listen on.

use std::fmt;

/// Where the web server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// A name or an IP address; `None` means every address, IPv4 and IPv6.
    pub host: Option<String>,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
}

impl Listen {
    /// Reads `:9630`, `host:9630`, `192.0.2.1:9630` or `[2001:db8::1]:9630`.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
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
        Ok(Self { host, port })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.as_deref() {
            None => write!(f, ":{}", self.port),
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn reads_and_shows_every_form() {
        for text in [":9630", "localhost:9630", "192.0.2.1:0", "[::1]:9630", "[::]:80"] {
            assert_eq!(Listen::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Listen::parse(":9630").unwrap().host, None);
        assert_eq!(Listen::parse("[::1]:1").unwrap().host.as_deref(), Some("::1"));
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
        ] {
            assert!(Listen::parse(text).is_err(), "{text:?}");
        }
    }
}
