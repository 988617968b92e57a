//! The start-up exchange with a server: one way of connecting after another, then the session's settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Connection, NoTls};

use super::attributes;
use super::drive::drive;
use super::introduction::{HAS_TRANSACTION_TIMEOUT, PoolerToken, introduce};
use super::secrets::Secrets;
use crate::catalog::facts::Kind;
use crate::postgres::cancel_route::CancelRoute;
use crate::postgres::conninfo::{
    AuthenticationGuard, ConnInfo, Host, SslNegotiation, TargetSessionAttrs, Transport,
};
use crate::postgres::deadline::{Liveness, within};
use crate::postgres::encryption::Encryption;
use crate::postgres::failure::{Concerns, Failure, Reason};
use crate::postgres::greeting::Greeting;
use crate::postgres::line::Segments;
use crate::postgres::meter::{Meter, Metered, MeteredTls, ResultLimits};
use crate::postgres::permit::Permit;
use crate::postgres::search_path;
use crate::postgres::session::{Driver, ServerEncoding, Session, Told};
use crate::postgres::socket::{Address, Gone, Lease, Socket};
use crate::postgres::straggler::Backend;
use crate::postgres::tls::Connector;
use crate::postgres::version::{dotted_version, server_version};

/// How long the connection of one transport may take to go before the next is tried.
const FAREWELL: Duration = Duration::from_secs(1);

/// An address of a host, and what is wanted of the server there.
pub(in crate::postgres) struct Attempt {
    pub(in crate::postgres) info: Arc<ConnInfo>,
    pub(in crate::postgres) host: Host,
    pub(in crate::postgres) address: Address,
    pub(in crate::postgres) segments: Segments,
    pub(in crate::postgres) secrets: Arc<Secrets>,
    pub(in crate::postgres) wanted: TargetSessionAttrs,
    /// What statements may take until they bring their own limits.
    pub(in crate::postgres) limit: Duration,
    /// What opening a socket may take: a dead address shows by that.
    pub(in crate::postgres) opening: Duration,
    /// Told of each answer of the server.
    pub(in crate::postgres) liveness: Liveness,
    /// Held by each socket in turn.
    pub(in crate::postgres) permit: Arc<Permit>,
    /// What the server was when it last answered, 0 when that is not known.
    pub(in crate::postgres) version: u32,
    /// Whether a pooler there is known to end transactions with each message.
    pub(in crate::postgres) is_by_message: bool,
    /// What is taken of a result.
    pub(in crate::postgres) results: ResultLimits,
    /// Whether somebody still waits for it: else no other transport is tried.
    pub(in crate::postgres) is_awaited: Arc<AtomicBool>,
    /// Whether it is enough to be let in, where a server answered itself before: nothing is asked over the session.
    pub(in crate::postgres) only_enters: bool,
}

/// How one transport failed.
enum Refused {
    /// The server, of that version, ends sessions that do nothing for a moment, or whose transaction takes one.
    Hasty(Failure, u32),
    /// Before the server had let us in: without TLS, or with it, it may.
    Outside(Failure),
    /// By a server that would say the same by any transport.
    Inside(Failure),
}

impl Refused {
    /// As libpq takes it: what fails before or while the server finds out who we are may be a matter of the transport.
    fn at_the_door(failure: Failure) -> Self {
        match failure.sqlstate.as_deref() {
            Some(code) if !code.starts_with("28") => Self::Inside(failure),
            // By `require_auth`: nor would it let us in by another transport.
            None if failure.concerns == Concerns::UsByAnyTransport => Self::Inside(failure),
            _ => Self::Outside(failure),
        }
    }
}

impl Attempt {
    /// Opens a session, by the first transport that leads to one. The caller bounds it.
    ///
    /// # Errors
    /// What became of the last transport.
    pub(in crate::postgres) async fn run(self) -> Result<Session, Failure> {
        let (info, secrets) = (Arc::clone(&self.info), Arc::clone(&self.secrets));
        let session = self.run_through().await;
        session.map_err(|failure| match secrets.said_again(&info) {
            Some(password) => failure.hiding(password),
            None => failure,
        })
    }

    async fn run_through(self) -> Result<Session, Failure> {
        let mut last = Failure::connection("there is no way to connect");
        let mut fallen: Option<Arc<str>> = None;
        for transport in self.info.tls().transports(&self.host) {
            let config = self.info.config_for(*transport, self.secrets.password.as_ref());
            let handshake = Arc::default();
            match self.open(&config, *transport, &handshake).await {
                Ok(mut session) => {
                    session.encryption = match (transport, fallen) {
                        (Transport::Plain, Some(cause)) => Encryption::Fallen(cause),
                        (Transport::Plain, None) => Encryption::Plain,
                        _ if handshake.load(Ordering::Relaxed) => Encryption::Tls,
                        _ => Encryption::Plain,
                    };
                    return Ok(session);
                }
                Err(Refused::Inside(failure) | Refused::Hasty(failure, _)) => return Err(failure),
                Err(Refused::Outside(failure)) => last = failure,
            }
            // What failed without TLS would only fail once more.
            if *transport == Transport::TlsIfOffered && !handshake.load(Ordering::Relaxed) {
                break;
            }
            if !self.is_awaited.load(Ordering::Relaxed) {
                break;
            }
            // What the server says within TLS is no failure of TLS.
            let is_of_tls = *transport == Transport::TlsIfOffered && last.sqlstate.is_none();
            fallen = is_of_tls.then(|| last.to_string().into());
        }
        Err(last)
    }

    /// Opens a session. Behind a pooler that ends transactions with each message it is one that needs none: whether it does shows
    /// by what it does to a transaction, which is looked at once.
    async fn open(
        &self,
        config: &Config,
        transport: Transport,
        handshake: &Arc<AtomicBool>,
    ) -> Result<Session, Refused> {
        let mut session = self.open_whole(config, transport, handshake).await?;
        if session.kind() != Kind::Pooled {
            return Ok(session);
        }
        if !self.is_by_message {
            if keeps_transactions(&session).await {
                return Ok(session);
            }
            session.close().await;
            session = self.open_whole(config, transport, handshake).await?;
        }
        session.limits.set_by_message();
        Ok(session)
    }

    async fn open_whole(
        &self,
        config: &Config,
        transport: Transport,
        handshake: &Arc<AtomicBool>,
    ) -> Result<Session, Refused> {
        if self.info.is_pgbouncer() {
            let session = self.start(config, transport, handshake, Kind::Pgbouncer).await;
            return session.map_err(Refused::at_the_door);
        }
        let way = (transport, handshake);
        match self.open_once(config, way, self.version, false).await {
            // Only then: an administrator may want sessions to end that do nothing for a while.
            Err(Refused::Hasty(_, version)) => self.open_once(config, way, version, true).await,
            opened => opened,
        }
    }

    /// Opens a session on a server of that version, 0 where it is not known.
    async fn open_once(
        &self,
        config: &Config,
        (transport, handshake): (Transport, &Arc<AtomicBool>),
        version: u32,
        is_hasty: bool,
    ) -> Result<Session, Refused> {
        let start = |config, kind| self.start(config, transport, handshake, kind);
        let mut guarded = config.clone();
        let token = PoolerToken::new(self.limit);
        guarded.options(token.options(config.get_options(), version, is_hasty));
        let session = match start(&guarded, Kind::Postgres).await {
            Err(failure) if failure.is_unsupported_option() => {
                tracing::debug!("connected through a pooler: {failure}");
                start(config, Kind::Pooled).await
            }
            // Where a newer server answered last, an older one does now: it does not know all that was asked for.
            Err(failure) if failure.is_unknown_setting() && version > 0 => {
                let mut plain = config.clone();
                plain.options(token.options(config.get_options(), 0, false));
                start(&plain, Kind::Postgres).await
            }
            Err(failure) if failure.is_malformed_option() => {
                let mut plain = config.clone();
                plain.options(token.plain_options(config.get_options(), 0));
                start(&plain, Kind::Postgres).await
            }
            started => started,
        };
        let session = session.map_err(|failure| match failure.is_of_haste() {
            true => Refused::Hasty(failure, HAS_TRANSACTION_TIMEOUT),
            false => Refused::at_the_door(failure),
        })?;
        let (version, mut gone, end) = (session.version(), session.gone(), session.end());
        let identified = self.identify(session, &token).await;
        // What the server says when it ends a session that does nothing is the answer to no statement.
        let of_haste = || end.get().filter(|end| end.is_of_haste()).cloned();
        let identified = identified.map_err(|failure| of_haste().unwrap_or(failure));
        match identified {
            Err(failure) if failure.is_of_haste() => {
                let _ = timeout(FAREWELL, gone.wait()).await;
                Err(Refused::Hasty(failure, version))
            }
            identified => identified.map_err(Refused::Inside),
        }
    }

    /// Finds out what the server is, and keeps the session if that is what is wanted.
    async fn identify(&self, mut session: Session, token: &PoolerToken) -> Result<Session, Failure> {
        if self.only_enters && session.kind() == Kind::Postgres {
            return Ok(session);
        }
        let (introduction, imposed) = introduce(&mut session, token).await?;
        if !introduction.is_ours && session.kind() == Kind::Postgres {
            tracing::debug!("connected through a pooler that ignores options");
            session.limits.set_pooled();
        }
        if let Err(failure) = attributes::check(self.wanted, introduction) {
            // Its place on the server may be needed for the next try.
            session.close().await;
            return Err(failure);
        }
        imposed.undo(&mut session, self.info.options()).await?;
        session.keeps_role(introduction.in_recovery);
        Ok(session)
    }

    async fn start(
        &self,
        config: &Config,
        transport: Transport,
        handshake: &Arc<AtomicBool>,
        kind: Kind,
    ) -> Result<Session, Failure> {
        let mut route = CancelRoute {
            address: self.address.clone(),
            keepalives: *self.info.keepalives(),
            tls: None,
        };
        let greeting = Greeting::new(&self.info);
        let is_spoiled = Arc::new(AtomicBool::default());
        let guard = AuthenticationGuard::new(self.info.require_auth());
        let backend = Backend::default();
        let meter = || {
            Meter::of_messages(
                self.results,
                guard,
                Arc::clone(&is_spoiled),
                self.liveness.clone(),
                backend.clone(),
            )
        };
        if transport == Transport::Plain {
            let (socket, mut gone) = self.socket(&route, &backend).await?;
            let socket = Metered::new(socket, meter(), greeting);
            return match config.connect_raw(socket, NoTls).await {
                Ok((client, connection)) => {
                    Ok(self.set_up(client, connection, route, kind, (gone, is_spoiled)))
                }
                Err(error) => Err(self.without_password(after_its_end(error, &mut gone).await)),
            };
        }
        let connector = self.connector().map_err(|error| {
            // As in libpq, files that cannot be used are a handshake that failed.
            handshake.store(true, Ordering::Relaxed);
            Failure::connection(error)
        })?;
        let watched = connector.telling(handshake);
        route.tls = Some(connector);
        let (socket, mut gone) = self.socket(&route, &backend).await?;
        let is_direct = self.info.tls().negotiation == SslNegotiation::Direct;
        let socket = Metered::new(socket, meter().under_tls(is_direct), greeting.clone());
        let metered = MeteredTls {
            inner: watched,
            meter: meter(),
            greeting,
        };
        match config.connect_raw(socket, metered).await {
            Ok((client, connection)) => Ok(self.set_up(client, connection, route, kind, (gone, is_spoiled))),
            Err(error) => Err(self.without_password(after_its_end(error, &mut gone).await)),
        }
    }

    /// The same, with the reason why there was no password for a server that asks for one: the driver misses nothing else.
    fn without_password(&self, failure: Failure) -> Failure {
        match &self.secrets.absence {
            Some(absence) if failure.message.starts_with("invalid configuration") => Failure {
                message: format!("the server asks for a password, and there is none: {absence}").into(),
                ..failure
            },
            _ => failure,
        }
    }

    fn connector(&self) -> Result<Connector, &str> {
        match &self.secrets.tls {
            Some(Ok(connector)) => Ok(connector.clone()),
            Some(Err(error)) => Err(error),
            None => Err("there is no TLS on this way"),
        }
    }

    /// A socket that holds the permit, and what tells when it has gone.
    async fn socket(&self, route: &CancelRoute, backend: &Backend) -> Result<(Socket, Gone), Failure> {
        let (lease, gone) = Lease::new(Arc::clone(&self.permit), Arc::clone(&self.info), backend.clone());
        let opening = route.address.open(
            &route.keepalives,
            self.segments,
            self.liveness.clone(),
            Some(lease),
        );
        match within(Instant::now() + self.opening, opening).await {
            Ok(Ok(socket)) => Ok((socket, gone)),
            Ok(Err(error)) => Err(Failure::connection(format!(
                "error connecting to server: {error}"
            ))),
            Err(_) => Err(Failure::timeout(format!(
                "no connection within {:.1?}",
                self.opening
            ))),
        }
    }

    fn set_up<T>(
        &self,
        client: Client,
        connection: Connection<Metered<Socket>, T>,
        cancel_route: CancelRoute,
        kind: Kind,
        (gone, is_spoiled): (Gone, Arc<AtomicBool>),
    ) -> Session
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let greeting = connection
            .parameter("server_version")
            .unwrap_or_default()
            .to_owned();
        let version = match kind {
            Kind::Postgres | Kind::Pooled => server_version(&greeting),
            Kind::Pgbouncer => dotted_version(&greeting).unwrap_or(0),
        };
        let encoding = ServerEncoding::named(connection.parameter("server_encoding"));
        let told = Told::default();
        let ours = (client.cancel_token(), cancel_route.clone(), gone.clone());
        let task = tokio::spawn(drive(connection, told.clone(), ours));
        let driver = Driver {
            task,
            told,
            version,
            encoding,
            cancel_route,
            gone,
            stragglers: self.permit.stragglers(),
            is_spoiled,
        };
        let given_path = self
            .info
            .options()
            .and_then(|options| search_path::of_options(options, "search_path"));
        Session::new(client, kind, driver, given_path)
    }
}

/// Whether a transaction may go on after a message. Both are sent at once: whoever owns the database may have limited how long a
/// transaction waits for its next message.
async fn keeps_transactions(session: &Session) -> bool {
    let begin = session.client.batch_execute("BEGIN READ ONLY");
    let end = session.client.batch_execute("ROLLBACK");
    matches!(join(begin, end).await, (Ok(()), Ok(())))
}

/// What became of it, once the server has gone: its place there may be needed for the next try.
async fn after_its_end(error: tokio_postgres::Error, gone: &mut Gone) -> Failure {
    let _ = timeout(FAREWELL, gone.wait()).await;
    let failure = Failure::from(error);
    let is_told = failure.sqlstate.is_some();
    let reason = if is_told {
        failure.reason
    } else {
        Reason::Connection
    };
    Failure { reason, ..failure }
}
