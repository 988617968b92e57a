//! What `psql` does with the same text, variables and files.
//!
//! Both connect to a recorder, which asks for the password in clear and notes what arrives. `psql` is found by
//! `PG_EXPORTER_TEST_PSQL`, else by `PATH`; without it the test fails.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use super::{ConnInfo, Folder, TestEnvironment};
use crate::postgres::connect::names::Names;
use crate::postgres::deadline::Liveness;
use crate::postgres::line::Segments;

/// What a client said before it was in.
#[derive(Debug, PartialEq, Eq)]
struct Arrival {
    listener: &'static str,
    parameters: BTreeMap<String, String>,
    password: Option<String>,
}

/// A place to connect to by TCP, by a socket in a directory and by one in the abstract namespace.
struct Recorder {
    port: u16,
    home: Folder,
    arrivals: Receiver<Arrival>,
}

impl Recorder {
    fn start() -> Self {
        let home = Folder::new();
        let (sender, arrivals) = channel();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let socket = UnixListener::bind(home.path().join(format!(".s.PGSQL.{port}"))).unwrap();
        let name = format!("pg_exporter_test_{port}/.s.PGSQL.{port}");
        let abstract_socket =
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        record_all(
            "unix",
            move || socket.accept().map(|(stream, _)| stream),
            sender.clone(),
        );
        record_all(
            "abstract",
            move || abstract_socket.accept().map(|(stream, _)| stream),
            sender.clone(),
        );
        record_all("tcp", move || tcp.accept().map(|(stream, _)| stream), sender);
        Self { port, home, arrivals }
    }

    /// Puts the recorder's places into a text.
    fn fill(&self, text: &str) -> String {
        let dir = self.home.path().to_str().unwrap();
        let name = format!("pg_exporter_test_{}", self.port);
        let encoded = dir.replace('/', "%2F");
        let filled = text
            .replace("PORT", &self.port.to_string())
            .replace("ENCODED", &encoded);
        filled.replace("DIR", dir).replace("NAME", &name)
    }

    /// The first of the arrivals that a client caused, which has ended by now.
    fn arrival(&self) -> Option<Arrival> {
        let first = self.arrivals.recv_timeout(Duration::from_millis(100)).ok();
        while self.arrivals.try_recv().is_ok() {}
        first
    }
}

/// Serves one client after the other, until the test ends.
fn record_all<S: Read + Write>(
    listener: &'static str,
    accept: impl Fn() -> io::Result<S> + Send + 'static,
    arrivals: Sender<Arrival>,
) {
    thread::spawn(move || {
        while let Ok(stream) = accept() {
            // A client that goes away in between has said nothing worth noting.
            let arrival = receive(listener, stream);
            if arrival.is_ok_and(|arrival| arrivals.send(arrival).is_err()) {
                break;
            }
        }
    });
}

/// Plays a server without TLS up to the password, then refuses.
fn receive<S: Read + Write>(listener: &'static str, mut stream: S) -> io::Result<Arrival> {
    const NEGOTIATIONS: [u32; 2] = [80_877_103, 80_877_104];
    let startup = loop {
        let message = read_body(&mut stream)?;
        let code = u32::from_be_bytes(message[..4].try_into().unwrap());
        if !NEGOTIATIONS.contains(&code) {
            break message;
        }
        stream.write_all(b"N")?;
    };
    let words: Vec<_> = startup[4..]
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    let pairs = words.chunks_exact(2).filter(|pair| !pair[0].is_empty());
    let parameters = pairs
        .map(|pair| (pair[0].to_string(), pair[1].to_string()))
        .collect();
    stream.write_all(b"R\0\0\0\x08\0\0\0\x03")?;
    let password = read_password(&mut stream).ok();
    let fields = b"SFATAL\0C28P01\0Mrecorded\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    let _ = stream.write_all(&[b"E", &length[..], fields].concat());
    Ok(Arrival {
        listener,
        parameters,
        password,
    })
}

fn read_password<S: Read>(stream: &mut S) -> io::Result<String> {
    let mut tag = [0];
    stream.read_exact(&mut tag)?;
    let body = read_body(stream)?;
    Ok(String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(&body)).into_owned())
}

fn read_body<S: Read>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn run_psql(text: &str, environment: &TestEnvironment) -> Output {
    let program = std::env::var_os("PG_EXPORTER_TEST_PSQL").unwrap_or_else(|| "psql".into());
    let mut command = Command::new(&program);
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
        .envs(environment.home.iter().map(|home| ("HOME", home)))
        .envs(&environment.variables);
    command
        .args(["-X", "-w", "-c", "", "-d", text])
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{program:?} does not run ({error}): install psql, or set PG_EXPORTER_TEST_PSQL to its path"
            )
        })
}

/// Connects as the exporter would: to one host after the other, until one answers.
fn run_ours(text: &str, environment: &TestEnvironment) -> Result<(), super::ConnInfoError> {
    let info = ConnInfo::parse(text, environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    for host in info.hosts() {
        let lookup = info.resolve_password(host);
        let config = info.config_for(info.tls().transports(host)[0], lookup.password.as_ref());
        let refused = runtime.block_on(async {
            let mut any = false;
            for address in Names::default().addresses(host, until).await.unwrap_or_default() {
                let Ok(socket) = address
                    .open(info.keepalives(), Segments::Any, Liveness::default(), None)
                    .await
                else {
                    continue;
                };
                let Err(error) = config.connect_raw(socket, NoTls).await else {
                    panic!("the recorder let us in")
                };
                any |= error.as_db_error().is_some() || error.to_string().contains("password");
            }
            any
        });
        if refused {
            break;
        }
    }
    Ok(())
}

fn with_variables(recorder: &Recorder, variables: &[(&str, &str)]) -> TestEnvironment {
    let filled: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, recorder.fill(value)))
        .collect();
    let filled: Vec<_> = filled
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    TestEnvironment::of(&filled).with_home(recorder.home.path())
}

/// Parameters that both send; psql's own name and encoding are its own business.
fn comparable(arrival: Option<Arrival>) -> Option<Arrival> {
    arrival.map(|mut arrival| {
        let is_compared = |name: &str| ["user", "database", "options", "application_name"].contains(&name);
        arrival
            .parameters
            .retain(|name, value| is_compared(name) && value != "psql" && value != "pg_exporter");
        arrival
    })
}

/// Texts and variables; `PORT`, `DIR`, `ENCODED` and `NAME` stand for the recorder's places.
const ACCEPTED: &[(&str, &[(&str, &str)])] = &[
    ("postgres://u:p@127.0.0.1:PORT/d", &[]),
    ("postgresql://u@127.0.0.1:PORT", &[]),
    ("postgres://u:%70%40%2f%20@127.0.0.1:PORT/%64%20e", &[]),
    ("postgres://u:p:q?r#s@127.0.0.1:PORT/d", &[]),
    ("postgres://u:p@127.0.0.1:1,127.0.0.1:PORT/d", &[]),
    ("postgres://u:p@127.0.0.1:1,ENCODED:PORT/d", &[]),
    ("postgres://u:p@ENCODED:PORT/d", &[]),
    ("postgres://u:p@%40NAME:PORT/d", &[]),
    ("postgres:///d?host=DIR&port=PORT&user=u&password=p", &[]),
    ("postgres://u:p@127.0.0.1:PORT/d?user=v&password=q&dbname=e", &[]),
    (
        "postgres://u:p@127.0.0.1:PORT/d/e?application_name=a%26b&options=-c%20x.y%3Dz",
        &[],
    ),
    (
        "postgres://u:p@127.0.0.1:PORT/d?sslmode=disable&connect_timeout=5",
        &[],
    ),
    ("postgres://u:p@nowhere.invalid:PORT/d?hostaddr=127.0.0.1", &[]),
    ("postgres://:p@127.0.0.1:PORT", &[("PGUSER", "vu")]),
    (
        "postgres://",
        &[
            ("PGHOST", "DIR"),
            ("PGPORT", "PORT"),
            ("PGUSER", "vu"),
            ("PGPASSWORD", "vp"),
        ],
    ),
    (
        "postgres:///d",
        &[
            ("PGHOSTADDR", "127.0.0.1"),
            ("PGPORT", "PORT"),
            ("PGUSER", "vu"),
            ("PGDATABASE", "vd"),
        ],
    ),
    (
        "user=u",
        &[
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", "PORT"),
            ("PGAPPNAME", "va"),
            ("PGOPTIONS", "-c x.y=z"),
        ],
    ),
    ("host=127.0.0.1 port=PORT user=u password=p dbname=d", &[]),
    (
        " host = 127.0.0.1 port= PORT user ='a b' password='p\\'\\\\q' ",
        &[],
    ),
    (
        "host=127.0.0.1 port=PORT user=a\\ b password=p\\'q\\\\ dbname=''",
        &[],
    ),
    ("host=127.0.0.1 port=PORT user=u password=p'q=r@s", &[]),
    ("host=@NAME port=PORT user=u password=p", &[]),
    ("host=127.0.0.1,127.0.0.1 port=1,PORT user=u password=p", &[]),
    ("hostaddr=127.0.0.1 port='  PORT ' user=u", &[]),
    ("host=127.0.0.1 port=PORT user=byfile dbname=d", &[]),
    ("host=DIR port=PORT user=byfile dbname='a:b'", &[]),
    ("hostaddr=127.0.0.1 host=name.invalid port=PORT user=byfile", &[]),
    ("host=127.0.0.1 port=PORT user=byfile password=''", &[]),
    ("host=127.0.0.1 port=PORT user=byfile passfile=/nonexistent", &[]),
    (
        "host=127.0.0.1 port=PORT user=byfile",
        &[("PGPASSFILE", "DIR/world_readable")],
    ),
    ("service=app port=PORT", &[("PGUSER", "vu")]),
    ("postgres://su2@:PORT/", &[("PGSERVICE", "app")]),
    (
        "service=app port=PORT",
        &[("PGSERVICEFILE", "DIR/other_services")],
    ),
];

/// Texts that both refuse without connecting.
const REFUSED: &[&str] = &[
    "postgres://u:p@127.0.0.1:PORTx/d",
    "postgres://u:p@127.0.0.1:0/d",
    "postgres://u:p@127.0.0.1:PORT,127.0.0.1/d?port=PORT,PORT,PORT",
    "postgres://u:p%@127.0.0.1:PORT/d",
    "postgres://u:p%00@127.0.0.1:PORT/d",
    "postgres://u:p@[127.0.0.1:PORT/d",
    "postgres://u:p@[::1]PORT/d",
    "postgres://u:p@127.0.0.1:PORT/d?search_path=x",
    "postgres://u:p@127.0.0.1:PORT/d?sslmode",
    "postgres://u:p@127.0.0.1:PORT/d?sslmode=a=b",
    "postgres://u:p@127.0.0.1:PORT/d?sslmode=REQUIRE",
    "postgres://u:p@127.0.0.1:PORT/d?target_session_attrs=master",
    "host=127.0.0.1 port=PORT user=u password=a b",
    "host=127.0.0.1 port=PORT user='u",
    "host=127.0.0.1 port=PORT passwort=p",
    "host=127.0.0.1 port=PORT channel_binding=on",
    "host=127.0.0.1,127.0.0.1 hostaddr=127.0.0.1 port=PORT",
    "host=127.0.0.1 port=PORT service=nowhere",
    "host=127.0.0.1 port=PORT service=broken",
];

fn recorder_with_files() -> Recorder {
    let recorder = Recorder::start();
    let write = |name: &str, content: &str, mode: u32| {
        let path = recorder.home.path().join(name);
        fs::write(&path, recorder.fill(content)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    let lines = "# comment\nDIR:PORT:a\\:b:byfile:socket\nname.invalid:*:*:byfile:name\n\
                 127.0.0.1:PORT:*:byfile:p\\:w\\\\:rest\n*:*:*:byfile:any\n";
    write(".pgpass", lines, 0o600);
    write("world_readable", "*:*:*:*:p\n", 0o644);
    let services =
        "[broken]\nnonsense\n[app]\nhost=127.0.0.1\nuser=su\npassword= s p\ndbname=sd\ndbname=second\n";
    write(".pg_service.conf", services, 0o644);
    write("other_services", "[app]\nhost=DIR\nuser=other\n", 0o644);
    recorder
}

#[test]
fn the_server_sees_the_same_from_both() {
    let recorder = recorder_with_files();
    for (text, variables) in ACCEPTED {
        let text = recorder.fill(text);
        let environment = with_variables(&recorder, variables);
        let output = run_psql(&text, &environment);
        let expected = comparable(recorder.arrival());
        assert!(
            expected.is_some(),
            "psql did not connect with {text:?}: {output:?}"
        );
        run_ours(&text, &environment).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(comparable(recorder.arrival()), expected, "{text:?} {variables:?}");
    }
}

#[test]
fn both_refuse_the_same() {
    let recorder = recorder_with_files();
    for text in REFUSED {
        let text = recorder.fill(text);
        let environment = with_variables(&recorder, &[]);
        let output = run_psql(&text, &environment);
        assert!(
            !output.status.success() && recorder.arrival().is_none(),
            "psql accepts {text:?}"
        );
        assert!(run_ours(&text, &environment).is_err(), "we accept {text:?}");
        assert!(recorder.arrival().is_none(), "{text:?}");
    }
}
