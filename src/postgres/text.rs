//! Names and other texts as the server has them, in and out.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use postgres_types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::values::name;

/// A name that is read: whatever its bytes are, it is the text that stands for them.
#[derive(Debug)]
pub(in crate::postgres) struct Name(pub(in crate::postgres) String);

impl<'a> FromSql<'a> for Name {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(name::text_of(raw).into_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        <String as FromSql>::accepts(ty)
    }
}

/// A text that is sent as it is, in the encoding of the database.
#[derive(Debug)]
pub(in crate::postgres) struct Sent(pub(in crate::postgres) Vec<u8>);

impl ToSql for Sent {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}
