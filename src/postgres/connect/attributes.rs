//! `target_session_attrs`: whether a server is of the wanted kind.

use super::introduction::Introduction;
use crate::postgres::conninfo::TargetSessionAttrs;
use crate::postgres::failure::Failure;

/// The rounds over the hosts: `prefer-standby` takes any server if there is no standby.
pub(in crate::postgres) fn passes(attributes: TargetSessionAttrs) -> &'static [TargetSessionAttrs] {
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
pub(in crate::postgres) fn check(wanted: TargetSessionAttrs, server: Introduction) -> Result<(), Failure> {
    use TargetSessionAttrs as Attrs;
    let Introduction {
        in_recovery,
        read_only,
        ..
    } = server;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of primary, read-only primary and standby, which are taken.
    #[test]
    fn kinds_are_told_as_libpq_does() {
        use TargetSessionAttrs as Attrs;
        let server = |in_recovery, read_only| Introduction {
            is_ours: true,
            in_recovery,
            read_only,
        };
        let servers = [server(false, false), server(false, true), server(true, false)];
        for (wanted, taken) in [
            (Attrs::Any, [true, true, true]),
            (Attrs::ReadWrite, [true, false, false]),
            (Attrs::ReadOnly, [false, true, true]),
            (Attrs::Primary, [true, true, false]),
            (Attrs::Standby, [false, false, true]),
        ] {
            assert_eq!(
                servers.map(|server| check(wanted, server).is_ok()),
                taken,
                "{wanted:?}"
            );
        }
    }
}
