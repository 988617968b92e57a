//! How the connection is protected: `sslmode` and its kin.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::{ConnInfoError, Problem};
use super::host::Host;
use super::keywords::Keyword;
use super::settings::Settings;
use crate::values::Secret;

/// `sslmode`, in rising order of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only where the server refuses a connection without.
    Allow,
    /// TLS where the server has it.
    Prefer,
    /// TLS always. As below this mode, the certificate is checked only if there is a root certificate.
    Require,
    /// TLS, and the certificate is signed by a root certificate.
    VerifyCa,
    /// As before, and the certificate is for the host's name.
    VerifyFull,
}

/// One way to open a connection. A `sslmode` is a list of them, tried in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Without TLS.
    Plain,
    /// With TLS if the server says that it has it, else without.
    TlsIfOffered,
    /// With TLS or not at all.
    Tls,
}

/// `sslnegotiation`: who speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslNegotiation {
    /// Ask in PostgreSQL's protocol, then shake hands.
    Postgres,
    /// Shake hands at once (PostgreSQL 17 and later), with ALPN `postgresql`.
    Direct,
}

/// A version of the TLS protocol. Those before 1.2 are spoken nowhere here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// `sslrootcert`: whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificates {
    /// The certificates in this file; verify-ca and verify-full need it, the other modes verify by it if it exists.
    File(PathBuf),
    /// `~/.postgresql/root.crt`, in the same way. None where the home directory is not known.
    HomeFile(Option<PathBuf>),
    /// `system`: the operating system's.
    System,
}

/// `sslcert` and `sslkey`: how the server knows us. A certificate that does not exist is not sent, as in libpq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// `sslpassword`: the pass phrase of the key.
    pub key_password: Option<Secret>,
}

/// The parameters of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether, and what is checked.
    pub mode: SslMode,
    /// Who speaks first.
    pub negotiation: SslNegotiation,
    /// Whom to trust.
    pub roots: RootCertificates,
    /// How the server knows us; none by `sslcertmode=disable`, or where nothing is named and there is no home directory.
    pub client: Option<ClientCertificate>,
    /// Whether the server is told the host's name before it shows a certificate (SNI).
    pub sends_name: bool,
    /// The lowest version accepted.
    pub min_version: TlsVersion,
    /// The highest version offered.
    pub max_version: TlsVersion,
}

const MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

impl SslMode {
    /// As written in connection strings.
    #[must_use]
    pub fn name(self) -> &'static str {
        MODES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("", |(name, _)| *name)
    }
}

impl Tls {
    /// Reads the parameters. Without `sslmode` it is `verify-full` with the system's roots, `disable` where no host is
    /// given (as pg_exporter does), else `prefer` (as libpq does).
    pub(in crate::postgres) fn from_settings(
        settings: &Settings,
        environment: &dyn Environment,
        is_local_default: bool,
    ) -> Result<Self, ConnInfoError> {
        let home = environment.home_dir().map(|home| home.join(".postgresql"));
        let roots = match settings.text(Keyword::SslRootCert)? {
            Some("system") => RootCertificates::System,
            Some(path) => RootCertificates::File(path.into()),
            None => RootCertificates::HomeFile(home.as_ref().map(|home| home.join("root.crt"))),
        };
        const EXPECTED: &str = "disable, allow, prefer, require, verify-ca or verify-full";
        let default_mode = match roots {
            RootCertificates::System => SslMode::VerifyFull,
            _ if is_local_default => SslMode::Disable,
            _ => SslMode::Prefer,
        };
        let mode = settings
            .choice(Keyword::SslMode, &MODES, EXPECTED)?
            .unwrap_or(default_mode);
        if roots == RootCertificates::System && mode < SslMode::VerifyFull {
            let rule = "sslrootcert=system needs sslmode=verify-full: anybody can get a certificate from these roots";
            return Err(settings.error(Keyword::SslMode, Problem::Conflict { rule }));
        }
        let (min_version, max_version) = versions(settings)?;
        let sends_name = settings
            .text(Keyword::SslSni)?
            .is_none_or(|text| text.starts_with('1'));
        let client = client_certificate(settings, home.as_deref())?;
        let negotiation = negotiation(settings, mode)?;
        Ok(Self {
            mode,
            negotiation,
            roots,
            client,
            sends_name,
            min_version,
            max_version,
        })
    }

    /// The ways to open a connection, in the order of trying. The next one is for when the server refuses a
    /// connection of the one before, or TLS fails; not for when it cannot be reached.
    #[must_use]
    pub fn transports(&self, host: &Host) -> &'static [Transport] {
        match self.mode {
            _ if !host.is_tcp() => &[Transport::Plain],
            SslMode::Disable => &[Transport::Plain],
            SslMode::Allow => &[Transport::Plain, Transport::Tls],
            SslMode::Prefer => &[Transport::TlsIfOffered, Transport::Plain],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Transport::Tls],
        }
    }
}

fn negotiation(settings: &Settings, mode: SslMode) -> Result<SslNegotiation, ConnInfoError> {
    const WORDS: [(&str, SslNegotiation); 2] = [
        ("postgres", SslNegotiation::Postgres),
        ("direct", SslNegotiation::Direct),
    ];
    let negotiation = settings.choice(Keyword::SslNegotiation, &WORDS, "postgres or direct")?;
    if negotiation == Some(SslNegotiation::Direct) && mode < SslMode::Require {
        let rule = "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full";
        return Err(settings.error(Keyword::SslNegotiation, Problem::Conflict { rule }));
    }
    Ok(negotiation.unwrap_or(SslNegotiation::Postgres))
}

/// The lowest and highest version; names of older versions are accepted as lower bounds, as they allow ours.
fn versions(settings: &Settings) -> Result<(TlsVersion, TlsVersion), ConnInfoError> {
    let version = |keyword| -> Result<Option<(bool, TlsVersion)>, ConnInfoError> {
        let Some(text) = settings.text(keyword)? else {
            return Ok(None);
        };
        match text.to_ascii_lowercase().as_str() {
            "tlsv1" | "tlsv1.1" => Ok(Some((true, TlsVersion::Tls12))),
            "tlsv1.2" => Ok(Some((false, TlsVersion::Tls12))),
            "tlsv1.3" => Ok(Some((false, TlsVersion::Tls13))),
            _ => Err(settings.invalid(keyword, "TLSv1.2 or TLSv1.3")),
        }
    };
    let min = version(Keyword::SslMinProtocolVersion)?.map_or(TlsVersion::Tls12, |(_, version)| version);
    let max = match version(Keyword::SslMaxProtocolVersion)? {
        Some((true, _)) => return Err(settings.invalid(Keyword::SslMaxProtocolVersion, "TLSv1.2 or TLSv1.3")),
        Some((false, version)) => version,
        None => TlsVersion::Tls13,
    };
    if min > max {
        let rule = "ssl_min_protocol_version is above ssl_max_protocol_version";
        return Err(settings.error(Keyword::SslMinProtocolVersion, Problem::Conflict { rule }));
    }
    Ok((min, max))
}

fn client_certificate(
    settings: &Settings,
    home: Option<&Path>,
) -> Result<Option<ClientCertificate>, ConnInfoError> {
    const MODES: [(&str, bool); 3] = [("allow", true), ("disable", false), ("require", true)];
    let sends = settings
        .choice(Keyword::SslCertMode, &MODES, "disable or allow")?
        .unwrap_or(true);
    if settings
        .get(Keyword::SslCertMode)
        .is_some_and(|setting| setting.bytes == b"require")
    {
        let advice = "that the server asks for a certificate is a matter of its pg_hba.conf; use allow";
        let problem = Problem::Unsupported {
            keyword: Keyword::SslCertMode.name(),
            advice,
        };
        return Err(settings.error(Keyword::SslCertMode, problem));
    }
    let path = |keyword, file: &str| -> Result<Option<PathBuf>, ConnInfoError> {
        let given = settings.text(keyword)?.map(PathBuf::from);
        Ok(given.or_else(|| home.map(|home| home.join(file))))
    };
    let certificate = path(Keyword::SslCert, "postgresql.crt")?;
    let key = path(Keyword::SslKey, "postgresql.key")?;
    let password = settings
        .get(Keyword::SslPassword)
        .filter(|setting| !setting.bytes.is_empty());
    let (Some(certificate), Some(key), true) = (certificate, key, sends) else {
        return Ok(None);
    };
    Ok(Some(ClientCertificate {
        certificate,
        key,
        key_password: password.map(|setting| Secret::new(setting.bytes.as_slice())),
    }))
}
