//! Knocking: whether the server that answered last still takes new connections, without becoming a client of it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout_at;

use super::pending::Pending;
use super::secrets::Secrets;
use super::startup::Attempt;
use super::{Endpoint, Good};
use crate::postgres::conninfo::{SslNegotiation, TargetSessionAttrs, Transport};
use crate::postgres::deadline::{Liveness, within};
use crate::postgres::failure::Failure;
use crate::postgres::optional_rows::Rows;
use crate::postgres::session::{Session, StatementKey};
use crate::postgres::socket::Address;

/// "Do you encrypt by GSSAPI?", understood from 12 on. Whoever hangs up after the answer leaves no line in the server's log.
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

/// "Do you encrypt by TLS?" A server that does logs a client that hangs up after it.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The first version that understands [`GSS_REQUEST`].
const HAS_GSS_REQUEST: u32 = 120_000;

/// Whether a server before 12 has TLS.
const HAS_TLS: (StatementKey, &str) = (StatementKey(7), "SELECT pg_catalog.current_setting('ssl')");

/// A message in a transaction, which is on disk when the answer comes.
const MESSAGE: &str =
    "SELECT pg_catalog.pg_logical_emit_message(true, 'pg_exporter'::pg_catalog.text, ''::pg_catalog.text)";

/// What a server is asked at its door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Knock([u8; 8]);

impl Knock {
    /// What a server of that version can be asked without a line in its log; none when there is nothing.
    #[must_use]
    pub fn quiet(version: u32, has_tls: bool) -> Option<Self> {
        match (version >= HAS_GSS_REQUEST, has_tls) {
            (true, _) => Some(Self(GSS_REQUEST)),
            (false, false) => Some(Self(TLS_REQUEST)),
            (false, true) => None,
        }
    }
}

/// A knock and the server that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doorway(Address, Knock);

impl Endpoint {
    /// The same for the probe, with a memory of its own of what answered last.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            last_good: Arc::default(),
            ..self.for_probe()
        }
    }

    /// Whether a server can be asked anything before TLS.
    #[must_use]
    pub fn can_knock(&self) -> bool {
        self.info.tls().negotiation != SslNegotiation::Direct
    }

    /// What that knock is at the server that answered last.
    #[must_use]
    pub fn doorway(&self, knock: Knock) -> Option<Doorway> {
        self.last_good().map(|good| Doorway(good.address, knock))
    }

    /// Knocks at the server that answered last: ready with the first byte of its answer, or with that to another's knock of just now.
    /// The caller bounds it.
    ///
    /// # Errors
    /// When there is no connection, or it ends without an answer, or with an error in its place.
    pub async fn knock(&self, knock: Knock) -> Result<(), Failure> {
        let good = self.last_good().ok_or_else(unknown)?;
        let exchange = answers(&good.address, knock);
        let answer = match self.pace.bells() {
            Some(bells) => bells.knock(&good.address, knock, exchange).await,
            None => exchange.await,
        };
        answer.map_err(|error| {
            Failure::connection(format!("the server does not take new connections: {error}"))
        })
    }

    /// Since when the server that answered last lets a new client in: logs in and leaves. Where another target has done so within `fresh`,
    /// with the same role and database, that was as good.
    ///
    /// # Errors
    /// What the server says, or that it is silent.
    pub async fn is_let_in(&self, fresh: Duration) -> Result<tokio::time::Instant, Failure> {
        let good = self.last_good().ok_or_else(unknown)?;
        let login = async {
            let session = self.enter_again(true).await?;
            session.close().await;
            Ok(())
        };
        let who = (self.info.user(), self.info.database());
        match self.pace.bells() {
            Some(bells) => {
                let patience = self.connect_timeout;
                bells.log_in(&good.address, who, (fresh, patience), login).await
            }
            None => login.await.map(|()| tokio::time::Instant::now()),
        }
    }

    /// Opens a session on the server that answered last, whatever its role. A connection that hangs in the server is not given
    /// up for another, as it would stay there: who asks next waits for it again.
    ///
    /// # Errors
    /// What the server says, or that it is silent.
    pub async fn connect_again(&self) -> Result<Session, Failure> {
        self.enter_again(false).await
    }

    /// The same, for a session over which nothing will be asked, if it `only_enters`.
    async fn enter_again(&self, only_enters: bool) -> Result<Session, Failure> {
        let good = self.last_good().ok_or_else(unknown)?;
        let until = Instant::now() + self.patience(self.longest_exchange());
        let pending = match self.waiting.take(good.place) {
            Some(pending) => pending,
            None => self.begin_again(&good, until, only_enters).await?,
        };
        let session = self.wait_for(good.place, pending, until).await;
        session.map(|(session, _)| session)
    }

    /// A time for an exchange, longer while other traffic delays it.
    fn patience(&self, time: Duration) -> Duration {
        if self.traffic.is_flowing() { time * 5 } else { time }
    }

    async fn begin_again(&self, good: &Good, until: Instant, only_enters: bool) -> Result<Pending, Failure> {
        let host = self.info.hosts().get(good.place).cloned().ok_or_else(unknown)?;
        if let Some(rest) = self.rest(good.place) {
            return Err(rest.at(host));
        }
        let permit = self.permits.acquire(good.place, self.purpose, || false);
        let permit = timeout_at(until.into(), permit).await;
        let permit = permit.map_err(|_| no_permit())?.map_err(|_| no_permit())?;
        let secrets = within(until, Secrets::read(&self.info, &host)).await;
        let secrets = secrets.map_err(|_| no_permit())?;
        if let Some(reason) = &secrets.failure {
            return Err(Failure::connection(reason.clone()).of_our_own());
        }
        if let (Some(Err(error)), [Transport::Tls]) = (&secrets.tls, self.info.tls().transports(&host)) {
            return Err(Failure::connection(error.clone()).of_our_own());
        }
        let shown = host.to_string();
        let attempt = Attempt {
            info: Arc::clone(&self.info),
            host,
            address: good.address.clone(),
            segments: self.segments(),
            secrets: Arc::new(secrets),
            wanted: TargetSessionAttrs::Any,
            limit: self.connect_timeout,
            opening: self.patience(self.connect_timeout),
            liveness: Liveness::among(&self.traffic).patient(),
            permit: Arc::new(permit),
            version: good.version,
            is_by_message: good.is_by_message,
            results: self.results,
            is_awaited: Arc::default(),
            only_enters,
        };
        Ok(Pending::begin(shown, attempt))
    }
}

/// Asks at once where the server is near: such a connection is there when the system says that it has begun. Every second counts what
/// it costs.
async fn answers(address: &Address, knock: Knock) -> io::Result<()> {
    match address {
        Address::Tcp(address) => {
            let (socket, is_asked) = ask(&SockAddr::from(*address), knock)?;
            let socket = TcpStream::from_std(socket.into())?;
            answer(socket, knock, is_asked).await
        }
        Address::Unix(path) => {
            let (socket, is_asked) = ask(&SockAddr::unix(path)?, knock)?;
            let socket = UnixStream::from_std(socket.into())?;
            answer(socket, knock, is_asked).await
        }
    }
}

/// A connection that is there, or will be; whether the question is on its way.
fn ask(server: &SockAddr, knock: Knock) -> io::Result<(Socket, bool)> {
    let socket = Socket::new(server.domain(), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(server) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => return Err(error),
        _ => {}
    }
    let is_asked = match socket.send(&knock.0) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Ok(bytes) if bytes < knock.0.len() => return Err(io::ErrorKind::WriteZero.into()),
        sent => sent.map(|_| true)?,
    };
    Ok((socket, is_asked))
}

async fn answer(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    knock: Knock,
    is_asked: bool,
) -> io::Result<()> {
    if !is_asked {
        socket.write_all(&knock.0).await?;
    }
    match socket.read_u8().await? {
        // What a server says that cannot make a process for the connection, and a peer that does not know the question.
        b'E' => Err(io::Error::other("it answers with an error")),
        _ => Ok(()),
    }
}

fn no_permit() -> Failure {
    Failure::timeout("no connection was free to try with").for_want_of_a_place()
}

fn unknown() -> Failure {
    Failure::connection("no server has answered yet").of_our_own()
}

impl Session {
    /// What this server can be asked at its door. The caller bounds it.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(crate) async fn quiet_knock(&mut self, limit: Duration) -> Result<Option<Knock>, Failure> {
        let version = self.version();
        let has_tls = if version < HAS_GSS_REQUEST {
            let rows = Rows::of(1);
            self.optional_rows(&[HAS_TLS], limit, &rows).await?;
            let row = rows.into_answers().pop().flatten().and_then(Result::ok);
            row.is_none_or(|row| row.text(0) != Some("off"))
        } else {
            false
        };
        Ok(Knock::quiet(version, has_tls))
    }

    /// Writes a message to the WAL that says nothing, as a transaction of its own: it hangs or fails where writes do. A
    /// server that has no such message, or does not let the role, is no failure. One that may not write its files is. The caller bounds it.
    ///
    /// # Errors
    /// What the server says, or the loss of the connection.
    pub(crate) async fn write_message(&mut self, limit: Duration) -> Result<(), Failure> {
        match self.one_row(None, MESSAGE, &[], limit).await {
            Err(failure) if failure.is_not_to_be_had() => {
                tracing::debug!("the probe cannot write: {failure}");
                Ok(())
            }
            end => end.map(|_| ()),
        }
    }
}
