//! Which value a column of the server's type becomes, in a struct and on the page.

use super::record::ResultColumn;
use super::server::{Server, shown_releases};
use crate::model::Column;

/// What a type of the server means as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlKind {
    /// `bool`.
    Boolean,
    /// Signed integers, and unsigned ones of 32 bits.
    Integer,
    /// Unsigned integers of 64 bits.
    Unsigned,
    /// Numbers with a fraction.
    Number,
    /// Points in time.
    Time,
    /// Text, which is read as a number.
    Text,
    /// The server does not tell.
    Unknown,
    /// A type without a numeric meaning.
    Other,
}

impl SqlKind {
    /// What a type of that internal name means.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "bool" => Self::Boolean,
            "int2" | "int4" | "int8" | "oid" | "xid" | "cid" => Self::Integer,
            "xid8" => Self::Unsigned,
            "float4" | "float8" | "numeric" => Self::Number,
            "timestamp" | "timestamptz" | "date" => Self::Time,
            "text" | "varchar" | "bpchar" | "name" | "char" | "cstring" => Self::Text,
            "unknown" => Self::Unknown,
            _ => Self::Other,
        }
    }
}

/// The Rust type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// `f64`.
    Float,
    /// `i64`.
    Integer,
    /// `u64`.
    Unsigned,
    /// `bool`.
    Boolean,
    /// `SystemTime`.
    Time,
}

/// What is recorded of a column: its field's type, and what the servers call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) kind: FieldKind,
    /// Whether the field is an `Option`.
    pub(crate) may_be_null: bool,
    /// `int8`, or `float8 on 10-13; numeric on 14-18`.
    pub(crate) sql: String,
}

impl FieldKind {
    /// The widest of two.
    fn widest(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Boolean, Self::Integer) | (Self::Integer, Self::Boolean) => Self::Integer,
            _ => Self::Float,
        }
    }

    fn of(column: &Column, sql: SqlKind) -> Self {
        let is_scaled = column.scale.to_bits() != 1.0_f64.to_bits();
        match sql {
            SqlKind::Boolean => Self::Boolean,
            SqlKind::Time => Self::Time,
            SqlKind::Integer if !is_scaled => Self::Integer,
            SqlKind::Unsigned if !is_scaled => Self::Unsigned,
            _ => Self::Float,
        }
    }

    /// The type that holds what NULL stands for as well.
    fn with_default(self, column: &Column) -> Self {
        let Some(default) = column.default.map(|default| default * column.scale) else {
            return self;
        };
        let holds = match self {
            Self::Float | Self::Time => true,
            Self::Integer => default.fract() == 0.0,
            Self::Unsigned => default.fract() == 0.0 && default >= 0.0,
            Self::Boolean => default == 0.0 || default == 1.0,
        };
        match self {
            _ if holds => self,
            Self::Boolean if default.fract() == 0.0 => Self::Integer,
            _ => Self::Float,
        }
    }
}

/// What is recorded of a column that carries a number; `None` when no server showed it.
pub(crate) fn recorded<'a>(
    column: &Column,
    answers: impl Iterator<Item = (&'a Server, &'a [ResultColumn])>,
) -> Option<Recorded> {
    let mut kinds: Vec<(&str, Vec<u32>)> = Vec::new();
    for (server, columns) in answers {
        let Some(found) = columns.iter().find(|found| found.name == column.column) else {
            continue;
        };
        match kinds.iter_mut().find(|(kind, _)| *kind == found.kind) {
            Some((_, releases)) => releases.push(server.release),
            None => kinds.push((&found.kind, vec![server.release])),
        }
    }
    let of_kind = |(kind, _): &(&str, Vec<u32>)| FieldKind::of(column, SqlKind::of(kind));
    let kind = kinds.iter().map(of_kind).reduce(FieldKind::widest)?;
    Some(Recorded {
        kind: kind.with_default(column),
        may_be_null: column.usage.is_value() && column.default.is_none(),
        sql: sql(&mut kinds),
    })
}

fn sql(kinds: &mut [(&str, Vec<u32>)]) -> String {
    if let [(kind, _)] = kinds {
        return (*kind).to_owned();
    }
    let shown = kinds.iter_mut().map(|(kind, releases)| {
        releases.sort_unstable();
        releases.dedup();
        format!("{kind} on {}", shown_releases(releases))
    });
    shown.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::server::Role;
    use super::*;
    use crate::model::Usage;

    fn kind(column: &Column, kinds: &[(u32, &str)]) -> (FieldKind, bool, String) {
        let column = Column {
            column: "a".into(),
            usage: Usage::Gauge,
            ..column.clone()
        };
        let answers: Vec<_> = kinds
            .iter()
            .map(|(release, kind)| {
                let server = Server::new(*release, Role::Primary, std::collections::BTreeMap::default());
                let found = ResultColumn {
                    name: "a".to_owned(),
                    kind: (*kind).to_owned(),
                };
                (server, vec![found])
            })
            .collect();
        let answers = answers
            .iter()
            .map(|(server, columns)| (server, columns.as_slice()));
        let Recorded {
            kind,
            may_be_null,
            sql,
        } = recorded(&column, answers).unwrap_or(Recorded {
            kind: FieldKind::Float,
            may_be_null: true,
            sql: String::new(),
        });
        (kind, may_be_null, sql)
    }

    /// What was recorded, and what a field is made of it.
    type Case = (&'static [(u32, &'static str)], FieldKind, &'static str);

    #[test]
    fn a_field_has_the_widest_type() {
        let plain = Column::default();
        let cases: [Case; 7] = [
            (&[(140_000, "int8")], FieldKind::Integer, "int8"),
            (
                &[(130_000, "float8"), (140_000, "numeric")],
                FieldKind::Float,
                "float8 on 13; numeric on 14",
            ),
            (
                &[(130_000, "int4"), (140_000, "float8"), (150_000, "int4")],
                FieldKind::Float,
                "int4 on 13, 15; float8 on 14",
            ),
            (&[(140_000, "timestamptz")], FieldKind::Time, "timestamptz"),
            (&[(140_000, "bool")], FieldKind::Boolean, "bool"),
            (
                &[(130_000, "bool"), (140_000, "int4")],
                FieldKind::Integer,
                "bool on 13; int4 on 14",
            ),
            (&[(12_500, "unknown")], FieldKind::Float, "unknown"),
        ];
        for (kinds, expected, sql) in cases {
            assert_eq!(kind(&plain, kinds), (expected, true, sql.to_owned()));
        }
    }

    #[test]
    fn a_default_takes_the_option_away_and_fits() {
        let with = |default: f64| Column {
            default: Some(default),
            ..Column::default()
        };
        let of = |column: &Column, name: &str| {
            let (kind, may_be_null, _) = kind(column, &[(140_000, name)]);
            assert!(!may_be_null);
            kind
        };
        assert_eq!(of(&with(-1.0), "int8"), FieldKind::Integer);
        assert_eq!(of(&with(0.5), "int8"), FieldKind::Float);
        assert_eq!(of(&with(-1.0), "xid8"), FieldKind::Float);
        assert_eq!(of(&with(0.0), "bool"), FieldKind::Boolean);
        assert_eq!(of(&with(-1.0), "bool"), FieldKind::Integer);
    }

    #[test]
    fn a_scaled_integer_is_a_number() {
        let scaled = Column {
            scale: 1e-3,
            ..Column::default()
        };
        assert_eq!(kind(&scaled, &[(140_000, "int8")]).0, FieldKind::Float);
        assert_eq!(kind(&scaled, &[(140_000, "timestamp")]).0, FieldKind::Time);
    }
}
