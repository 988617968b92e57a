//! Which of several servers is wanted, and how the connection is kept: the parameters that are not about place,
//! secrets or TLS.

use std::time::Duration;

use super::error::ConnInfoError;
use super::keywords::Keyword;
use super::require_auth::RequireAuth;
use super::settings::Settings;

/// The name under which the server shows our sessions, unless another is given.
const APPLICATION_NAME: &str = "pg_exporter";

/// `target_session_attrs`: which server is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// The first that can be connected to.
    Any,
    /// One that is not in recovery and not read-only by default.
    ReadWrite,
    /// One that is in recovery or read-only by default.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// One that is in recovery; if there is none, any.
    PreferStandby,
}

/// `load_balance_hosts`: in which order several servers, and the addresses of one name, are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalanceHosts {
    /// As given.
    Disable,
    /// Shuffled for each connection.
    Random,
}

/// `channel_binding`: whether a password is proven to the holder of the certificate only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where the server has it.
    Prefer,
    /// Always: nothing but SCRAM-SHA-256-PLUS is accepted.
    Require,
}

/// TCP's own watch over a connection. None stands for the system's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalives {
    /// `keepalives`: whether silent connections are probed.
    pub is_on: bool,
    /// `keepalives_idle`: the silence before the first probe, in seconds.
    pub idle: Option<Duration>,
    /// `keepalives_interval`: the time between probes, in seconds.
    pub interval: Option<Duration>,
    /// `keepalives_count`: probes without answer before the connection counts as lost.
    pub count: Option<u32>,
    /// `tcp_user_timeout`: how long sent data may stay without acknowledgement, in milliseconds.
    pub user_timeout: Option<Duration>,
}

/// All of the above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct SessionParameters {
    pub(in crate::postgres) target: TargetSessionAttrs,
    pub(in crate::postgres) balance: LoadBalanceHosts,
    pub(in crate::postgres) channel_binding: ChannelBinding,
    pub(in crate::postgres) require_auth: RequireAuth,
    pub(in crate::postgres) keepalives: Keepalives,
    pub(in crate::postgres) connect_timeout: Option<Duration>,
    pub(in crate::postgres) options: Option<String>,
    pub(in crate::postgres) application_name: String,
}

impl SessionParameters {
    /// Reads the parameters.
    pub(in crate::postgres) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        check_words(settings)?;
        let name = match settings.text(Keyword::ApplicationName)? {
            Some(name) => Some(name),
            None => settings.text(Keyword::FallbackApplicationName)?,
        };
        Ok(Self {
            target: target(settings)?,
            balance: balance(settings)?,
            channel_binding: channel_binding(settings)?,
            require_auth: RequireAuth::from_settings(settings)?,
            keepalives: keepalives(settings)?,
            connect_timeout: positive(settings, Keyword::ConnectTimeout)?.map(seconds),
            options: settings.text(Keyword::Options)?.map(str::to_owned),
            application_name: name.unwrap_or(APPLICATION_NAME).to_owned(),
        })
    }

    /// All but `connect_timeout`.
    pub(super) fn without_timeout(&self) -> Self {
        Self {
            connect_timeout: None,
            ..self.clone()
        }
    }
}

/// Words that change nothing here, but may be mistakes: an empty one, too, as in libpq.
fn check_words(settings: &Settings) -> Result<(), ConnInfoError> {
    const GSS: [(&str, ()); 3] = [("disable", ()), ("prefer", ()), ("require", ())];
    const VERSIONS: [(&str, ()); 3] = [("3.0", ()), ("3.2", ()), ("latest", ())];
    settings.choice(Keyword::GssEncMode, &GSS, "disable or prefer")?;
    for keyword in [Keyword::MinProtocolVersion, Keyword::MaxProtocolVersion] {
        settings.choice(keyword, &VERSIONS, "3.0, 3.2 or latest")?;
    }
    Ok(())
}

fn target(settings: &Settings) -> Result<TargetSessionAttrs, ConnInfoError> {
    use TargetSessionAttrs::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    let words = [
        ("any", Any),
        ("read-write", ReadWrite),
        ("read-only", ReadOnly),
        ("primary", Primary),
        ("standby", Standby),
        ("prefer-standby", PreferStandby),
    ];
    let expected = "any, read-write, read-only, primary, standby or prefer-standby";
    Ok(settings
        .choice(Keyword::TargetSessionAttrs, &words, expected)?
        .unwrap_or(Any))
}

fn balance(settings: &Settings) -> Result<LoadBalanceHosts, ConnInfoError> {
    use LoadBalanceHosts::{Disable, Random};
    let words = [("disable", Disable), ("random", Random)];
    Ok(settings
        .choice(Keyword::LoadBalanceHosts, &words, "disable or random")?
        .unwrap_or(Disable))
}

fn channel_binding(settings: &Settings) -> Result<ChannelBinding, ConnInfoError> {
    use ChannelBinding::{Disable, Prefer, Require};
    let words = [("disable", Disable), ("prefer", Prefer), ("require", Require)];
    let given = settings.choice(Keyword::ChannelBinding, &words, "disable, prefer or require")?;
    Ok(given.unwrap_or(Prefer))
}

fn keepalives(settings: &Settings) -> Result<Keepalives, ConnInfoError> {
    let milliseconds = |number| Duration::from_millis(u64::from(number));
    Ok(Keepalives {
        is_on: settings.integer(Keyword::Keepalives)? != Some(0),
        idle: positive(settings, Keyword::KeepalivesIdle)?.map(seconds),
        interval: positive(settings, Keyword::KeepalivesInterval)?.map(seconds),
        count: positive(settings, Keyword::KeepalivesCount)?,
        user_timeout: positive(settings, Keyword::TcpUserTimeout)?.map(milliseconds),
    })
}

/// An integer above zero; libpq takes zero and less for "not set".
fn positive(settings: &Settings, keyword: Keyword) -> Result<Option<u32>, ConnInfoError> {
    let number = settings
        .integer(keyword)?
        .and_then(|number| u32::try_from(number).ok());
    Ok(number.filter(|number| *number > 0))
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}
