//! Odd, hostile and many requests: what each gets, and that nobody else notices.

mod flood;
mod held;
mod idle;
mod load;
mod pipelined;
mod random;
mod raw;
mod service;
mod slow;
mod sockets;
