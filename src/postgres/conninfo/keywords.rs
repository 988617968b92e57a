//! The parameters of libpq (up to PostgreSQL 18), the variables that default them, and what becomes of them here.

/// What a parameter does in this program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::postgres) enum Effect {
    /// As in libpq.
    Used,
    /// Accepted without effect, because nothing here depends on it.
    Ignored,
    /// An error unless empty or in the list: ignoring it would weaken what the user asked for.
    Refused {
        /// Values that ask for nothing special.
        harmless: &'static [&'static str],
        /// What to do instead.
        advice: &'static str,
    },
}

macro_rules! keywords {
    ($($variant:ident $name:literal $variable:expr, $effect:expr;)*) => {
        /// A connection parameter.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(in crate::postgres) enum Keyword { $($variant),* }

        impl Keyword {
            /// All of them.
            pub(in crate::postgres) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As written in connection strings and service files.
            pub(in crate::postgres) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The environment variable that is its default.
            pub(in crate::postgres) fn variable(self) -> Option<&'static str> {
                match self { $(Self::$variant => $variable),* }
            }

            /// What it does here.
            pub(in crate::postgres) fn effect(self) -> Effect {
                match self { $(Self::$variant => $effect),* }
            }
        }
    };
}

const fn refused(harmless: &'static [&'static str], advice: &'static str) -> Effect {
    Effect::Refused { harmless, advice }
}

use Effect::{Ignored, Used};

const NO_GSS: &str = "there is no GSSAPI here: leave it out, and use TLS";
const NO_OAUTH: &str = "there is no OAuth here: use a password, a password file or a client certificate";
const NO_SCRAM_KEY: &str = "SCRAM keys cannot be passed through: use a password or a client certificate";
const NO_PEER: &str = "the owner of a socket cannot be checked here: protect the socket's directory";
const NO_CRL: &str = "revocation lists are not read: replace the root certificate in sslrootcert instead";

keywords! {
    Service "service" Some("PGSERVICE"), Used;
    ServiceFile "servicefile" Some("PGSERVICEFILE"), Used;
    User "user" Some("PGUSER"), Used;
    Password "password" Some("PGPASSWORD"), Used;
    PassFile "passfile" Some("PGPASSFILE"), Used;
    ChannelBinding "channel_binding" Some("PGCHANNELBINDING"), Used;
    ConnectTimeout "connect_timeout" Some("PGCONNECT_TIMEOUT"), Used;
    Database "dbname" Some("PGDATABASE"), Used;
    Host "host" Some("PGHOST"), Used;
    HostAddr "hostaddr" Some("PGHOSTADDR"), Used;
    Port "port" Some("PGPORT"), Used;
    ClientEncoding "client_encoding" Some("PGCLIENTENCODING"), Ignored;
    Options "options" Some("PGOPTIONS"), Used;
    ApplicationName "application_name" Some("PGAPPNAME"), Used;
    FallbackApplicationName "fallback_application_name" None, Used;
    Keepalives "keepalives" None, Used;
    KeepalivesIdle "keepalives_idle" None, Used;
    KeepalivesInterval "keepalives_interval" None, Used;
    KeepalivesCount "keepalives_count" None, Used;
    TcpUserTimeout "tcp_user_timeout" None, Used;
    SslMode "sslmode" Some("PGSSLMODE"), Used;
    SslNegotiation "sslnegotiation" Some("PGSSLNEGOTIATION"), Used;
    SslCompression "sslcompression" Some("PGSSLCOMPRESSION"), Ignored;
    SslCert "sslcert" Some("PGSSLCERT"), Used;
    SslKey "sslkey" Some("PGSSLKEY"), Used;
    SslCertMode "sslcertmode" Some("PGSSLCERTMODE"), Used;
    SslPassword "sslpassword" None, Used;
    SslRootCert "sslrootcert" Some("PGSSLROOTCERT"), Used;
    SslCrl "sslcrl" Some("PGSSLCRL"), refused(&[], NO_CRL);
    SslCrlDir "sslcrldir" Some("PGSSLCRLDIR"), refused(&[], NO_CRL);
    SslSni "sslsni" Some("PGSSLSNI"), Used;
    SslMinProtocolVersion "ssl_min_protocol_version" Some("PGSSLMINPROTOCOLVERSION"), Used;
    SslMaxProtocolVersion "ssl_max_protocol_version" Some("PGSSLMAXPROTOCOLVERSION"), Used;
    SslKeyLogFile "sslkeylogfile" None, refused(&[], "session keys are never written: leave it out");
    RequirePeer "requirepeer" Some("PGREQUIREPEER"), refused(&[], NO_PEER);
    RequireAuth "require_auth" Some("PGREQUIREAUTH"), Used;
    MinProtocolVersion "min_protocol_version" Some("PGMINPROTOCOLVERSION"),
        refused(&["3.0"], "protocol 3.0 is spoken here: leave it out, or write 3.0");
    MaxProtocolVersion "max_protocol_version" Some("PGMAXPROTOCOLVERSION"), Ignored;
    GssEncMode "gssencmode" Some("PGGSSENCMODE"), refused(&["disable", "prefer"], NO_GSS);
    KrbSrvName "krbsrvname" Some("PGKRBSRVNAME"), Ignored;
    GssLib "gsslib" Some("PGGSSLIB"), Ignored;
    GssDelegation "gssdelegation" Some("PGGSSDELEGATION"), Ignored;
    Replication "replication" None,
        refused(&["false", "off", "no", "0"], "an exporter needs an ordinary connection: leave it out");
    TargetSessionAttrs "target_session_attrs" Some("PGTARGETSESSIONATTRS"), Used;
    LoadBalanceHosts "load_balance_hosts" Some("PGLOADBALANCEHOSTS"), Used;
    ScramClientKey "scram_client_key" None, refused(&[], NO_SCRAM_KEY);
    ScramServerKey "scram_server_key" None, refused(&[], NO_SCRAM_KEY);
    OauthIssuer "oauth_issuer" None, refused(&[], NO_OAUTH);
    OauthClientId "oauth_client_id" None, refused(&[], NO_OAUTH);
    OauthClientSecret "oauth_client_secret" None, refused(&[], NO_OAUTH);
    OauthScope "oauth_scope" None, refused(&[], NO_OAUTH);
}

impl Keyword {
    /// The parameter of this exact name; libpq's names are lower case.
    pub(in crate::postgres) fn find(name: &[u8]) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|keyword| keyword.name().as_bytes() == name)
    }

    /// The parameter whose name is closest, when it is close enough to be what was meant.
    pub(in crate::postgres) fn closest(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        let (distance, keyword) = Self::ALL
            .iter()
            .map(|keyword| (strsim::osa_distance(&name, keyword.name()), *keyword))
            .min_by_key(|(distance, _)| *distance)?;
        (distance <= 2 && distance * 3 <= keyword.name().len()).then_some(keyword)
    }

    /// Whether its value must not be printed. `options` may set any parameter of any extension, secrets among them.
    pub(in crate::postgres) fn is_secret(self) -> bool {
        matches!(
            self,
            Self::Password
                | Self::SslPassword
                | Self::Options
                | Self::ScramClientKey
                | Self::ScramServerKey
                | Self::OauthClientSecret
        )
    }
}
