//! Backends that stay behind when their connections are cut off.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, majors_among, wait_until};

use super::{CAP, highest, monitor, scrapes};
use crate::support::{Layer, SOON, State, wait_for_state};

/// What functions send before they say nothing more, while their client has gone and they swallow what is to cancel them. Each sends
/// so much that its connection is cut off, and no more than fits between there and here.
const STAY_BEHIND: [&str; 3] = [
    // All at once.
    "perform public.send(1672); perform public.rest(interval '1 hour');",
    // A part of it, and a word after a while.
    "perform public.send(450); perform public.rest(interval '11 s'); perform public.send(1); perform public.rest(interval '1 hour');",
    // The same in pieces.
    "for i in 1..44 loop perform public.send(38); perform public.rest(interval '50 ms'); end loop; perform public.rest(interval '1 hour');",
];

/// A database of such a function, which is called by a collector of its own.
fn stays_behind(cluster: &Cluster, name: &str, body: &str) -> String {
    cluster.create_database(name);
    let swallows = "exception when query_canceled or others then null; end; end loop; end $$";
    cluster.psql_in(
        name,
        &format!(
            "create function public.rest(wanted interval) returns void language plpgsql as $$
               declare until timestamptz := clock_timestamp() + wanted; begin
                 while clock_timestamp() < until loop begin perform pg_sleep(0.05); {swallows};
             create function public.send(count int) returns void language plpgsql as $$ declare sent int := 0; begin
               while sent < count loop begin
                 while sent < count loop sent := sent + 1; raise warning '%', repeat('x', 10000); end loop; {swallows};
             create function public.stay() returns int language plpgsql as $$ begin
               perform set_config('client_connection_check_interval', '0', false)
                 where current_setting('server_version_num')::int >= 140000;
               perform public.rest(interval '3 s'); {body} return 1; end $$"
        ),
    );
    format!(
        "{name}: {{ query: 'SELECT public.stay() AS value', tags: ['dbname:{name}'], timeout: 0.5, \
         metrics: [ {{ value: {{ usage: GAUGE, description: Never. }} }} ] }}\n"
    )
}

/// A backend that does not notice that its connection was cut off keeps its place, and is ended over another.
#[test]
fn backends_that_stay_behind_a_flood() {
    let on = |major: u32| {
        let cluster = Cluster::start(major);
        let bodies = (0..).zip(STAY_BEHIND);
        let collectors =
            bodies.map(|(number, body)| stays_behind(&cluster, &format!("noisy_{number}"), body));
        let layer = Layer::new(&collectors.collect::<String>());
        let exporter = monitor(&cluster, &[layer.flag(), "--no-builtin".to_owned()]);
        wait_for_state(&exporter, State::Primary, SOON);
        let (most, ()) = highest(&cluster, || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(60) {
                scrapes(&exporter, 1);
                sleep(Duration::from_millis(200));
            }
        });
        assert!((2..=CAP).contains(&most), "{major}: {most} of {CAP}");
        let ended = "terminating connection due to administrator command";
        wait_until("one has stayed behind, and was ended", SOON * 2, || {
            cluster.log().contains(ended)
        });
        wait_for_state(&exporter, State::Primary, SOON);
    };
    scope(|scope| {
        for major in majors_among(&[10, 13, 18]) {
            scope.spawn(move || on(major));
        }
    });
}
