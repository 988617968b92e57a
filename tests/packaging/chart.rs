//! The Helm chart: what it renders is what Kubernetes takes, safe by default, and for values that are wrong it says so.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Folder, PROGRAM, document, files, of_kind, output, path, read, stdout, tool, validate};

/// A copy of the chart with the rules and dashboards in it, as `make packages` makes it.
pub(crate) fn chart() -> Folder {
    let folder = Folder::new();
    stdout(
        Command::new("bash")
            .args(["-euc", ". scripts/packing.bash; stage_chart \"$1\"", "-"])
            .arg(folder.path().join("pg-exporter"))
            .current_dir(path("")),
    );
    folder
}

fn helm(home: &Path) -> Command {
    let mut command = tool("helm");
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(name, home);
    }
    command.current_dir(home);
    command
}

/// What the chart renders of a values file.
pub(crate) fn rendered(chart: &Folder, release: &str, values: &Path) -> String {
    stdout(
        helm(chart.path())
            .args([
                "template",
                release,
                "pg-exporter",
                "--namespace",
                "db",
                "--values",
            ])
            .arg(values),
    )
}

fn values(name: &str) -> std::path::PathBuf {
    path(&format!("packaging/helm/pg-exporter/ci/{name}-values.yaml"))
}

#[test]
fn each_values_file_renders_what_kubernetes_takes() {
    let chart = chart();
    stdout(helm(chart.path()).args(["lint", "--strict", "pg-exporter"]));
    for values in files("packaging/helm/pg-exporter/ci", "-values.yaml") {
        stdout(
            helm(chart.path())
                .args(["lint", "--strict", "pg-exporter", "--values"])
                .arg(&values),
        );
        let manifests = rendered(&chart, "release", &values);
        for other in validate(&manifests) {
            let kind = other["kind"].as_str().unwrap();
            assert!(
                ["ServiceMonitor", "PodMonitor", "PrometheusRule"].contains(&kind),
                "{kind}"
            );
        }
    }
}

/// Pod Security Standards, level "restricted"; nothing asks the database for the exporter's own life.
#[test]
fn pods_are_restricted_and_live_without_their_database() {
    let chart = chart();
    for values in files("packaging/helm/pg-exporter/ci", "-values.yaml") {
        let objects = crate::support::documents(&rendered(&chart, "release", &values));
        let deployments = of_kind(&objects, "Deployment");
        assert!(!deployments.is_empty());
        for deployment in deployments {
            let pod = &deployment["spec"]["template"]["spec"];
            assert_eq!(pod["automountServiceAccountToken"], false);
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            let container = &pod["containers"][0];
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false);
            assert_eq!(security["readOnlyRootFilesystem"], true);
            assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
            for probe in ["livenessProbe", "readinessProbe"] {
                let probe = &container[probe];
                assert!(
                    probe["httpGet"]["path"] == "/liveness" || probe["tcpSocket"]["port"] == "web",
                    "{probe}"
                );
            }
        }
    }
}

#[test]
fn values_that_are_wrong_are_refused_with_their_name() {
    let chart = chart();
    let target = "targets[0].name=a,targets[0].url=postgresql://a/b";
    let wrong = [
        ("target[0].name=a", "target"),
        ("imge.tag=1", "imge"),
        ("image.digest=sha256:1", "digest"),
        ("targets[0].url=postgresql://a/b", "name"),
        ("targets[0].name=a", "targets/0"),
        (
            "targets[0].name=a,targets[0].url=x,targets[0].existingSecret.name=s",
            "targets/0",
        ),
        ("targets[0].name=A_b,targets[0].url=x", "name"),
        (
            "targets[0].name=a-name-of-more-than-22-x,targets[0].url=x",
            "name",
        ),
        (
            "targets[0].name=a,targets[0].url=x,targets[0].sslmode=on",
            "sslmode",
        ),
        ("service.port=70000", "port"),
        ("serviceMonitor.interval=fast", "interval"),
        ("env.path=x", "path"),
        ("collectors.one=x", "one"),
        ("web.tls=perhaps", "tls"),
    ];
    let template =
        |set: &str| output(helm(chart.path()).args(["template", "r", "pg-exporter", "--set", set]));
    let good = template(target);
    assert!(good.success, "{}", good.stderr);
    for (set, named) in wrong {
        let found = template(set);
        assert!(!found.success, "{set} is taken");
        assert!(found.stderr.contains(named), "{set}: {}", found.stderr);
    }
}

/// Kubernetes' names have at most 63 letters, and a Service's begins with one.
#[test]
fn names_fit_whatever_the_release_is_called() {
    let chart = chart();
    let folder = Folder::new();
    let values = folder.write(
        "values.yaml",
        "targets: [{ name: abcdefghijklmnopqrst-1, url: x }]\nserviceMonitor: { enabled: true }\n",
    );
    let long = "a-release-with-a-name-that-is-as-long-as-helm-allows1";
    for release in ["r", "pg-exporter", long] {
        let manifests = rendered(&chart, release, Path::new(&values));
        validate(&manifests);
        for object in crate::support::documents(&manifests) {
            let name = object["metadata"]["name"].as_str().unwrap();
            assert!(name.len() <= 63 && !name.ends_with('-'), "{name}");
        }
    }
}

#[test]
fn a_connection_string_reaches_the_pod_unharmed_and_only_by_a_secret() {
    let chart = chart();
    let folder = Folder::new();
    let url = "postgresql://u:p%20a'\"$(x)`\\: #{{}}@h/d?a=b&c=%";
    let values = json!({ "targets": [{ "name": "t", "url": url, "labels": { "cls": "a b" } }] });
    let file = folder.write("values.yaml", &values.to_string());
    let manifests = rendered(&chart, "r", Path::new(&file));
    let objects = crate::support::documents(&manifests);
    let secret = of_kind(&objects, "Secret")[0];
    assert_eq!(secret["stringData"]["t"], url);
    let pod = &of_kind(&objects, "Deployment")[0]["spec"]["template"]["spec"];
    assert!(!pod.to_string().contains("p%20a"));
    let volume = &pod["volumes"][0]["secret"];
    assert_eq!(volume["secretName"], secret["metadata"]["name"]);
    assert_eq!(volume["items"], json!([{ "key": "t", "path": "url" }]));
    let mount = pod["containers"][0]["volumeMounts"][0]["mountPath"]
        .as_str()
        .unwrap();
    let env = variables(pod);
    assert!(env.contains(&("PG_EXPORTER_URL_FILE".into(), format!("{mount}/url"))));
    assert!(env.contains(&("PG_EXPORTER_LABEL".into(), "cls=a b".into())));
}

fn variables(pod: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let env = pod["containers"][0]["env"].as_array().unwrap();
    env.iter()
        .map(|one| (text(&one["name"]), text(&one["value"])))
        .collect()
}

#[test]
fn settings_of_a_target_go_over_those_of_all() {
    let chart = chart();
    let objects = crate::support::documents(&rendered(&chart, "r", &values("full")));
    let deployments = of_kind(&objects, "Deployment");
    let env = |index: usize| variables(&deployments[index]["spec"]["template"]["spec"]);
    let has = |index: usize, name: &str, value: &str| env(index).contains(&(name.into(), value.into()));
    assert!(has(0, "PG_EXPORTER_MAX_CONNECTIONS", "4") && has(1, "PG_EXPORTER_MAX_CONNECTIONS", "4"));
    assert!(has(1, "PG_EXPORTER_AUTO_DISCOVERY", "false") && !has(0, "PG_EXPORTER_AUTO_DISCOVERY", "false"));
    assert!(has(0, "PG_EXPORTER_LABEL", "cls=orders,env=prod"));
    assert!(has(1, "PG_EXPORTER_LABEL", "team=dba,cls=orders"));
}

/// A flag or variable that the program does not have would end each pod at its start.
#[test]
fn the_program_knows_what_it_is_started_with() {
    let help = stdout(Command::new(PROGRAM).arg("--help"));
    let chart = chart();
    for values in files("packaging/helm/pg-exporter/ci", "-values.yaml") {
        let objects = crate::support::documents(&rendered(&chart, "r", &values));
        for deployment in of_kind(&objects, "Deployment") {
            let pod = &deployment["spec"]["template"]["spec"];
            for (name, _) in variables(pod) {
                assert!(help.contains(&name), "{name}");
            }
            for argument in pod["containers"][0]["args"].as_array().unwrap() {
                let flag = argument.as_str().unwrap().split('=').next().unwrap();
                assert!(help.contains(flag), "{flag}");
            }
        }
        for map in of_kind(&objects, "ConfigMap").into_iter().filter(|map| {
            let name = map["metadata"]["name"].as_str().unwrap();
            name.ends_with("-collectors")
        }) {
            let folder = Folder::new();
            for (file, text) in map["data"].as_object().unwrap() {
                folder.write(file, text.as_str().unwrap());
            }
            stdout(Command::new(PROGRAM).arg("check").arg(folder.path()));
        }
    }
}

/// The project's rules, each file one object, with the expressions as they are in the file.
#[test]
fn rules_and_dashboards_are_those_of_the_project() {
    let chart = chart();
    let objects = crate::support::documents(&rendered(&chart, "r", &values("full")));
    let count = |folder: &str, ending: &str| {
        if path(folder).is_dir() {
            files(folder, ending).len()
        } else {
            0
        }
    };
    let rules = of_kind(&objects, "PrometheusRule");
    assert_eq!(rules.len(), count("observability/rules", ".yml"));
    for rule in rules {
        let folder = Folder::new();
        let file = folder.write("rules.yml", &rule["spec"].to_string());
        stdout(tool("promtool").args(["check", "rules", &file]));
    }
    let dashboards = of_kind(&objects, "ConfigMap")
        .into_iter()
        .filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1");
    let mut number = 0;
    for map in dashboards {
        number += 1;
        for text in map["data"].as_object().unwrap().values() {
            let dashboard: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            assert!(dashboard["panels"].is_array());
        }
    }
    assert_eq!(number, count("observability/dashboards", ".json"));
}

/// Program, chart, image tags and documents are released together.
#[test]
fn everything_has_one_version() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = document("packaging/helm/pg-exporter/Chart.yaml");
    assert_eq!(
        (&chart["version"], &chart["appVersion"]),
        (&json!(version), &json!(version))
    );
    for file in [
        "packaging/kustomize/base/kustomization.yaml",
        "packaging/kustomize/sidecar/kustomization.yaml",
    ] {
        assert_eq!(document(file)["images"][0]["newTag"], version, "{file}");
    }
    let readme = read("packaging/helm/pg-exporter/README.md");
    assert!(
        readme.contains(&format!("pg_exporter:{version}\n"))
            && readme.contains(&format!("--version {version} "))
    );
    assert!(read("packaging/compose/compose.yaml").contains(&format!("pg_exporter:{version}}}")));
    assert!(read("CHANGELOG.md").contains(&format!("\n## [{version}] ")));
}

#[test]
fn a_fleet_is_as_many_pods_as_shards_each_with_its_number() {
    let chart = chart();
    let objects = crate::support::documents(&rendered(&chart, "release", &values("full")));
    let sets = of_kind(&objects, "StatefulSet");
    let [set] = &sets[..] else { panic!("{sets:?}") };
    assert_eq!(set["spec"]["replicas"], 3);
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().unwrap();
    assert!(
        arguments.contains(&json!("--shard=$(ORDINAL)/3")),
        "{arguments:?}"
    );
    assert!(arguments.contains(&json!("--targets=/etc/pg_exporter/targets")));
    let ordinal = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "ORDINAL")
        .unwrap();
    assert_eq!(
        ordinal["valueFrom"]["fieldRef"]["fieldPath"],
        "metadata.labels['apps.kubernetes.io/pod-index']"
    );
    // Where pods of targets run, and as whom, is said for these too.
    let keys = |of: &Value| -> Vec<String> {
        let pod = of["spec"]["template"]["spec"].as_object().unwrap();
        pod.keys().cloned().collect()
    };
    assert_eq!(keys(set), keys(of_kind(&objects, "Deployment")[0]));
    let services = of_kind(&objects, "Service");
    assert!(
        services
            .iter()
            .any(|one| one["metadata"]["name"] == set["spec"]["serviceName"])
    );
    let minimal = crate::support::documents(&rendered(&chart, "release", &values("minimal")));
    assert!(of_kind(&minimal, "StatefulSet").is_empty());
}

/// Pods learn their number from a label that Kubernetes sets from 1.28 on: before, each would take no shard.
#[test]
fn a_fleet_is_refused_where_pods_have_no_number() {
    let chart = chart();
    let template = |version: &str| {
        output(
            helm(chart.path())
                .args([
                    "template",
                    "r",
                    "pg-exporter",
                    "--kube-version",
                    version,
                    "--values",
                ])
                .arg(values("full")),
        )
    };
    let old = template("1.27.9");
    assert!(
        !old.success && old.stderr.contains("1.28") && old.stderr.contains("1.27.9"),
        "{}",
        old.stderr
    );
    assert!(template("1.28.0").success);
}

/// The container that the chart's page shows for pods of one's own is the one of the Kustomize component, and a pod takes it.
#[test]
fn the_sidecar_of_the_page_is_that_of_kustomize() {
    let readme = read("packaging/helm/pg-exporter/README.md");
    let block = readme
        .split_once("```yaml\n")
        .unwrap()
        .1
        .split_once("```")
        .unwrap()
        .0;
    let mut shown = crate::support::documents(block).remove(0)["containers"][0].take();
    validate(
        &json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "one" }, "spec": { "containers": [shown] } }).to_string(),
    );
    let patch = document("packaging/kustomize/sidecar/container.yaml");
    let own = &patch["spec"]["template"]["spec"]["containers"][0];
    shown["image"] = own["image"].clone();
    assert_eq!(&shown, own);
}
