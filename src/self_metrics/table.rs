//! The table: every metric that the exporter has of its own, in the order of the page.

use super::metric::{Kind, Metric, Prefix};

macro_rules! metrics {
    ($($constant:ident: $prefix:ident $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                prefix: Prefix::$prefix,
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// Every metric that the exporter has of its own, in the order of the page.
        pub const TABLE: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    UP: Target "up", Gauge, [],
        "Whether the target answers: 1 when its facts could be read, the connection held, and no fatal collector failed but one that is denied.";
    VERSION: Target "version", Gauge, [],
        "Version number of the target as server_version_num, 0 before it is known.";
    IN_RECOVERY: Target "in_recovery", Gauge, [],
        "Whether the target was in recovery when it last answered.";
    FLAVOUR: Target "flavour_info", Info, ["flavour", "name"],
        "Always 1: whose server the target is, such as rds or aurora; postgres where nothing tells. Not on pgbouncer, and not before it is known.";
    BUILD_INFO: Exporter "build_info", Info, ["version", "revision", "branch", "builddate", "rustc", "goos", "goarch", "distribution"],
        "Always 1: what this exporter was built from, in its labels.";
    EXPORTER_UP: Exporter "up", Gauge, [],
        "Always 1: the exporter serves this page.";
    UPTIME: Exporter "uptime", Gauge, [],
        "Seconds since the exporter started.";
    LAST_SCRAPE_TIME: Exporter "last_scrape_time", Gauge, [],
        "Unix time of the end of the current scrape, whole seconds.";
    SCRAPE_DURATION: Exporter "scrape_duration", Gauge, [],
        "Seconds that the current scrape took over all databases.";
    SCRAPE_COUNT: Exporter "scrape_total_count", Counter, [],
        "Scrapes so far, the current one included.";
    SCRAPE_ERRORS: Exporter "scrape_error_count", Counter, [],
        "Scrapes that ended with the target down.";
    CONNECTIONS_OPEN: Exporter "connections_open", Gauge, [],
        "Connections of scrapes to the target that are open, without the health probe's.";
    OLDEST_RESULT_AGE: Exporter "oldest_result_age_seconds", Gauge, [],
        "Seconds since the database that has waited longest was last scraped: above the scrape interval not every scrape reaches every database.";
    DUPLICATE_SERIES: Exporter "duplicate_series", Gauge, [],
        "Series left out of this page because others have the same labels: another row, database or collector, or the exporter itself.";
    SERVER_SCRAPE_DURATION: Exporter "server_scrape_duration", Gauge, ["datname"],
        "Seconds of the database's last scrape.";
    SERVER_SCRAPE_SECONDS: Exporter "server_scrape_total_seconds", Gauge, ["datname"],
        "Seconds of all scrapes of the database.";
    SERVER_SCRAPES: Exporter "server_scrape_total_count", Gauge, ["datname"],
        "Scrapes of the database.";
    SERVER_SCRAPE_ERRORS: Exporter "server_scrape_error_count", Gauge, ["datname"],
        "Failed scrapes of the database.";
    CONNECTION_TLS: Exporter "connection_tls", Gauge, ["datname"],
        "Whether the connection to the database is encrypted by TLS.";
    COLLECTORS: Exporter "collectors", Gauge, ["datname", "state"],
        "Installed collectors of the database by state of their last execution.";
    QUERY_CACHE_TTL: Exporter "query_cache_ttl", Gauge, ["datname", "query"],
        "Seconds left until the collector's result is asked for anew.";
    QUERY_CACHE_AGE: Exporter "query_cache_age_seconds", Gauge, ["datname", "query"],
        "Seconds since the execution whose result is served.";
    QUERY_SCRAPES: Exporter "query_scrape_total_count", Gauge, ["datname", "query"],
        "Times the collector was asked for, cache hits included.";
    QUERY_HITS: Exporter "query_scrape_hit_count", Gauge, ["datname", "query"],
        "Times the collector's cached result was served.";
    QUERY_ERRORS: Exporter "query_scrape_error_count", Gauge, ["datname", "query"],
        "Failed executions of the collector.";
    QUERY_PREDICATE_SKIPS: Exporter "query_scrape_predicate_skip_count", Gauge, ["datname", "query"],
        "Times the collector's result was empty because a predicate did not hold.";
    QUERY_SERIES: Exporter "query_scrape_metric_count", Gauge, ["datname", "query"],
        "Series in the collector's current result.";
    QUERY_DURATION: Exporter "query_scrape_duration", Gauge, ["datname", "query"],
        "Seconds that the collector's statement takes on the server, up to the end of its answer: by the server's clock to 0.1 ms, as it was around the last execution that was timed (about one in five minutes), or in whole milliseconds how long the exporter waited, where no clock was asked or the wait was over 1 s longer.";
    QUERY_FAILURES: Exporter "query_failures_total", Counter, ["datname", "query", "reason"],
        "Failed executions of the collector by reason.";
    QUERY_DROPPED_SERIES: Exporter "query_dropped_series_total", Counter, ["datname", "query", "reason"],
        "Series of the collector that were dropped, as duplicates or above its limit.";
    QUERY_MISSING_COLUMNS: Exporter "query_missing_columns", Gauge, ["datname", "query"],
        "Columns of the collector's definition that its last result lacked, so that their metrics are left out; only where there are any.";
    QUERY_DENIED_FUNCTIONS: Exporter "query_denied_functions", Gauge, ["datname", "query"],
        "Functions that the collector does without, since the role may not execute them or the server does not support them, so that what they tell is left out; only where there are any.";
    RELOAD_SUCCESSFUL: Exporter "config_last_reload_successful", Gauge, [],
        "Whether the last load of the configuration succeeded.";
    RELOAD_TIME: Exporter "config_last_reload_success_timestamp_seconds", Gauge, [],
        "Unix time of the last successful load of the configuration.";
    CONFIG_INFO: Exporter "config_info", Info, ["hash"],
        "Always 1: the configuration in force by the hash of its effective definitions.";
    CONFIG_COLLECTORS: Exporter "config_collectors", Gauge, [],
        "Branches in the configuration in force, installed or not.";
    HEALTH_STATE: Exporter "health_state", Gauge, ["state"],
        "1 for the state that the health probe reports, 0 for the others.";
    HEALTH_PROBE_DURATION: Exporter "health_probe_duration_seconds", Gauge, [],
        "Seconds that the last health probe took.";
    HTTP_REQUESTS: Exporter "http_requests_total", Counter, ["code", "page"],
        "Requests answered, by kind of page and status.";
    HTTP_CONNECTIONS: Exporter "http_connections", Gauge, [],
        "Client connections open.";
    HTTP_CONNECTIONS_REJECTED: Exporter "http_connections_rejected_total", Counter, [],
        "Client connections closed because too many were open.";
    LOG_LINES_DROPPED: Exporter "log_lines_dropped_total", Counter, [],
        "Lines of the log dropped because nobody read them.";
    WEB_CONFIG_SUCCESSFUL: Exporter "web_config_last_reload_successful", Gauge, [],
        "Whether the web configuration file is in force as it was read last.";
    WEB_CONFIG_TIME: Exporter "web_config_last_reload_success_timestamp_seconds", Gauge, [],
        "When the web configuration in force was read, in seconds since 1970.";
    CERTIFICATE_END: Exporter "web_certificate_not_after_timestamp_seconds", Gauge, [],
        "When the web server's certificate ends, in seconds since 1970.";
    HANDSHAKE_FAILURES: Exporter "http_tls_handshake_failures_total", Counter, [],
        "Client connections that ended before their TLS handshake did.";
    TARGETS: Exporter "targets", Gauge, [],
        "Targets of this process; on the exporter's own page, where it has many.";
    TARGETS_RELOAD_SUCCESSFUL: Exporter "targets_last_reload_successful", Gauge, [],
        "Whether the targets are in force as their files say now.";
    TARGETS_RELOAD_TIME: Exporter "targets_last_reload_success_timestamp_seconds", Gauge, [],
        "Unix time at which the targets in force were read.";
    TARGET_UP: Exporter "target_up", Gauge, ["target"],
        "Whether the target answers its health probe.";
    TARGET_SERIES: Exporter "target_series", Gauge, ["target"],
        "Series that the target's collectors served after its last scrape.";
    TARGET_CONNECTIONS: Exporter "target_connections", Gauge, ["target"],
        "Connections of scrapes to the target that are open, without the health probe's.";
    TARGET_SCRAPE_ERRORS: Exporter "target_scrape_errors_total", Counter, ["target"],
        "Scrapes of the target that ended with it down.";
    TARGET_SCRAPE_DURATION: Exporter "target_scrape_duration_seconds", Gauge, ["target"],
        "Seconds that the target's last scrape took.";
    TARGET_SCRAPE_AGE: Exporter "target_scrape_age_seconds", Gauge, ["target"],
        "Seconds since the target's last scrape ended.";
    TARGET_HEALTH_STATE: Exporter "target_health_state", Gauge, ["target", "state"],
        "1 for the state that the target's health probe reports, 0 for the others.";
    PROCESS_CPU: Process "cpu_seconds_total", Counter, [],
        "Processor time used, user and system.";
    PROCESS_RESIDENT: Process "resident_memory_bytes", Gauge, [],
        "Resident memory.";
    PROCESS_VIRTUAL: Process "virtual_memory_bytes", Gauge, [],
        "Virtual memory.";
    PROCESS_OPEN_FDS: Process "open_fds", Gauge, [],
        "Open file descriptors.";
    PROCESS_MAX_FDS: Process "max_fds", Gauge, [],
        "Most file descriptors that may be open.";
    PROCESS_START: Process "start_time_seconds", Gauge, [],
        "Unix time of the start.";
    PROCESS_THREADS: Process "threads", Gauge, [],
        "Threads.";
    PROCESS_VIRTUAL_MAX: Process "virtual_memory_max_bytes", Gauge, [],
        "Most virtual memory that may be used; +Inf without a limit.";
    PROCESS_RECEIVED: Process "network_receive_bytes_total", Counter, [],
        "Bytes that the network namespace of the process received by IP.";
    PROCESS_SENT: Process "network_transmit_bytes_total", Counter, [],
        "Bytes that the network namespace of the process sent by IP.";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::{BTreeSet, HashMap};

    use prometheus::core::Desc;

    use super::*;

    /// A second opinion, of the `prometheus` crate.
    #[test]
    fn prometheus_takes_every_name_and_label() {
        let mut names = BTreeSet::new();
        for metric in TABLE {
            let name = metric.full_name("pg");
            let labels = metric.labels.iter().map(ToString::to_string).collect();
            Desc::new(name.clone(), metric.help.to_owned(), labels, HashMap::new()).unwrap();
            assert!(
                !metric.help.contains(['\\', '\n', '"']),
                "{name}: {}",
                metric.help
            );
            assert!(names.insert(name), "{metric:?} is there twice");
        }
    }
}
