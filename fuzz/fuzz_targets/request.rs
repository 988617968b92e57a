//! Bytes of a client, through all of the web server but the socket.
#![no_main]

#[path = "../harness.rs"]
mod harness;

use std::cell::RefCell;

use harness::Harness;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static HARNESS: RefCell<Harness> = RefCell::new(Harness::new());
}

// The first byte says in how large pieces the others arrive.
fuzz_target!(|data: &[u8]| {
    let (piece, bytes) = data.split_first().map_or((0, data), |(piece, bytes)| (*piece, bytes));
    let piece = if piece == 0 { usize::MAX } else { usize::from(piece) };
    HARNESS.with_borrow(|harness| harness.check(bytes, piece));
});
