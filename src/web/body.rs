//! Bodies of answers: nothing, one piece, or a page's pieces as they are, without a copy.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::phase::Sending;

/// A body whose length is known before its first byte.
#[derive(Debug, Default)]
pub(super) struct Body {
    first: Bytes,
    rest: vec::IntoIter<Bytes>,
    left: u64,
    /// Tells when it is taken.
    sending: Option<Sending>,
}

impl Body {
    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.left
    }

    /// What is left of it, piece by piece.
    pub(super) fn into_pieces(self) -> Vec<Bytes> {
        std::iter::once(self.first).chain(self.rest).collect()
    }

    /// Holds `sending` until the body is taken.
    pub(super) fn hold(&mut self, sending: Option<Sending>) {
        self.sending = sending;
    }
}

impl From<Bytes> for Body {
    fn from(first: Bytes) -> Self {
        let left = first.len() as u64;
        Self {
            first,
            rest: vec::IntoIter::default(),
            left,
            sending: None,
        }
    }
}

/// From so many bytes on, allocators give back what a text has not used.
const LARGE: usize = 128 * 1024;

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Cow<'static, str>> for Body {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        // What grew has room for as much again, which would be held until the client has taken the page. Where the allocator
        // would leave a hole that fits no other page, a copy leaves the whole room to the next one.
        if text.len() < LARGE && text.len() < text.capacity() {
            return Bytes::copy_from_slice(text.as_bytes()).into();
        }
        Bytes::from(text.into_boxed_str().into_boxed_bytes()).into()
    }
}

impl From<Vec<Bytes>> for Body {
    fn from(chunks: Vec<Bytes>) -> Self {
        let left = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self {
            first: Bytes::new(),
            rest: chunks.into_iter(),
            left,
            sending: None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut chunk = std::mem::take(&mut self.first);
        // An empty piece would end a chunked body.
        while chunk.is_empty() {
            match self.rest.next() {
                Some(next) => chunk = next,
                None => return Poll::Ready(None),
            }
        }
        self.left -= chunk.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_text_takes_no_more_than_its_length() {
        let mut text = String::with_capacity(100_000);
        text.push('x');
        let bytes = Body::from(text).first.try_into_mut().unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (1, 1));
    }
}
