//! Reading a connection string byte by byte, always knowing the column.

use super::error::{ConnInfoError, Position, Problem};

/// A place in the text that is being read.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

/// A part of the text and where it starts.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Span<'a> {
    pub(in crate::postgres) start: usize,
    pub(in crate::postgres) bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at a byte of the text, counted from 0.
    pub(in crate::postgres) fn new(text: &'a str, at: usize) -> Self {
        Self {
            text: text.as_bytes(),
            at,
        }
    }

    /// The byte under the cursor; none at the end.
    pub(in crate::postgres) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Takes the byte under the cursor.
    pub(in crate::postgres) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes the byte under the cursor if it is this one.
    pub(in crate::postgres) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes everything up to the first byte that fulfils the condition, or to the end.
    pub(in crate::postgres) fn until(&mut self, stop: impl Fn(u8) -> bool) -> Span<'a> {
        let rest = self.rest();
        let len = rest.iter().position(|byte| stop(*byte)).unwrap_or(rest.len());
        let span = Span {
            start: self.at,
            bytes: rest.get(..len).unwrap_or_default(),
        };
        self.at += len;
        span
    }

    /// What has not been read.
    pub(in crate::postgres) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The place of the byte under the cursor.
    pub(in crate::postgres) fn place(&self) -> Position {
        Position::Text { column: self.at + 1 }
    }

    /// An error at the byte under the cursor.
    pub(in crate::postgres) fn error(&self, problem: Problem) -> ConnInfoError {
        ConnInfoError::new(self.place(), problem)
    }
}

impl<'a> Span<'a> {
    /// The place of the first byte.
    pub(in crate::postgres) fn place(&self) -> Position {
        Position::Text {
            column: self.start + 1,
        }
    }

    /// The bytes with their columns, counted from 1.
    pub(in crate::postgres) fn located(&self) -> impl Iterator<Item = (usize, u8)> + use<'a> {
        let start = self.start;
        self.bytes
            .iter()
            .enumerate()
            .map(move |(index, byte)| (start + index + 1, *byte))
    }
}
