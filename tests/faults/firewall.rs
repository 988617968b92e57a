//! A firewall forgets connections that are open: neither end learns of it.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::wait_until;

use crate::path::Path;
use crate::support::{
    SOON, State, answer, assert_nothing_of_the_target, backends, cluster, count, exporter_of, page_within,
    wait_for_state,
};
use crate::views::CAP;

#[test]
fn half_open_connections_are_replaced() {
    let cluster = cluster();
    let path = Path::to(cluster.port());
    let exporter = exporter_of(&path.url("postgres"));
    let (before, forgotten) = (path.opened(), backends(&cluster));
    path.forget_connections();
    let begun = Instant::now();
    // No page may be wrong, and the next but one at the latest is whole again.
    loop {
        // The probe may lose an answer as well; what it knows is then nothing, and never another role.
        let (status, state) = answer(&exporter, "/replica");
        assert!(
            [(404, "primary"), (503, "down")].contains(&(status, &*state)),
            "{status} {state}"
        );
        let (page, _) = page_within(&exporter, 5.0);
        if page.value("pg_up", &[]) == Some(1.0) {
            break;
        }
        assert_nothing_of_the_target(&page);
        assert!(begun.elapsed() < SOON, "no page is whole again");
        thread::sleep(Duration::from_millis(20));
    }
    wait_for_state(&exporter, State::Primary, SOON);
    let took = begun.elapsed();
    eprintln!("half-open connections: replaced after {took:.2?}");
    assert!(
        path.opened() > before && took < Duration::from_secs(8),
        "{took:?}"
    );
    // The server has heard of no end, so what was forgotten is there still, and does nothing. All others are within the cap.
    wait_until("nothing of ours runs", SOON, || {
        count(&cluster, "state <> 'idle'") == 0
    });
    let all = backends(&cluster);
    assert!(
        (forgotten + 1..=forgotten + CAP).contains(&all),
        "{all} backends, {forgotten} of them forgotten"
    );
}
