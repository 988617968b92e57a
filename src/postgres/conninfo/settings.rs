//! The parameters as collected from text, service file and environment, before they are given types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::error::{ConnInfoError, Position, Problem};
use super::keywords::{Effect, Keyword};
use crate::values::name;

/// A value and where it came from.
///
/// No `Debug`: it may be a password.
#[derive(Clone)]
pub(in crate::postgres) struct Setting {
    pub(in crate::postgres) bytes: Vec<u8>,
    pub(in crate::postgres) place: Position,
}

/// What has been set so far.
#[derive(Clone, Default)]
pub(in crate::postgres) struct Settings(BTreeMap<Keyword, Setting>);

impl Settings {
    /// Sets a parameter by the name the user wrote; the last one wins, as in libpq.
    pub(in crate::postgres) fn assign(
        &mut self,
        name: &[u8],
        name_place: Position,
        value: Setting,
    ) -> Result<(), ConnInfoError> {
        // A name that libpq keeps from before sslmode existed.
        if name == b"requiressl" {
            let mode = if value.bytes.first() == Some(&b'1') {
                "require"
            } else {
                "prefer"
            };
            self.set(
                Keyword::SslMode,
                Setting {
                    bytes: mode.into(),
                    place: value.place,
                },
            );
            return Ok(());
        }
        let Some(keyword) = Keyword::find(name) else {
            let closest = Keyword::closest(name).map(Keyword::name);
            return Err(ConnInfoError::new(
                name_place,
                Problem::UnknownParameter { closest },
            ));
        };
        self.set(keyword, value);
        Ok(())
    }

    /// Sets a parameter whatever it was before.
    pub(in crate::postgres) fn set(&mut self, keyword: Keyword, value: Setting) {
        self.0.insert(keyword, value);
    }

    /// Sets a parameter that is not set yet.
    pub(in crate::postgres) fn set_default(&mut self, keyword: Keyword, value: Setting) {
        self.0.entry(keyword).or_insert(value);
    }

    /// The setting, also when its value is empty.
    pub(in crate::postgres) fn get(&self, keyword: Keyword) -> Option<&Setting> {
        self.0.get(&keyword)
    }

    /// The text of a setting; an empty one counts as not set.
    pub(in crate::postgres) fn text(&self, keyword: Keyword) -> Result<Option<&str>, ConnInfoError> {
        Ok(self.raw_text(keyword)?.filter(|text| !text.is_empty()))
    }

    /// The text of a setting, also when it is empty: for parameters where libpq refuses the empty value.
    pub(in crate::postgres) fn raw_text(&self, keyword: Keyword) -> Result<Option<&str>, ConnInfoError> {
        let Some(setting) = self.get(keyword) else {
            return Ok(None);
        };
        match std::str::from_utf8(&setting.bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.error(
                keyword,
                Problem::NotUtf8 {
                    keyword: keyword.name(),
                },
            )),
        }
    }

    /// The text that stands for a name, whatever its bytes are; an empty one counts as not set.
    pub(in crate::postgres) fn name(&self, keyword: Keyword) -> Option<Cow<'_, str>> {
        let setting = self.get(keyword).filter(|setting| !setting.bytes.is_empty())?;
        Some(name::text_of(&setting.bytes))
    }

    /// One of several words; as in libpq, the empty one is none of them.
    pub(in crate::postgres) fn choice<T: Copy>(
        &self,
        keyword: Keyword,
        words: &[(&str, T)],
        expected: &'static str,
    ) -> Result<Option<T>, ConnInfoError> {
        let Some(text) = self.raw_text(keyword)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(self.invalid(keyword, expected)),
        }
    }

    /// An integer by libpq's rules: decimal, a sign and surrounding white space allowed, 32 bits.
    pub(in crate::postgres) fn integer(&self, keyword: Keyword) -> Result<Option<i32>, ConnInfoError> {
        let Some(text) = self.raw_text(keyword)? else {
            return Ok(None);
        };
        match parse_integer(text) {
            Some(number) => Ok(Some(number)),
            None => Err(self.invalid(keyword, "an integer")),
        }
    }

    /// Refuses what no value may hold, and what is not supported and must not be ignored.
    pub(in crate::postgres) fn check(&self) -> Result<(), ConnInfoError> {
        for (keyword, setting) in &self.0 {
            if setting.bytes.contains(&0) {
                return Err(ConnInfoError::new(setting.place.clone(), Problem::ZeroByte));
            }
            check_disguised_secret(*keyword, setting)?;
            let Effect::Refused { harmless, advice } = keyword.effect() else {
                continue;
            };
            let is_harmless = harmless.iter().any(|word| word.as_bytes() == setting.bytes);
            if !setting.bytes.is_empty() && !is_harmless {
                let problem = Problem::Unsupported {
                    keyword: keyword.name(),
                    advice,
                };
                return Err(ConnInfoError::new(setting.place.clone(), problem));
            }
        }
        Ok(())
    }

    /// An error at the place where the parameter was set.
    pub(in crate::postgres) fn error(&self, keyword: Keyword, problem: Problem) -> ConnInfoError {
        let place = self
            .get(keyword)
            .map_or(Position::System, |setting| setting.place.clone());
        ConnInfoError::new(place, problem)
    }

    /// The error for a value that is none of those expected.
    pub(in crate::postgres) fn invalid(&self, keyword: Keyword, expected: &'static str) -> ConnInfoError {
        self.error(
            keyword,
            Problem::Value {
                keyword: keyword.name(),
                expected,
            },
        )
    }

    /// All settings in the order of [`Keyword::ALL`].
    pub(in crate::postgres) fn iter(&self) -> impl Iterator<Item = (Keyword, &Setting)> {
        self.0.iter().map(|(keyword, setting)| (*keyword, setting))
    }
}

/// Refuses a text in which a password hides behind another parameter's name, because that value would be printed, by
/// us and by the server: `host=h;password=p`, or `user=name:password`.
fn check_disguised_secret(keyword: Keyword, setting: &Setting) -> Result<(), ConnInfoError> {
    const ASSIGNMENTS: [&[u8]; 4] = [b"password=", b"passwd=", b"pwd=", b"pass="];
    if keyword.is_secret() || !matches!(setting.place, Position::Text { .. } | Position::Key(_)) {
        return Ok(());
    }
    let value = setting.bytes.to_ascii_lowercase();
    let has = |part: &[u8]| value.windows(part.len()).any(|window| window == part);
    let problem = if ASSIGNMENTS.into_iter().any(has) {
        Problem::NestedParameter {
            keyword: keyword.name(),
        }
    } else if keyword == Keyword::User && value.contains(&b':') {
        Problem::PasswordInUser
    } else {
        return Ok(());
    };
    Err(ConnInfoError::new(setting.place.clone(), problem))
}

/// See [`Settings::integer`].
pub(in crate::postgres) fn parse_integer(text: &str) -> Option<i32> {
    text.trim_matches(|c: char| u8::try_from(c).is_ok_and(is_space))
        .parse()
        .ok()
}

/// `isspace` of the C locale, which counts the vertical tab.
pub(in crate::postgres) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
