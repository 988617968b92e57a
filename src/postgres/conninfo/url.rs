//! The URL form: `postgresql://user:password@host:port,host:port/database?name=value&...`.
//!
//! The rules are libpq's, not those of URLs in general: credentials end at the *first* `@` before any `/`; there is
//! no fragment; `%2C` in a host separates hosts. One rule is stricter: a raw `@` after the credentials is an error.
//! libpq takes it for a part of the host or database name, which then shows in messages: and it is the end of a
//! password with an unencoded `@` or `/` in it.

use super::cursor::{Cursor, Span};
use super::error::{ConnInfoError, Position, Problem};
use super::keywords::Keyword;
use super::settings::{Setting, Settings};

/// How a URL starts.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// The length of the scheme; none when the text is not a URL for PostgreSQL.
pub(in crate::postgres) fn scheme_len(text: &str) -> Option<usize> {
    SCHEMES
        .iter()
        .find(|scheme| text.starts_with(**scheme))
        .map(|scheme| scheme.len())
}

/// Reads a URL whose scheme has this length.
pub(in crate::postgres) fn parse(text: &str, scheme_len: usize) -> Result<Settings, ConnInfoError> {
    let mut settings = Settings::default();
    let mut cursor = Cursor::new(text, scheme_len);
    read_credentials(&mut cursor, &mut settings)?;
    refuse_stray_at(cursor)?;
    read_hosts(&mut cursor, &mut settings)?;
    if cursor.eat(b'/') {
        let name = cursor.until(|byte| byte == b'?');
        store(&mut settings, Keyword::Database, name)?;
    }
    if cursor.eat(b'?') {
        read_parameters(&mut cursor, &mut settings)?;
    }
    Ok(settings)
}

/// Reads `user:password@`, if there is an `@` before the first `/`.
fn read_credentials(cursor: &mut Cursor<'_>, settings: &mut Settings) -> Result<(), ConnInfoError> {
    let mut ahead = *cursor;
    ahead.until(|byte| byte == b'@' || byte == b'/');
    if ahead.peek() != Some(b'@') {
        return Ok(());
    }
    let user = cursor.until(|byte| byte == b':' || byte == b'@');
    store(settings, Keyword::User, user)?;
    if cursor.eat(b':') {
        let password = cursor.until(|byte| byte == b'@');
        store(settings, Keyword::Password, password)?;
    }
    cursor.eat(b'@');
    Ok(())
}

/// See the module's description.
fn refuse_stray_at(mut cursor: Cursor<'_>) -> Result<(), ConnInfoError> {
    cursor.until(|byte| byte == b'@' || byte == b'?');
    if cursor.peek() == Some(b'@') {
        Err(cursor.error(Problem::StrayAt))
    } else {
        Ok(())
    }
}

/// Reads `host:port,host:port`. Hosts and ports are two lists from here on, decoded as wholes, as libpq does.
fn read_hosts(cursor: &mut Cursor<'_>, settings: &mut Settings) -> Result<(), ConnInfoError> {
    let place = cursor.place();
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    loop {
        hosts.extend(read_host(cursor)?.located());
        if cursor.eat(b':') {
            ports.extend(cursor.until(|byte| matches!(byte, b'/' | b'?' | b',')).located());
        }
        let comma = cursor.place();
        if !cursor.eat(b',') {
            break;
        }
        if let Position::Text { column } = comma {
            hosts.push((column, b','));
            ports.push((column, b','));
        }
    }
    store_located(settings, Keyword::Host, &hosts, place.clone())?;
    let first_port = ports.iter().find(|(_, byte)| *byte != b',').or(ports.first());
    let place = first_port.map_or(place, |(column, _)| Position::Text { column: *column });
    store_located(settings, Keyword::Port, &ports, place)
}

/// Reads a name or address up to `:`, `,`, `/`, `?`; or an IPv6 address in brackets.
fn read_host<'a>(cursor: &mut Cursor<'a>) -> Result<Span<'a>, ConnInfoError> {
    let bracket = *cursor;
    if !cursor.eat(b'[') {
        return Ok(cursor.until(|byte| matches!(byte, b':' | b'/' | b'?' | b',')));
    }
    let address = cursor.until(|byte| byte == b']');
    if !cursor.eat(b']') {
        return Err(bracket.error(Problem::UnclosedBracket));
    }
    if address.bytes.is_empty() {
        return Err(bracket.error(Problem::EmptyBracket));
    }
    match cursor.peek() {
        None | Some(b':' | b'/' | b'?' | b',') => Ok(address),
        Some(_) => Err(cursor.error(Problem::AfterBracket)),
    }
}

/// Reads `name=value&name=value`.
fn read_parameters(cursor: &mut Cursor<'_>, settings: &mut Settings) -> Result<(), ConnInfoError> {
    while cursor.peek().is_some() {
        let name = cursor.until(|byte| byte == b'=' || byte == b'&');
        if !cursor.eat(b'=') {
            return Err(ConnInfoError::new(name.place(), Problem::ParameterWithoutEquals));
        }
        let value = cursor.until(|byte| byte == b'=' || byte == b'&');
        if cursor.peek() == Some(b'=') {
            return Err(cursor.error(Problem::ParameterWithTwoEquals));
        }
        cursor.eat(b'&');
        let (decoded_name, decoded_value) = (decode(name.located())?, decode(value.located())?);
        let setting = Setting {
            bytes: decoded_value,
            place: value.place(),
        };
        if decoded_name == b"ssl" && setting.bytes == b"true" {
            // The way of JDBC, which libpq understands too.
            settings.set(
                Keyword::SslMode,
                Setting {
                    bytes: b"require".into(),
                    ..setting
                },
            );
        } else {
            settings.assign(&decoded_name, name.place(), setting)?;
        }
    }
    Ok(())
}

/// Stores a component that has a place of its own; an empty one leaves the default.
fn store(settings: &mut Settings, keyword: Keyword, span: Span<'_>) -> Result<(), ConnInfoError> {
    let located: Vec<_> = span.located().collect();
    store_located(settings, keyword, &located, span.place())
}

fn store_located(
    settings: &mut Settings,
    keyword: Keyword,
    located: &[(usize, u8)],
    place: Position,
) -> Result<(), ConnInfoError> {
    if !located.is_empty() {
        let bytes = decode(located.iter().copied())?;
        settings.set(keyword, Setting { bytes, place });
    }
    Ok(())
}

/// Percent-decoding as of PostgreSQL 18: spaces around the value are dropped, spaces within are an error.
fn decode(located: impl Iterator<Item = (usize, u8)>) -> Result<Vec<u8>, ConnInfoError> {
    let error = |column, problem| Err(ConnInfoError::new(Position::Text { column }, problem));
    let mut located = located.skip_while(|(_, byte)| *byte == b' ');
    let mut decoded = Vec::new();
    let mut space = None;
    while let Some((column, byte)) = located.next() {
        match (byte, space) {
            (b' ', None) => space = Some(column),
            (b' ', Some(_)) => {}
            (_, Some(column)) => return error(column, Problem::SpaceInUrl),
            (b'%', None) => {
                let digits = (hex_digit(located.next()), hex_digit(located.next()));
                match digits {
                    (Some(0), Some(0)) => return error(column, Problem::ZeroByte),
                    (Some(high), Some(low)) => decoded.push(high << 4 | low),
                    _ => return error(column, Problem::PercentEncoding),
                }
            }
            (byte, None) => decoded.push(byte),
        }
    }
    Ok(decoded)
}

fn hex_digit(located: Option<(usize, u8)>) -> Option<u8> {
    let (_, byte) = located?;
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}
