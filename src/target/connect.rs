//! From connection information to a session: hosts in order, one bound on each, the session's settings.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::{ConnInfo, Host, LoadBalanceHosts, TargetSessionAttrs, Transport};
use super::facts::dotted_version;
use super::failure::Failure;
use super::session::{Driver, Kind, Session};
use super::tls::{self, Witness};

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Connection information, of the database to connect to.
    pub info: Arc<ConnInfo>,
    /// What each host may take to answer the whole start-up exchange; also the client's grace on top of each
    /// statement's time limit.
    pub connect_timeout: Duration,
    /// Place of the host that answered last: the next connect begins there.
    last_good: Arc<AtomicUsize>,
}

/// One way to try one host.
struct Attempt {
    transport: Transport,
    wanted: TargetSessionAttrs,
    /// Whether a TLS handshake was begun.
    handshake: Arc<AtomicBool>,
}

impl Endpoint {
    /// The servers of a connection string.
    #[must_use]
    pub fn new(info: ConnInfo, connect_timeout: Duration) -> Self {
        Self {
            info: Arc::new(info),
            connect_timeout,
            last_good: Arc::default(),
        }
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self {
            info: Arc::new(self.info.with_database(name)),
            ..self.clone()
        }
    }

    /// Whether a kept session is still on a server of the wanted kind, given the server's role now: one whose server has
    /// changed its role since must be made anew, by the rules of `target_session_attrs`.
    ///
    /// # Errors
    /// When it is not, as a lost connection.
    pub fn check_role(&self, session: &mut Session, in_recovery: bool) -> Result<(), Failure> {
        let is_any = self.info.target_session_attrs() == TargetSessionAttrs::Any;
        if session.keeps_role(in_recovery) || is_any {
            return Ok(());
        }
        Err(Failure::connection(
            "the server has changed its role: target_session_attrs is to be looked at anew",
        ))
    }

    /// What connecting may take at the longest: every host may use up its own time.
    #[must_use]
    pub fn longest_connect(&self) -> Duration {
        let attempts = self.info.hosts().len().max(1) * passes(self.info.target_session_attrs()).len();
        self.connect_timeout
            .saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX))
    }

    /// Opens a session on the first host that lets it and is of the wanted kind.
    ///
    /// # Errors
    /// What the last host said, or a timeout.
    pub async fn connect(&self, deadline: Instant) -> Result<Session, Failure> {
        let mut last = Failure::connection("the connection information names no host");
        for wanted in passes(self.info.target_session_attrs()) {
            let hosts = self.hosts();
            for ((place, host), to_go) in hosts.iter().zip((1..=hosts.len() as u32).rev()) {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(last);
                }
                // One that is silent must not use up the time of those behind it.
                let limit = self.connect_timeout.min(left / to_go);
                match timeout(limit, self.connect_to(host, *wanted)).await {
                    Ok(Ok(session)) => {
                        self.last_good.store(*place, Ordering::Relaxed);
                        return Ok(session);
                    }
                    Ok(Err(failure)) => last = failure.at(host),
                    Err(_) => last = Failure::timeout(format!("no connection to {host} within {limit:.1?}")),
                }
            }
        }
        Err(last)
    }

    /// The hosts with their places, in the order of trying.
    fn hosts(&self) -> Vec<(usize, Host)> {
        let mut hosts: Vec<_> = self.info.hosts().iter().cloned().enumerate().collect();
        if self.info.load_balance_hosts() == LoadBalanceHosts::Random {
            fastrand::shuffle(&mut hosts);
        } else if !hosts.is_empty() {
            let first = self.last_good.load(Ordering::Relaxed) % hosts.len();
            hosts.rotate_left(first);
        }
        hosts
    }

    async fn connect_to(&self, host: &Host, wanted: TargetSessionAttrs) -> Result<Session, Failure> {
        let lookup = self.info.resolve_password(host);
        if let Some(warning) = &lookup.warning {
            tracing::warn!("{warning}");
        }
        let mut last = Failure::connection(format!("no way to connect to {host}"));
        for transport in self.info.tls().transports(host) {
            let config = self.info.config_for(host, *transport, lookup.password.as_ref());
            let attempt = Attempt {
                transport: *transport,
                wanted,
                handshake: Arc::default(),
            };
            match self.open(&config, &attempt).await {
                Ok(session) => return Ok(session),
                Err(failure) => last = failure,
            }
            // What failed without TLS would only fail once more.
            if *transport == Transport::TlsIfOffered && !attempt.handshake.load(Ordering::Relaxed) {
                break;
            }
        }
        Err(last)
    }

    async fn open(&self, config: &Config, attempt: &Attempt) -> Result<Session, Failure> {
        if self.info.is_pgbouncer() {
            return self.start(config, attempt, Kind::Pgbouncer).await;
        }
        let mut guarded = config.clone();
        let guard = Guard::new(self.connect_timeout);
        guarded.options(guard.options(config.get_options()));
        match self.start(&guarded, attempt, Kind::Postgres).await {
            Ok(session) => {
                if session.has_statement_timeout(&guard.shown()).await? {
                    session.client.batch_execute(settings(session.version())).await?;
                    return Ok(session);
                }
                tracing::debug!("connected through a pooler that ignores options");
            }
            Err(failure) if failure.is_unsupported_option() => {
                tracing::debug!("connected through a pooler: {failure}");
            }
            Err(failure) => return Err(failure),
        }
        self.start(config, attempt, Kind::Pooled).await
    }

    async fn start(&self, config: &Config, attempt: &Attempt, kind: Kind) -> Result<Session, Failure> {
        if attempt.transport == Transport::Plain {
            let (client, connection) = config.connect(NoTls).await?;
            return self.set_up(client, connection, None, attempt.wanted, kind).await;
        }
        let tls = tls::connector(self.info.tls()).map_err(|error| {
            // As in libpq, files that cannot be used are a handshake that failed.
            attempt.handshake.store(true, Ordering::Relaxed);
            Failure::connection(error.to_string())
        })?;
        let watched = Witness {
            inner: tls.clone(),
            begun: Arc::clone(&attempt.handshake),
        };
        let (client, connection) = config.connect(watched).await?;
        self.set_up(client, connection, Some(tls), attempt.wanted, kind)
            .await
    }

    async fn set_up<S, T>(
        &self,
        client: Client,
        connection: Connection<S, T>,
        tls: Option<MakeRustlsConnect>,
        wanted: TargetSessionAttrs,
        kind: Kind,
    ) -> Result<Session, Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let greeting = connection
            .parameter("server_version")
            .unwrap_or_default()
            .to_owned();
        let version = match kind {
            Kind::Postgres | Kind::Pooled => server_version(&greeting),
            Kind::Pgbouncer => dotted_version(&greeting).unwrap_or(0),
        };
        let notice = Arc::new(Mutex::new(None));
        let task = tokio::spawn(drive(connection, Arc::clone(&notice)));
        let mut session = Session::new(
            client,
            kind,
            Driver {
                task,
                notice,
                version,
                tls,
            },
        );
        if kind != Kind::Pgbouncer {
            // Before our own settings, which make every session read-only.
            check_attributes(&mut session, wanted).await?;
        }
        Ok(session)
    }
}

/// The rounds over the hosts: `prefer-standby` takes any server if there is no standby.
fn passes(attributes: TargetSessionAttrs) -> &'static [TargetSessionAttrs] {
    use TargetSessionAttrs as Attrs;
    match attributes {
        Attrs::Any => &[Attrs::Any],
        Attrs::ReadWrite => &[Attrs::ReadWrite],
        Attrs::ReadOnly => &[Attrs::ReadOnly],
        Attrs::Primary => &[Attrs::Primary],
        Attrs::Standby => &[Attrs::Standby],
        Attrs::PreferStandby => &[Attrs::Standby, Attrs::Any],
    }
}

/// Whether the server is of the wanted kind, by libpq's rules.
async fn check_attributes(session: &mut Session, wanted: TargetSessionAttrs) -> Result<(), Failure> {
    use TargetSessionAttrs as Attrs;
    if wanted == Attrs::Any {
        return Ok(());
    }
    let (in_recovery, read_only) = session.recovery_and_read_only().await?;
    session.keeps_role(in_recovery);
    let (fits, what) = match wanted {
        Attrs::Any | Attrs::PreferStandby => (true, ""),
        Attrs::Primary => (!in_recovery, "the server is in recovery"),
        Attrs::Standby => (in_recovery, "the server is not in recovery"),
        Attrs::ReadWrite => (!in_recovery && !read_only, "the server is read-only"),
        Attrs::ReadOnly => (in_recovery || read_only, "the server is not read-only"),
    };
    if fits {
        Ok(())
    } else {
        Err(Failure::connection(format!(
            "{what}, which target_session_attrs excludes"
        )))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix { dir, port } => write!(f, "socket {}/.s.PGSQL.{port}", dir.display()),
            Self::Tcp {
                host: Some(host),
                port,
                ..
            } => write!(f, "{host}:{port}"),
            Self::Tcp {
                hostaddr: Some(address),
                port,
                ..
            } => write!(f, "{address}:{port}"),
            Self::Tcp { port, .. } => write!(f, "port {port}"),
        }
    }
}

/// A statement limit as an option of the start-up exchange, and the proof that the server got it.
///
/// A pooler refuses options, or ignores them. Either way it is known before anything is set: settings made through it
/// would go to whoever gets the pooled connection next.
#[derive(Debug)]
struct Guard {
    /// The connect timeout and some milliseconds that make it a value that nobody else has set.
    milliseconds: u128,
}

impl Guard {
    fn new(limit: Duration) -> Self {
        let whole = limit.as_millis().clamp(1, 1_000_000);
        Self {
            milliseconds: whole / 1_000 * 1_000 + u128::from(fastrand::u32(1..1_000)) + 1_000,
        }
    }

    /// The options given, and the limit.
    fn options(&self, given: Option<&str>) -> String {
        let ours = format!("-c statement_timeout={}", self.milliseconds);
        given.map_or_else(|| ours.clone(), |given| format!("{given} {ours}"))
    }

    /// The limit as the server shows it: never a whole number of seconds.
    fn shown(&self) -> String {
        format!("{}ms", self.milliseconds)
    }
}

/// What every session of ours alone is set to besides. Statements bring their own time limits.
fn settings(version: u32) -> &'static str {
    if version < 110_000 {
        return "SET default_transaction_read_only = on; SET client_min_messages = warning; SET DateStyle = 'ISO'";
    }
    // Catalog statements over many relations look expensive to the planner and gain nothing from compilation.
    "SET default_transaction_read_only = on; SET client_min_messages = warning; SET DateStyle = 'ISO'; SET jit = off"
}

/// Reads and writes the socket until the connection ends. Notices are kept, not logged: a server may send many.
async fn drive<S, T>(mut connection: Connection<S, T>, notice: Arc<Mutex<Option<String>>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(message))) => {
                *notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.message().to_owned());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(error = %Failure::from(error), "connection ended");
                return;
            }
            None => return,
        }
    }
}

/// `server_version_num` of a `server_version` such as `15.18 (Debian 15.18-0+deb12u1)`, `18beta1` or `9.6.24`;
/// 0 when it cannot be read.
fn server_version(text: &str) -> u32 {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0).min(9_999));
    let major = numbers.next().unwrap_or(0);
    let second = numbers.next().unwrap_or(0);
    let third = numbers.next().unwrap_or(0);
    if major >= 10 {
        major * 10_000 + second
    } else {
        major * 10_000 + second * 100 + third
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_greeting() {
        assert_eq!(server_version("15.18 (Debian 15.18-0+deb12u1)"), 150_018);
        assert_eq!(server_version("18beta1"), 180_000);
        assert_eq!(server_version("9.6.24"), 90_624);
        assert_eq!(server_version("19devel"), 190_000);
        assert_eq!(server_version(""), 0);
    }

    #[test]
    fn jit_is_not_set_where_it_does_not_exist() {
        assert!(!settings(100_023).contains("jit"));
        assert!(settings(110_022).contains("jit"));
    }

    #[test]
    fn options_given_are_kept() {
        let guard = Guard::new(Duration::from_secs(1));
        let milliseconds = guard.milliseconds;
        assert_eq!(
            guard.options(None),
            format!("-c statement_timeout={milliseconds}")
        );
        assert!(
            guard
                .options(Some("-c work_mem=1MB"))
                .starts_with("-c work_mem=1MB -c statement")
        );
        assert!(
            !milliseconds.is_multiple_of(1_000),
            "the server would show {milliseconds} in seconds"
        );
    }
}
