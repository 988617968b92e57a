//! `require_auth`: by which methods a server may find out who we are, by the rules of libpq since 16.
//!
//! Who poses as the server asks for the password in the clear, or for nothing: a list of methods keeps it from getting an answer.

use super::error::{ConnInfoError, Problem};
use super::keywords::Keyword;
use super::settings::Settings;

const NONE: u8 = 1;

/// The methods by their names. `none` is to be let in without being asked.
const METHODS: [(&str, u8); 7] = [
    ("none", NONE),
    ("password", 1 << 1),
    ("md5", 1 << 2),
    ("scram-sha-256", 1 << 3),
    ("gss", 1 << 4),
    ("sspi", 1 << 5),
    ("oauth", 1 << 6),
];

const EXPECTED: &str = "methods separated by commas, each once, all or none with a ! before it: password, md5, scram-sha-256, none";

/// The methods that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequireAuth(u8);

impl Default for RequireAuth {
    fn default() -> Self {
        Self(u8::MAX)
    }
}

impl RequireAuth {
    pub(in crate::postgres) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let text = match settings.raw_text(Keyword::RequireAuth)? {
            None => return Ok(Self::default()),
            // As libpq has it, a list of no methods allows none.
            Some("") => return Ok(Self(NONE)),
            Some(text) => text,
        };
        let invalid = || settings.invalid(Keyword::RequireAuth, EXPECTED);
        let is_negative = text.starts_with('!');
        let mut named = 0;
        for word in text.split(',') {
            let name = match word.strip_prefix('!') {
                Some(name) if is_negative => name,
                None if !is_negative => word,
                _ => {
                    let rule = "methods of `require_auth` with a ! and without cannot be mixed";
                    return Err(settings.error(Keyword::RequireAuth, Problem::Conflict { rule }));
                }
            };
            let method = METHODS.iter().find(|(known, _)| *known == name);
            let (_, bit) = method.ok_or_else(invalid)?;
            if named & bit != 0 {
                return Err(invalid());
            }
            named |= bit;
        }
        Ok(Self(if is_negative { !named } else { named }))
    }

    fn allows(self, name: &str) -> bool {
        METHODS
            .iter()
            .any(|(known, bit)| *known == name && self.0 & bit != 0)
    }
}

/// Watches one connection's start.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::postgres) struct AuthenticationGuard {
    required: RequireAuth,
    /// Whether a method has been gone through.
    is_done: bool,
}

impl AuthenticationGuard {
    pub(in crate::postgres) fn new(required: RequireAuth) -> Self {
        Self {
            required,
            is_done: false,
        }
    }

    /// Whether the server may ask so, by the code of its request.
    ///
    /// # Errors
    /// What it asks for against the rule.
    pub(in crate::postgres) fn check(&mut self, code: u32) -> Result<(), AuthenticationRefused> {
        let (method, what) = match code {
            0 if self.is_done => return Ok(()),
            0 => ("none", "lets us in without authentication"),
            3 => ("password", "asks for the password in the clear"),
            5 => ("md5", "asks for a password hashed by MD5"),
            7 | 8 => ("gss", "asks for GSSAPI"),
            9 => ("sspi", "asks for SSPI"),
            10..=12 => ("scram-sha-256", "asks for SCRAM"),
            _ => ("", "asks for a method that is not known"),
        };
        if self.required != RequireAuth::default() && !self.required.allows(method) {
            return Err(AuthenticationRefused(what));
        }
        self.is_done |= matches!(code, 3 | 5 | 12);
        Ok(())
    }
}

/// The server asks for what it may not.
#[derive(Debug, thiserror::Error)]
#[error("the server {0}, which require_auth does not allow")]
pub(in crate::postgres) struct AuthenticationRefused(&'static str);
