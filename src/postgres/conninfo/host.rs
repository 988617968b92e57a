//! Which servers to try: `host`, `hostaddr` and `port` are lists that belong together.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::{ConnInfoError, Problem};
use super::keywords::Keyword;
use super::settings::{Settings, parse_integer};

/// The port when none is given.
const DEFAULT_PORT: u16 = 5432;

/// The host when none is given and no socket is there; also what a password file calls a local socket.
const LOCALHOST: &str = "localhost";

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// By TCP.
    Tcp {
        /// The name that is resolved and that a certificate is checked against; none when only `hostaddr` is given.
        host: Option<String>,
        /// The address to connect to, so that nothing is resolved.
        hostaddr: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// By a Unix socket.
    Unix {
        /// The directory of the socket; on Linux one that starts with `@` is in the abstract namespace.
        dir: PathBuf,
        /// The port, which is a part of the socket's name.
        port: u16,
    },
}

impl Host {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Tcp { port, .. } | Self::Unix { port, .. } => *port,
        }
    }

    /// Whether TLS is possible: it is not on Unix sockets.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp { .. })
    }

    /// What a server's certificate is checked against: the name, else the address. A path beside an address is no name.
    #[must_use]
    pub fn certificate_name(&self) -> String {
        match self {
            Self::Tcp { host: Some(name), .. } if !name.starts_with('/') => name.clone(),
            Self::Tcp { hostaddr, .. } => hostaddr.map(|address| address.to_string()).unwrap_or_default(),
            Self::Unix { .. } => String::new(),
        }
    }

    /// Whether the socket is there now.
    fn has_socket(&self) -> bool {
        matches!(self, Self::Unix { dir, port } if dir.join(format!(".s.PGSQL.{port}")).exists())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            } => write!(f, "{}", SocketAddr::new(*address, *port)),
            Self::Tcp { port, .. } => write!(f, "port {port}"),
        }
    }
}

/// The servers of some connection information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct Hosts {
    list: Vec<Host>,
    /// No host was given: the list holds the places of a local server, and one of them is used at a time.
    pub(in crate::postgres) is_local_default: bool,
    socket_dirs: Vec<PathBuf>,
}

impl Hosts {
    /// Puts the three lists together.
    pub(in crate::postgres) fn from_settings(
        settings: &Settings,
        environment: &dyn Environment,
    ) -> Result<Self, ConnInfoError> {
        let socket_dirs = environment.socket_dirs();
        let names = elements(settings.text(Keyword::Host)?);
        if !names.iter().all(|name| is_socket_dir(name) || is_host_name(name)) {
            let expected = "host names, addresses or absolute directories of sockets, separated by commas";
            return Err(settings.invalid(Keyword::Host, expected));
        }
        let addresses = addresses(settings)?;
        let count = if addresses.is_empty() {
            names.len()
        } else {
            addresses.len()
        };
        if !names.is_empty() && names.len() != count {
            let problem = Problem::HostCount {
                hosts: names.len(),
                addresses: count,
            };
            return Err(settings.error(Keyword::Host, problem));
        }
        let ports = ports(settings, count.max(1))?;
        let is_local_default = count == 0;
        let list = if is_local_default {
            ports
                .into_iter()
                .flat_map(|port| local_places(&socket_dirs, port))
                .collect()
        } else {
            let host = |(index, port)| {
                let name = names.get(index).copied().unwrap_or_default();
                place(name, addresses.get(index).copied().flatten(), port, &socket_dirs)
            };
            ports.into_iter().enumerate().map(host).collect()
        };
        Ok(Self {
            list,
            is_local_default,
            socket_dirs,
        })
    }

    /// The servers to try now. For the local default this is the first whose socket exists, else `localhost`: asked
    /// each time, because the server may be started after the exporter.
    pub(in crate::postgres) fn current(&self) -> &[Host] {
        if !self.is_local_default {
            return &self.list;
        }
        let last = self.list.len().saturating_sub(1);
        let chosen = self.list.iter().position(Host::has_socket).unwrap_or(last);
        self.list.get(chosen..=chosen).unwrap_or_default()
    }

    /// What a password file calls this server: `localhost` for a socket in libpq's own directory, or where no host was given.
    pub(in crate::postgres) fn password_name(&self, host: &Host) -> String {
        let name = match host {
            Host::Tcp { host: Some(name), .. } => name.clone(),
            Host::Tcp {
                host: None, hostaddr, ..
            } => hostaddr.map(|a| a.to_string()).unwrap_or_default(),
            Host::Unix { dir, .. } => dir.to_string_lossy().into_owned(),
        };
        let is_default = name.is_empty()
            || (self.is_local_default && !host.is_tcp())
            || self
                .socket_dirs
                .first()
                .is_some_and(|dir| dir == Path::new(&name));
        if is_default { LOCALHOST.to_owned() } else { name }
    }
}

/// The elements of a list with commas; an empty text is an empty list.
fn elements(text: Option<&str>) -> Vec<&str> {
    text.map(|text| text.split(',').collect()).unwrap_or_default()
}

/// `hostaddr`; an element may be empty, and then the name counts.
fn addresses(settings: &Settings) -> Result<Vec<Option<IpAddr>>, ConnInfoError> {
    let parse = |text: &str| match text {
        "" => Ok(None),
        text => text.parse().map(Some),
    };
    let list: Result<_, _> = elements(settings.text(Keyword::HostAddr)?)
        .into_iter()
        .map(parse)
        .collect();
    list.map_err(|_| settings.invalid(Keyword::HostAddr, "IPv4 or IPv6 addresses, separated by commas"))
}

/// One port for each host: one given port is for all.
fn ports(settings: &Settings, hosts: usize) -> Result<Vec<u16>, ConnInfoError> {
    let parse = |text: &str| match text {
        "" => Some(DEFAULT_PORT),
        text => parse_integer(text)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0),
    };
    let list: Option<Vec<u16>> = elements(settings.text(Keyword::Port)?)
        .into_iter()
        .map(parse)
        .collect();
    let list =
        list.ok_or_else(|| settings.invalid(Keyword::Port, "ports from 1 to 65535, separated by commas"))?;
    match *list.as_slice() {
        [] => Ok(vec![DEFAULT_PORT; hosts]),
        [port] => Ok(vec![port; hosts]),
        _ if list.len() == hosts => Ok(list),
        _ => Err(settings.error(
            Keyword::Port,
            Problem::PortCount {
                ports: list.len(),
                hosts,
            },
        )),
    }
}

/// The places of a local server, in the order of trying.
fn local_places(socket_dirs: &[PathBuf], port: u16) -> Vec<Host> {
    let sockets = socket_dirs.iter().map(|dir| Host::Unix {
        dir: dir.clone(),
        port,
    });
    sockets
        .chain([Host::Tcp {
            host: Some(LOCALHOST.to_owned()),
            hostaddr: None,
            port,
        }])
        .collect()
}

/// What one element of the lists stands for.
fn place(name: &str, hostaddr: Option<IpAddr>, port: u16, socket_dirs: &[PathBuf]) -> Host {
    let host = (!name.is_empty()).then(|| name.to_owned());
    match host {
        host if hostaddr.is_some() => Host::Tcp { host, hostaddr, port },
        Some(name) if is_socket_dir(&name) => Host::Unix {
            dir: name.into(),
            port,
        },
        Some(name) => Host::Tcp {
            host: Some(name),
            hostaddr,
            port,
        },
        // An empty element among others: what is there now decides.
        None => {
            let local = Hosts {
                list: local_places(socket_dirs, port),
                is_local_default: true,
                socket_dirs: Vec::new(),
            };
            local
                .current()
                .first()
                .cloned()
                .unwrap_or(Host::Tcp { host, hostaddr, port })
        }
    }
}

/// Whether a host is the directory of a socket: an absolute path, or a name in the abstract namespace.
fn is_socket_dir(name: &str) -> bool {
    name.starts_with('@') || Path::new(name).is_absolute()
}

/// Whether a text can be a name or an address at all. It is a generous check: it keeps rests of other syntaxes, with
/// passwords in them, out of the messages on names that cannot be resolved.
fn is_host_name(name: &str) -> bool {
    let is_possible = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let (address, zone) = name.split_once('%').unwrap_or((name, ""));
    (address.parse::<IpAddr>().is_ok() && zone.chars().all(is_possible)) || name.chars().all(is_possible)
}
