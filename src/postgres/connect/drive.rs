//! The task behind a session: it reads and writes the socket until the connection ends.

use std::sync::PoisonError;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, CancelToken, Connection};

use crate::postgres::cancel_route::CancelRoute;
use crate::postgres::failure::Failure;
use crate::postgres::meter::is_of_meter;
use crate::postgres::session::Told;
use crate::postgres::session::end::cancel;
use crate::postgres::socket::Gone;

/// Reads and writes until the connection ends. Notices are kept, not logged: a server may send many. Where the end is ours, as the
/// server goes on and on, what it runs is cancelled.
pub(super) async fn drive<S, T>(
    mut connection: Connection<S, T>,
    told: Told,
    (token, route, gone): (CancelToken, CancelRoute, Gone),
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let error = loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(message))) => {
                *told.notice.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(message.message().to_owned());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => return,
        }
    };
    let is_ours = is_of_meter(&error);
    let failure = Failure::from(error);
    tracing::debug!(error = %failure, "connection ended");
    // Before whoever waits for an answer is told that there is none.
    let _ = told.end.set(failure);
    drop(connection);
    if is_ours {
        tokio::spawn(async move { cancel(&route, &token, gone, || ()).await });
    }
}
