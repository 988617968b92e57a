//! Managed services and forks: what gives them away, what they deny, and what is theirs.

use std::process::Command;

use pg_exporter_lab::{Cluster, majors_among};

use crate::layer::{Layer, patience};
use crate::support::{exporter, failures, label_values, value};

/// A service: the word for it, its name, what it makes on each server of its own, the databases that are its own, and functions
/// that its customers may not call.
struct Service {
    word: &'static str,
    name: &'static str,
    own: &'static str,
    databases: &'static [&'static str],
    denied: &'static [&'static str],
}

const SERVICES: [Service; 8] = [
    Service {
        word: "postgres",
        name: "PostgreSQL",
        own: "",
        databases: &[],
        denied: &[],
    },
    Service {
        word: "rds",
        name: "Amazon RDS",
        own: "create role rds_superuser in role pg_monitor; create role rdsadmin superuser login valid until '2030-01-01'",
        databases: &["rdsadmin"],
        denied: &["pg_ls_logdir()", "pg_read_file(text)"],
    },
    Service {
        word: "aurora",
        name: "Amazon Aurora",
        own: "create role rds_superuser in role pg_monitor; create role rdsadmin superuser login valid until '2030-01-01';
              create function pg_catalog.aurora_version() returns text language sql as $$ select '15.4.1' $$",
        databases: &["rdsadmin"],
        denied: &["pg_ls_waldir()", "pg_ls_logdir()"],
    },
    Service {
        word: "cloudsql",
        name: "Google Cloud SQL",
        own: "create role cloudsqlsuperuser in role pg_monitor; create role cloudsqladmin superuser login valid until '2030-01-01'",
        databases: &["cloudsqladmin"],
        denied: &["pg_ls_logdir()", "pg_control_system()", "pg_read_file(text)"],
    },
    Service {
        word: "alloydb",
        name: "Google AlloyDB",
        own: "create role alloydbsuperuser in role pg_monitor; create role cloudsqlsuperuser",
        databases: &["alloydbadmin", "alloydbmetadata"],
        denied: &["pg_ls_waldir()", "pg_control_system()"],
    },
    Service {
        word: "azure",
        name: "Azure Database for PostgreSQL",
        own: "create role azure_pg_admin in role pg_monitor; create role azuresu superuser login valid until '2030-01-01'",
        databases: &["azure_maintenance", "azure_sys"],
        denied: &["pg_ls_logdir()", "pg_control_checkpoint()"],
    },
    Service {
        word: "supabase",
        name: "Supabase",
        own: "create role supabase_admin superuser login; create schema extensions",
        databases: &["_supabase"],
        denied: &["pg_ls_logdir()", "pg_ls_waldir()"],
    },
    Service {
        word: "neon",
        name: "Neon",
        own: "create role neon_superuser in role pg_monitor; create role cloud_admin superuser login valid until '2030-01-01'",
        databases: &[],
        denied: &["pg_ls_waldir()", "pg_ls_logdir()", "pg_control_system()", "pg_control_checkpoint()"],
    },
];

#[test]
fn services_are_recognised_and_what_is_theirs_is_left_alone() {
    for major in majors_among(&[10, 15, 18]) {
        for service in &SERVICES {
            on_a_server_of(service, major);
        }
    }
}

fn on_a_server_of(service: &Service, major: u32) {
    let Service { word, name, .. } = service;
    let place = format!("{word} on PostgreSQL {major}");
    let cluster = Cluster::builder(major)
        .set("allow_system_table_mods", "on")
        .start();
    cluster.psql(
        "create role watcher login in role pg_monitor; create role tenant login valid until '2030-01-01'",
    );
    cluster.create_database("app");
    for database in service.databases {
        cluster.create_database(database);
    }
    cluster.psql(service.own);
    for function in service.denied {
        cluster.psql(&format!(
            "revoke execute on function pg_catalog.{function} from public, pg_monitor"
        ));
    }
    let flavours = format!(
        "{}here: {{ query: SELECT 1 AS one, tags: [ \"flavour:{word}\", cluster ], metrics: [ one: {{ usage: GAUGE, description: One. }} ] }}
elsewhere: {{ query: SELECT 1 AS one, tags: [ \"not:flavour:{word}\", cluster ], metrics: [ one: {{ usage: GAUGE, description: One. }} ] }}
",
        patience(&["pg_role"])
    );
    let layer = Layer::new(&flavours);
    let url = cluster.url("postgres").replace("postgres@", "watcher@");
    let exporter = exporter(&url)
        .args(["--auto-discovery", "--disable-cache", "--config"])
        .arg(layer.path())
        .start();
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_up", &[]), 1.0, "{place}: {}", exporter.stderr());
    assert_eq!(
        value(&page, "pg_flavour_info", &[("flavour", word), ("name", name)]),
        1.0,
        "{place}"
    );
    assert_eq!(page.all("pg_flavour_info").count(), 1, "{place}");
    assert_eq!(page.value("here_one", &[]), Some(1.0), "{place}");
    assert_eq!(page.value("elsewhere_one", &[]), None, "{place}");
    assert_eq!(
        label_values(&page, "pg_exporter_server_scrape_total_count", "datname"),
        ["app", "postgres"],
        "{place}"
    );
    assert_eq!(
        label_values(&page, "pg_role_password_expiry_timestamp_seconds", "rolname"),
        ["tenant"],
        "{place}"
    );
    assert_eq!(
        expected_failures(service),
        failures(&page),
        "{place}: {}",
        exporter.stderr()
    );
    let home = exporter.get("/").text();
    assert_eq!(
        home.contains(&format!("{name}, PostgreSQL")),
        *word != "postgres",
        "{place}"
    );
    let doctor = Command::new(env!("CARGO_BIN_EXE_pg_exporter"))
        .env_clear()
        .env("PG_EXPORTER_URL", format!("{url}?sslmode=disable"))
        .args(["doctor", "--format=json"])
        .output()
        .unwrap();
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        said.contains(&format!("\"flavour\": \"{name}\"")),
        "{place}: {said}"
    );
}

/// What cannot do without what is denied.
fn expected_failures(service: &Service) -> Vec<String> {
    let lost = [("pg_control_checkpoint()", "postgres pg_checkpoint permission")];
    let lost = lost
        .iter()
        .filter(|(function, _)| service.denied.contains(function));
    lost.map(|(_, failure)| (*failure).to_owned()).collect()
}
