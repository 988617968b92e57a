//! The keys of a target, of credentials and of the defaults: one row each.

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A text.
    Text,
    /// A text that must never be shown.
    Secret,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Whole,
    /// A time with its unit; without one, seconds.
    Time,
    /// A list of texts, or one text with commas.
    List,
    /// A program and its arguments.
    Command,
    /// A map of texts.
    Labels,
}

/// Where a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// In a target or the defaults.
    Target,
    /// There, and in credentials: who connects, and by what that is proven.
    Credentials,
    /// In a target only.
    TargetOnly,
}

/// A key of a targets file.
#[derive(Clone, Copy, Debug)]
pub struct TargetKey {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Where it may stand.
    pub stands: Stands,
    /// Whether it is a parameter of libpq, and handed on as such.
    pub is_libpq: bool,
    /// One sentence.
    pub doc: &'static str,
}

const fn own(name: &'static str, takes: Takes, stands: Stands, doc: &'static str) -> TargetKey {
    TargetKey {
        name,
        takes,
        stands,
        is_libpq: false,
        doc,
    }
}

const fn libpq(name: &'static str, takes: Takes, stands: Stands, doc: &'static str) -> TargetKey {
    TargetKey {
        name,
        takes,
        stands,
        is_libpq: true,
        doc,
    }
}

/// A parameter that nothing here depends on.
const fn ignored(name: &'static str, stands: Stands) -> TargetKey {
    libpq(
        name,
        Text,
        stands,
        "Taken from a connection string, without effect.",
    )
}

/// A parameter that the exporter refuses, with what to do instead: a wish that it would not fulfil is not passed over.
const fn refused(name: &'static str, takes: Takes, stands: Stands) -> TargetKey {
    libpq(
        name,
        takes,
        stands,
        "Not supported, but for values that change nothing.",
    )
}

use Stands::{Credentials, Target, TargetOnly};
use Takes::{Command, Labels, List, Secret, Switch, Text, Time, Whole};

/// Where a password can come from; of one place, one.
pub(super) const PASSWORDS: [&str; 4] = ["password", "password_file", "password_env", "password_command"];

/// Every key.
pub const TARGET_KEYS: &[TargetKey] = &[
    own(
        "name",
        Text,
        TargetOnly,
        "What requests call it: a-z, 0-9, `.`, `_` and `-`, at most 128.",
    ),
    own(
        "url",
        Secret,
        TargetOnly,
        "Connection string, a URL or key=value pairs.",
    ),
    libpq("service", Text, TargetOnly, "Section of a service file."),
    libpq("servicefile", Text, Target, "The service file."),
    libpq("host", Text, Target, "Host, or several with commas."),
    libpq(
        "hostaddr",
        Text,
        Target,
        "Address, where the host's name is not to be looked up.",
    ),
    libpq("port", Text, Target, "Port, or several with commas."),
    libpq(
        "dbname",
        Text,
        Target,
        "Database; `pgbouncer` is pgbouncer's console.",
    ),
    own(
        "credentials",
        Text,
        Target,
        "Name of the credentials it connects with.",
    ),
    libpq("user", Text, Credentials, "Role."),
    libpq(
        "password",
        Secret,
        Credentials,
        "Password; a file or a command keeps it out of this file.",
    ),
    own(
        "password_file",
        Text,
        Credentials,
        "File that holds the password, read again for each connection.",
    ),
    own(
        "password_env",
        Text,
        Credentials,
        "Environment variable that holds the password.",
    ),
    own(
        "password_command",
        Command,
        Credentials,
        "Program that writes the password, and its arguments: {host}, {port}, {user} and {dbname} stand for the target's.",
    ),
    own(
        "ttl",
        Time,
        Credentials,
        "For how long a password of the command is good; 10m by default.",
    ),
    libpq("passfile", Text, Credentials, "Password file of libpq's form."),
    libpq("sslcert", Text, Credentials, "Client certificate."),
    libpq("sslkey", Text, Credentials, "Its key."),
    libpq("sslpassword", Secret, Credentials, "Pass phrase of the key."),
    libpq(
        "sslcertmode",
        Text,
        Target,
        "Whether a client certificate is sent.",
    ),
    libpq(
        "sslmode",
        Text,
        Target,
        "How far the connection is protected: verify-full is best.",
    ),
    libpq(
        "sslrootcert",
        Text,
        Target,
        "Certificates of who signs the servers', or `system`.",
    ),
    libpq("sslnegotiation", Text, Target, "postgres or direct."),
    libpq(
        "sslsni",
        Text,
        Target,
        "Whether the host's name is sent in clear: 1 or 0.",
    ),
    libpq("ssl_min_protocol_version", Text, Target, "Lowest version of TLS."),
    libpq(
        "ssl_max_protocol_version",
        Text,
        Target,
        "Highest version of TLS.",
    ),
    libpq("channel_binding", Text, Target, "disable, prefer or require."),
    libpq(
        "target_session_attrs",
        Text,
        Target,
        "Which of several hosts is wanted.",
    ),
    libpq("load_balance_hosts", Text, Target, "disable or random."),
    libpq(
        "options",
        Secret,
        Target,
        "Options of the session, as `-c name=value`.",
    ),
    libpq(
        "application_name",
        Text,
        Target,
        "What the server shows sessions as.",
    ),
    libpq(
        "fallback_application_name",
        Text,
        Target,
        "The same, where nothing else says it.",
    ),
    libpq(
        "require_auth",
        Text,
        Target,
        "Methods by which the server may find out who connects.",
    ),
    libpq(
        "keepalives",
        Text,
        Target,
        "Whether silent connections are probed: 1 or 0.",
    ),
    libpq(
        "keepalives_idle",
        Text,
        Target,
        "Seconds of silence before the first probe.",
    ),
    libpq("keepalives_interval", Text, Target, "Seconds between probes."),
    libpq(
        "keepalives_count",
        Text,
        Target,
        "Probes without an answer before the connection counts as lost.",
    ),
    libpq(
        "tcp_user_timeout",
        Text,
        Target,
        "Milliseconds that sent data may stay unconfirmed.",
    ),
    ignored("client_encoding", Target),
    ignored("sslcompression", Target),
    ignored("max_protocol_version", Target),
    ignored("krbsrvname", Credentials),
    ignored("gsslib", Credentials),
    ignored("gssdelegation", Credentials),
    refused("min_protocol_version", Text, Target),
    refused("sslcrl", Text, Target),
    refused("sslcrldir", Text, Target),
    refused("sslkeylogfile", Text, Target),
    refused("requirepeer", Text, Target),
    refused("gssencmode", Text, Target),
    refused("replication", Text, Target),
    refused("scram_client_key", Secret, Credentials),
    refused("scram_server_key", Secret, Credentials),
    refused("oauth_issuer", Text, Credentials),
    refused("oauth_client_id", Text, Credentials),
    refused("oauth_client_secret", Secret, Credentials),
    refused("oauth_scope", Text, Credentials),
    own(
        "labels",
        Labels,
        Target,
        "Labels of all its series, and in service discovery.",
    ),
    own(
        "tags",
        List,
        Target,
        "Tags that select collectors, besides those of --tag.",
    ),
    own("skip_collectors", List, Target, "Collectors that are not run."),
    own(
        "auto_discovery",
        Switch,
        Target,
        "Whether the server's other databases are scraped.",
    ),
    own(
        "exclude_databases",
        List,
        Target,
        "Databases that discovery leaves out, names and /patterns/.",
    ),
    own(
        "include_databases",
        List,
        Target,
        "Databases that discovery is restricted to.",
    ),
    own(
        "namespace",
        Text,
        Target,
        "Prefix of the metrics about the exporter.",
    ),
    own(
        "disable_cache",
        Switch,
        Target,
        "Whether every collector runs at every scrape.",
    ),
    own(
        "max_connections",
        Whole,
        Target,
        "Connections to the server, at least 2.",
    ),
    own(
        "parallel",
        Whole,
        Target,
        "Databases scraped at the same time, at least 1.",
    ),
    own(
        "connect_timeout",
        Time,
        Target,
        "Longest silence of the server while connecting.",
    ),
    own(
        "scrape_timeout",
        Time,
        Target,
        "Longest scrape when the client names no limit.",
    ),
    own("health_interval", Time, Target, "Time between two health probes."),
    own(
        "health_connect_interval",
        Time,
        Target,
        "Time between two new connections of the health probe.",
    ),
    own(
        "health_write",
        Switch,
        Target,
        "Whether these write a message to a primary's WAL.",
    ),
];

/// The keys that may stand somewhere.
pub(super) fn that(stands: &[Stands]) -> impl Iterator<Item = &'static TargetKey> {
    TARGET_KEYS.iter().filter(move |key| stands.contains(&key.stands))
}
