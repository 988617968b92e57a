//! Connection information in parts, as a targets file has it.

use super::display::{Printable, Syntax};
use super::environment::Environment;
use super::error::{ConnInfoError, Position};
use super::info::ConnInfo;
use super::keywords::Keyword;
use super::settings::{Setting, Settings};
use super::source::PasswordSource;
use super::{keyvalue, service, url};
use crate::values::Secret;

/// Connection information in parts: of two that give the same, the first wins.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// Parameters of the target itself.
    pub own: Vec<(&'static str, Secret)>,
    /// A connection string, a URL or `key=value` pairs.
    pub url: Option<&'a str>,
    /// Parameters of its credentials and of the defaults. What a service file says wins over them.
    pub inherited: Vec<(&'static str, Secret)>,
    /// Where the password comes from, if the target itself says so.
    pub own_password: Option<PasswordSource>,
    /// The same of its credentials and the defaults: for a target of which nothing else says by what it is let in.
    pub inherited_password: Option<PasswordSource>,
}

impl ConnInfo {
    /// Puts the parts together. What they leave open the environment fills, as far as it has it.
    ///
    /// # Errors
    /// The first mistake: by its [key](ConnInfoError::key), or by its place in the connection string.
    pub fn of_parts(parts: Parts<'_>, environment: &dyn Environment) -> Result<Self, ConnInfoError> {
        let (syntax, mut settings) = match parts.url {
            None => (Syntax::KeyValue, Settings::default()),
            Some(text) => match url::scheme_len(text) {
                Some(scheme_len) => (Syntax::Url, url::parse(text, scheme_len)?),
                None => (Syntax::KeyValue, keyvalue::parse(text)?),
            },
        };
        for (keyword, setting) in settings_of(parts.own) {
            settings.set(keyword, setting);
        }
        let inherited = settings_of(parts.inherited);
        // Which file a service is looked up in is needed before that.
        for (keyword, setting) in inherited
            .iter()
            .filter(|(keyword, _)| *keyword == Keyword::ServiceFile)
        {
            settings.set_default(*keyword, setting.clone());
        }
        let section = service::fill(&mut settings, environment)?;
        let printable = Printable::new(syntax, &settings);
        let is_given = |keyword| {
            settings
                .get(keyword)
                .is_some_and(|setting| !setting.bytes.is_empty())
        };
        // A password is of who gives it: beside another user's or server's password file it would go to a stranger.
        let has_own =
            parts.own_password.is_some() || is_given(Keyword::Password) || is_given(Keyword::PassFile);
        for (keyword, setting) in inherited {
            if keyword != Keyword::Password || !has_own {
                settings.set_default(keyword, setting);
            }
        }
        super::environment::fill(&mut settings, environment);
        let info = Self::from_settings(&settings, environment, section.as_ref(), printable)?;
        let inherited = parts
            .inherited_password
            .filter(|_| !has_own && info.password.is_none());
        Ok(Self {
            password_source: parts.own_password.or(inherited),
            ..info
        })
    }
}

fn settings_of(given: Vec<(&'static str, Secret)>) -> Vec<(Keyword, Setting)> {
    let known = given.into_iter().filter_map(|(name, value)| {
        let keyword = Keyword::find(name.as_bytes())?;
        let setting = Setting {
            bytes: value.expose().to_vec(),
            place: Position::Key(name),
        };
        Some((keyword, setting))
    });
    known.collect()
}
