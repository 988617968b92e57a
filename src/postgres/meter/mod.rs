//! How much of a result we take, and what a server may answer at all: a stream under the driver that knows where messages begin.
//!
//! The driver keeps a message in memory until it has come to its end, however long it is. So what is too large must not reach
//! it. A meter *passes* messages on; once a result is over its bounds it *drops* what is left of it, up to the server's sign that
//! it waits for the next statement. In place of it the driver is given an error as a server would send it: that statement
//! fails, the session and its other statements go on. Messages that hold texts are *held* until they are whole, and passed on
//! with texts that the driver can read.
//!
//! It also sees what the server asks for before it lets us in, before the driver answers: by `require_auth` it may end there. And it
//! sees in which transaction a statement leaves its session.

mod beside;
mod bounds;
mod messages;
mod stream;
mod transactions;

pub use bounds::ResultLimits;
pub(in crate::postgres) use bounds::TOO_LARGE;
pub(in crate::postgres) use messages::{Meter, is_of_meter};
pub(in crate::postgres) use stream::{Metered, MeteredTls};
