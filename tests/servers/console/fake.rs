//! pgbouncer's console of any release: the packages of the tests hold only one. It speaks the simple protocol and drops
//! whoever speaks another, as the real one does.

use std::collections::BTreeMap;
use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A table that a command shows: its columns, and the cells of its rows.
pub type Table = (Vec<&'static str>, Vec<Vec<String>>);

/// What it answers, by command.
#[derive(Clone, Debug)]
pub struct Console {
    /// `1.24.1`.
    pub version: &'static str,
    pub tables: BTreeMap<&'static str, Table>,
}

impl Console {
    /// Listens until the test process ends; the URL.
    pub fn start(self) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let console = Arc::new(self);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let console = Arc::clone(&console);
                // A client that leaves ends its thread.
                thread::spawn(move || drop(console.serve(client)));
            }
        });
        format!("postgresql://stats@127.0.0.1:{port}/pgbouncer")
    }

    fn serve(&self, mut client: TcpStream) -> Result<()> {
        let length = read_length(&mut client)?;
        read(&mut client, length)?;
        let mut welcome = message(b'R', &[0; 4]);
        let server_version = format!("server_version\0{}/bouncer\0", self.version);
        welcome.extend(message(b'S', server_version.as_bytes()));
        welcome.extend(message(b'K', &[0, 0, 0, 1, 0, 0, 0, 1]));
        welcome.extend(ready());
        client.write_all(&welcome)?;
        loop {
            let kind = read(&mut client, 1)?;
            let length = read_length(&mut client)?;
            let content = read(&mut client, length)?;
            if kind != b"Q" {
                let refused = b"SERROR\0C08P01\0Mextended query protocol not supported by admin console\0\0";
                return client.write_all(&message(b'E', refused));
            }
            let command = String::from_utf8_lossy(&content)
                .trim_matches('\0')
                .trim()
                .to_uppercase();
            client.write_all(&self.answer(&command))?;
        }
    }

    fn answer(&self, command: &str) -> Vec<u8> {
        let answer = match (command, self.tables.get(command)) {
            ("SHOW VERSION", _) => self.show_version(),
            (_, Some((columns, rows))) => table(columns, rows),
            (_, None) => message(b'E', b"SERROR\0C42601\0Minvalid command, use SHOW HELP;\0\0"),
        };
        [answer, ready()].concat()
    }

    /// Releases before 1.12 tell their version by a notice.
    fn show_version(&self) -> Vec<u8> {
        let minor: u32 = self.version.split('.').nth(1).unwrap().parse().unwrap();
        if minor >= 12 {
            return table(&["version"], &[vec![format!("PgBouncer {}", self.version)]]);
        }
        let notice = format!("SNOTICE\0C00000\0Mpgbouncer version {}\0\0", self.version);
        [message(b'N', notice.as_bytes()), message(b'C', b"SHOW\0")].concat()
    }
}

fn table(columns: &[&str], rows: &[Vec<String>]) -> Vec<u8> {
    let count = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let mut description = count(columns.len()).to_vec();
    for column in columns {
        description.extend(column.as_bytes());
        // Of no table; type text, any length, no modifier, as text.
        description.extend([
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
        ]);
    }
    let mut bytes = message(b'T', &description);
    for row in rows {
        let mut content = count(row.len()).to_vec();
        for cell in row {
            content.extend(u32::try_from(cell.len()).unwrap().to_be_bytes());
            content.extend(cell.as_bytes());
        }
        bytes.extend(message(b'D', &content));
    }
    bytes.extend(message(b'C', b"SHOW\0"));
    bytes
}

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], content].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// The length of what follows a length.
fn read_length(client: &mut TcpStream) -> Result<usize> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    Ok((u32::from_be_bytes(length) as usize)
        .saturating_sub(4)
        .min(65_536))
}

fn read(client: &mut TcpStream, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}
