//! A statement's result as the rest of the exporter sees it. The driver's types stop here.

use std::borrow::Cow;
use std::error::Error;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::Pin;

use futures_util::StreamExt as _;
use postgres_types::{FromSql, Type};
use tokio_postgres::{RowStream, SimpleColumn, SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use super::failure::Failure;
use crate::values::name;

/// How cells are written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PostgreSQL's binary form of the column's type.
    Binary,
    /// PostgreSQL's text form of the column's type.
    Text,
}

/// A result's column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// Name, as the statement gives it.
    pub name: Box<str>,
    /// Type, as in `pg_type.oid`; 0 when not known (pgbouncer).
    pub oid: u32,
    /// The type's name, of one that PostgreSQL does not bring.
    pub foreign: Option<Box<str>>,
}

impl ResultColumn {
    /// The type by its internal name; `unknown` where the server does not tell.
    #[must_use]
    pub fn type_name(&self) -> String {
        match (&self.foreign, Type::from_oid(self.oid)) {
            (Some(name), _) => name.to_string(),
            (None, Some(known)) => known.name().to_owned(),
            (None, None) => "unknown".to_owned(),
        }
    }
}

/// Tells results of other columns apart: what was found out about one holds for all of its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape(u64);

impl Shape {
    /// The shape of a result with these columns.
    pub(in crate::postgres) fn of(columns: &[tokio_postgres::Column]) -> Self {
        // The same in all sessions.
        let mut hasher = DefaultHasher::new();
        for column in columns {
            let kind = column.type_();
            (column.name(), kind.oid(), kind.name()).hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

/// One row of a result.
#[derive(Debug)]
pub struct Row(Inner);

#[derive(Debug)]
enum Inner {
    Binary(tokio_postgres::Row),
    Text(SimpleQueryRow),
}

/// The bytes of a cell, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Row {
    /// The cell's bytes; `None` for NULL and for a column that is not there.
    #[must_use]
    pub fn cell(&self, index: usize) -> Option<Cow<'_, [u8]>> {
        match &self.0 {
            Inner::Binary(row) => row
                .try_get::<_, Option<Raw<'_>>>(index)
                .ok()
                .flatten()
                .map(|raw| raw.0.into()),
            // The driver was given text that stands for the bytes.
            Inner::Text(row) => row.try_get(index).ok().flatten().map(name::bytes_of),
        }
    }

    /// How its cells are written.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.0 {
            Inner::Binary(_) => Format::Binary,
            Inner::Text(_) => Format::Text,
        }
    }

    /// Its columns. Types are known in the binary format only.
    #[must_use]
    pub fn columns(&self) -> Vec<ResultColumn> {
        match &self.0 {
            Inner::Binary(row) => columns_of(row.columns()),
            Inner::Text(row) => untyped(row.columns()),
        }
    }
}

/// Columns of the simple protocol.
fn untyped(columns: &[SimpleColumn]) -> Vec<ResultColumn> {
    let column = |column: &SimpleColumn| ResultColumn {
        name: column.name().into(),
        oid: 0,
        foreign: None,
    };
    columns.iter().map(column).collect()
}

/// The columns of a prepared statement or of a row.
pub(in crate::postgres) fn columns_of(columns: &[tokio_postgres::Column]) -> Vec<ResultColumn> {
    columns
        .iter()
        .map(|column| {
            let kind = column.type_();
            let is_known = Type::from_oid(kind.oid()).is_some();
            ResultColumn {
                name: column.name().into(),
                oid: kind.oid(),
                foreign: (!is_known).then(|| kind.name().into()),
            }
        })
        .collect()
}

/// Rows as they arrive; nothing is buffered beyond what the driver holds.
pub struct Rows {
    stream: Stream,
    /// The columns of the simple protocol, once they have come: a result without rows has them too.
    columns: Option<Vec<ResultColumn>>,
}

enum Stream {
    Binary(Pin<Box<RowStream>>),
    Text(Pin<Box<SimpleQueryStream>>),
    /// Behind so many commands and characters in the same message.
    Behind(Pin<Box<SimpleQueryStream>>, usize, u32),
}

impl Rows {
    pub(in crate::postgres) fn binary(stream: RowStream) -> Self {
        Self {
            stream: Stream::Binary(Box::pin(stream)),
            columns: None,
        }
    }

    pub(in crate::postgres) fn text(stream: SimpleQueryStream) -> Self {
        Self {
            stream: Stream::Text(Box::pin(stream)),
            columns: None,
        }
    }

    /// The columns of a result by the simple protocol, known once its first row, or its end, was read.
    #[must_use]
    pub fn columns(&self) -> Option<&[ResultColumn]> {
        self.columns.as_deref()
    }

    /// Those of the statement behind so many commands and characters of the same message.
    pub(in crate::postgres) fn behind(stream: SimpleQueryStream, commands: usize, characters: u32) -> Self {
        Self {
            stream: Stream::Behind(Box::pin(stream), commands, characters),
            columns: None,
        }
    }

    /// The next row, `None` at the end.
    ///
    /// # Errors
    /// What the server says, or the loss of the connection.
    pub async fn next(&mut self) -> Result<Option<Row>, Failure> {
        match &mut self.stream {
            Stream::Binary(stream) => match stream.next().await {
                Some(row) => Ok(Some(Row(Inner::Binary(row?)))),
                None => Ok(None),
            },
            Stream::Text(stream) => loop {
                match stream.next().await {
                    Some(message) => match message? {
                        SimpleQueryMessage::Row(row) => return Ok(Some(Row(Inner::Text(row)))),
                        SimpleQueryMessage::RowDescription(columns) => {
                            self.columns = Some(untyped(&columns));
                        }
                        _ => {}
                    },
                    None => return Ok(None),
                }
            },
            Stream::Behind(stream, commands, characters) => loop {
                let in_statement = |error| {
                    let mut failure = Failure::from(error);
                    failure.position = failure
                        .position
                        .and_then(|position| position.checked_sub(*characters));
                    failure
                };
                match stream.next().await {
                    Some(Err(error)) => return Err(in_statement(error)),
                    Some(Ok(SimpleQueryMessage::CommandComplete(_))) => {
                        *commands = commands.saturating_sub(1);
                    }
                    Some(Ok(SimpleQueryMessage::Row(row))) if *commands == 0 => {
                        return Ok(Some(Row(Inner::Text(row))));
                    }
                    Some(Ok(SimpleQueryMessage::RowDescription(columns))) if *commands == 0 => {
                        self.columns = Some(untyped(&columns));
                    }
                    Some(Ok(_)) => {}
                    None => return Ok(None),
                }
            },
        }
    }
}
