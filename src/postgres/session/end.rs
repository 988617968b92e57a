//! How a session ends: with a goodbye, or abandoned with a statement that may be running.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::CancelToken;

use super::Session;
use crate::postgres::cancel_route::CancelRoute;
use crate::postgres::socket::Gone;

/// How long a cancel request may take; it runs in the background.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the server may take to say goodbye while somebody waits for that.
const FAREWELL: Duration = Duration::from_secs(1);

/// Between the first two requests to cancel, and between later ones at the most: each is a process on the server.
const CANCEL_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];

impl Session {
    /// What tells when the server has ended it, whoever has given it up by then.
    pub(crate) fn gone(&self) -> Gone {
        self.driver.gone.clone()
    }

    /// Ends the connection in order: ready when the server's backend is gone, or does not go in time. Its permit is free
    /// only when it has gone.
    pub async fn close(self) {
        let Self {
            client, mut driver, ..
        } = self;
        // With the last handle gone, the driver says goodbye and waits for the server to close its end.
        drop(client);
        // How it ended does not matter: what is left of it ends with the socket.
        let _ = timeout(FAREWELL, &mut driver.task).await;
    }

    /// Gives the session up while a statement may be running: asks the server, in the background, to cancel it and what
    /// is queued behind it, until its backend has gone. What cannot be cancelled keeps its permit.
    pub fn abandon(self) {
        if self.client.is_closed() {
            return;
        }
        let token = self.client.cancel_token();
        tokio::spawn(async move {
            let Self { client, driver, .. } = self;
            let (route, gone) = (driver.cancel_route.clone(), driver.gone.clone());
            let give_up = || {
                drop(client);
                driver.task.abort();
            };
            cancel(&route, &token, gone, give_up).await;
        });
    }
}

/// Asks the server to cancel what a connection runs, until that has gone; after the first time it is given up.
///
/// The answers do not matter: the server's own `statement_timeout` is the backstop.
pub(in crate::postgres) async fn cancel(
    route: &CancelRoute,
    token: &CancelToken,
    mut gone: Gone,
    give_up: impl FnOnce(),
) {
    let _ = timeout(CANCEL_TIMEOUT, route.cancel(token)).await;
    give_up();
    let [mut pause, longest] = CANCEL_PAUSES;
    while timeout(pause, gone.wait()).await.is_err() {
        let _ = timeout(CANCEL_TIMEOUT, route.cancel(token)).await;
        pause = (pause * 2).min(longest);
    }
}
