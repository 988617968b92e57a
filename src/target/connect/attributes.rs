//! `target_session_attrs`: whether a server is of the wanted kind.

use crate::target::conninfo::TargetSessionAttrs;
use crate::target::failure::Failure;
use crate::target::session::Session;

/// The rounds over the hosts: `prefer-standby` takes any server if there is no standby.
pub(super) fn passes(attributes: TargetSessionAttrs) -> &'static [TargetSessionAttrs] {
    use TargetSessionAttrs as Attrs;
    match attributes {
        Attrs::Any => &[Attrs::Any],
        Attrs::ReadWrite => &[Attrs::ReadWrite],
        Attrs::ReadOnly => &[Attrs::ReadOnly],
        Attrs::Primary => &[Attrs::Primary],
        Attrs::Standby => &[Attrs::Standby],
        Attrs::PreferStandby => &[Attrs::Standby, Attrs::Any],
    }
}

/// Whether the server is of the wanted kind, by libpq's rules.
pub(super) async fn check(session: &mut Session, wanted: TargetSessionAttrs) -> Result<(), Failure> {
    use TargetSessionAttrs as Attrs;
    if wanted == Attrs::Any {
        return Ok(());
    }
    let (in_recovery, read_only) = session.recovery_and_read_only().await?;
    session.keeps_role(in_recovery);
    let (fits, what) = match wanted {
        Attrs::Any | Attrs::PreferStandby => (true, ""),
        Attrs::Primary => (!in_recovery, "the server is in recovery"),
        Attrs::Standby => (in_recovery, "the server is not in recovery"),
        Attrs::ReadWrite => (!in_recovery && !read_only, "the server is read-only"),
        Attrs::ReadOnly => (in_recovery || read_only, "the server is not read-only"),
    };
    if fits {
        Ok(())
    } else {
        Err(Failure::connection(format!(
            "{what}, which target_session_attrs excludes"
        )))
    }
}
