//! Connection information as a whole.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::display::{Printable, Syntax};
use super::environment::{self, Environment};
use super::error::{ConnInfoError, Position, Problem};
use super::host::{Host, Hosts};
use super::keywords::Keyword;
use super::require_auth::RequireAuth;
use super::session::{Keepalives, LoadBalanceHosts, SessionParameters, TargetSessionAttrs};
use super::settings::{Setting, Settings};
use super::source::PasswordSource;
use super::tls::Tls;
use super::{keyvalue, service, url};
use crate::files::Files;
use crate::values::Secret;

/// The database whose name makes a target pgbouncer's console.
const PGBOUNCER: &str = "pgbouncer";

/// Where, as whom and how to connect.
#[derive(Clone)]
pub struct ConnInfo {
    pub(super) hosts: Hosts,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<Secret>,
    /// Where it comes from, where nothing of this holds it.
    pub(super) password_source: Option<PasswordSource>,
    /// Whether the connection string itself holds a password or a pass phrase.
    pub(super) has_secret: bool,
    /// Where the password comes from if a service file gave it.
    pub(super) password_section: Option<service::Section>,
    /// The section of a service file that the pass phrase of the client's key came from.
    pub(super) key_section: Option<service::Section>,
    pub(super) password_file: Option<PathBuf>,
    /// The file that the connection string came from, to be looked at again.
    pub(super) url_file: Option<PathBuf>,
    pub(super) tls: Tls,
    pub(super) session: SessionParameters,
    pub(super) printable: Printable,
    /// By what the files of all this are read.
    pub(super) files: Files,
}

impl ConnInfo {
    /// Reads a connection string, then the service file it or the environment names, then the variables.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str, environment: &dyn Environment) -> Result<Self, ConnInfoError> {
        if let Some(index) = text.bytes().position(|byte| byte == 0) {
            return Err(ConnInfoError::new(
                Position::Text { column: index + 1 },
                Problem::ZeroByte,
            ));
        }
        let (syntax, mut settings) = match url::scheme_len(text) {
            Some(scheme_len) => (Syntax::Url, url::parse(text, scheme_len)?),
            None => (Syntax::KeyValue, keyvalue::parse(text)?),
        };
        let printable = Printable::new(syntax, &settings);
        let section = service::fill(&mut settings, environment)?;
        environment::fill(&mut settings, environment);
        Self::from_settings(&settings, environment, section.as_ref(), printable)
    }

    pub(super) fn from_settings(
        settings: &Settings,
        environment: &dyn Environment,
        section: Option<&service::Section>,
        printable: Printable,
    ) -> Result<Self, ConnInfoError> {
        settings.check()?;
        let hosts = Hosts::from_settings(settings, environment)?;
        let user = match settings.name(Keyword::User) {
            Some(user) => user.into_owned(),
            None => environment
                .os_user()
                .ok_or_else(|| ConnInfoError::new(Position::System, Problem::UserUnknown))?,
        };
        let password = settings
            .get(Keyword::Password)
            .filter(|setting| !setting.bytes.is_empty());
        let of_service = |setting: Option<&Setting>| {
            let is_of_it =
                setting.is_some_and(|setting| matches!(setting.place, Position::ServiceFile { .. }));
            section.filter(|_| is_of_it).cloned()
        };
        let password_file = match settings.text(Keyword::PassFile)? {
            Some(path) => Some(path.into()),
            None => environment.home_dir().map(|home| home.join(".pgpass")),
        };
        Ok(Self {
            database: settings
                .name(Keyword::Database)
                .map_or_else(|| user.clone(), Cow::into_owned),
            password: password.map(|setting| Secret::new(setting.bytes.as_slice())),
            has_secret: [password, settings.get(Keyword::SslPassword)]
                .into_iter()
                .flatten()
                .any(|setting| matches!(setting.place, Position::Text { .. })),
            password_source: None,
            password_section: of_service(password),
            key_section: of_service(settings.get(Keyword::SslPassword)),
            password_file,
            url_file: None,
            tls: Tls::from_settings(settings, environment, hosts.is_local_default)?,
            session: SessionParameters::from_settings(settings)?,
            hosts,
            user,
            printable,
            files: environment.files(),
        })
    }

    /// Whether connections by the other one are as good as by this one. What is read again for each connection is none of it: what a
    /// file, a variable or a program holds. Where it is read from is. Nor is the connect timeout, which an
    /// [`Endpoint`](crate::postgres::connect::Endpoint) has.
    #[must_use]
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        self.hosts == other.hosts
            && self.user == other.user
            && self.database == other.database
            && self.lasting_password() == other.lasting_password()
            && self.password_source == other.password_source
            && self.password_section == other.password_section
            && self.password_file == other.password_file
            && self.key_section == other.key_section
            && self.url_file == other.url_file
            && self.lasting_tls() == other.lasting_tls()
            && self.session.without_timeout() == other.session.without_timeout()
    }

    /// The password, unless it is read again from a service file.
    fn lasting_password(&self) -> Option<&Secret> {
        self.password.as_ref().filter(|_| self.password_section.is_none())
    }

    /// The same without a pass phrase that is read again from a service file.
    fn lasting_tls(&self) -> Tls {
        let mut tls = self.tls.clone();
        if let (Some(client), Some(_)) = (&mut tls.client, &self.key_section) {
            client.key_password = None;
        }
        tls
    }

    /// Whether the connection string itself holds a password or a pass phrase: who sees the one sees the other.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.has_secret
    }

    /// The same, with a password that is read again from the file that the connection string came from.
    #[must_use]
    pub fn with_url_file(self, path: PathBuf) -> Self {
        Self {
            url_file: Some(path),
            ..self
        }
    }

    /// The same server, another database: nothing else changes.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.database = name.to_owned();
        other.printable.set_database(name);
        other
    }

    /// By what its files are read.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The database: the [text](crate::values::name) that stands for its bytes.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The user: the [text](crate::values::name) that stands for its bytes.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether the target is pgbouncer's console: if and only if the database is called `pgbouncer`.
    #[must_use]
    pub fn is_pgbouncer(&self) -> bool {
        self.database == PGBOUNCER
    }

    /// The servers to try now, in the order given. Looks for sockets where no host was given, so ask for each
    /// connection.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        self.hosts.current()
    }

    /// How the connection is protected.
    #[must_use]
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// `options` of the start-up exchange, as given.
    #[must_use]
    pub fn options(&self) -> Option<&str> {
        self.session.options.as_deref()
    }

    /// Which of several servers is wanted.
    #[must_use]
    pub fn target_session_attrs(&self) -> TargetSessionAttrs {
        self.session.target
    }

    /// In which order the servers are to be tried.
    #[must_use]
    pub fn load_balance_hosts(&self) -> LoadBalanceHosts {
        self.session.balance
    }

    /// By which methods the server may find out who we are.
    #[must_use]
    pub fn require_auth(&self) -> RequireAuth {
        self.session.require_auth
    }

    /// How a silent connection is noticed.
    #[must_use]
    pub fn keepalives(&self) -> &Keepalives {
        &self.session.keepalives
    }

    /// `connect_timeout`, for each server; none if not given.
    #[must_use]
    pub fn connect_timeout(&self) -> Option<Duration> {
        self.session.connect_timeout
    }

    /// Hosts, ports and database, for people: `db1:5432,db2:5432/app`. Neither role nor password.
    #[must_use]
    pub fn place(&self) -> String {
        let place = |host: &Host| match host {
            Host::Unix { dir, port } => format!("{}:{port}", dir.display()),
            tcp @ Host::Tcp { .. } => tcp.to_string(),
        };
        let hosts: Vec<String> = self.hosts().iter().map(place).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }

    /// The connection string as it may be printed: in the syntax it was written in, secrets masked.
    #[must_use]
    pub fn display(&self) -> String {
        self.printable.render()
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnInfo").field(&self.display()).finish()
    }
}
