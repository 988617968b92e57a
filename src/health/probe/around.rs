//! What else the kept session is asked: who is in, and who should not be there any more.

use super::{Kept, Probe};
use crate::health::door::Door;
use crate::postgres::failure::Failure;

impl Probe {
    /// Where there is no place to try with, who is in tells whether anybody gets in.
    pub(super) async fn look_around(&mut self, kept: &mut Kept) -> Result<(), Failure> {
        if !kept.connect.as_ref().is_some_and(Door::is_full) {
            self.crowd.forget();
            return Ok(());
        }
        let limit = self.endpoint.connect_timeout;
        let looking = self.crowd.look(&mut kept.session, limit);
        match self.endpoint.traffic().outlast(limit, looking).await {
            Ok(Err(failure)) => {
                self.crowd.forget();
                tracing::debug!("not told who is in: {failure}");
            }
            Ok(Ok(())) => {}
            Err(_) => return Err(Failure::timeout("the probe was not answered in time")),
        }
        Ok(())
    }

    /// Has backends ended that stayed behind. What the server refuses is tried again at the next turn: until then they count.
    pub(super) async fn end_stragglers(&self, kept: &mut Kept) -> Result<(), Failure> {
        let (limit, traffic) = (self.endpoint.connect_timeout, self.endpoint.traffic());
        match traffic.outlast(limit, kept.session.end_stragglers(limit)).await {
            Ok(Err(failure)) => {
                tracing::debug!("not told whether backends have gone: {failure}");
                Ok(())
            }
            Ok(Ok(())) => Ok(()),
            Err(_) => Err(Failure::timeout("the probe was not answered in time")),
        }
    }
}
