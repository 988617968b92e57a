//! Kustomize and Compose.

use serde_json::json;

use crate::support::{documents, of_kind, path, stdout, tool, validate};

#[test]
fn kustomize_makes_what_kubernetes_takes() {
    for overlay in ["base", "example"] {
        let folder = path("packaging/kustomize").join(overlay);
        let manifests = stdout(tool("kubectl").arg("kustomize").arg(folder));
        assert!(validate(&manifests).is_empty());
    }
}

#[test]
fn the_sidecar_goes_into_the_pods_of_the_server_and_leaves_their_own_container() {
    let folder = path("packaging/kustomize/example");
    let objects = documents(&stdout(tool("kubectl").arg("kustomize").arg(folder)));
    let pod = &of_kind(&objects, "StatefulSet")[0]["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().unwrap();
    let mut names: Vec<_> = containers
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["pg-exporter", "postgres"]);
    let sidecar = containers
        .iter()
        .find(|one| one["name"] == "pg-exporter")
        .unwrap();
    assert_eq!(sidecar["livenessProbe"]["httpGet"]["path"], "/liveness");
    assert_eq!(
        sidecar["securityContext"]["capabilities"],
        json!({ "drop": ["ALL"] })
    );
    // The generated Secret has a name by its content: the reference must have followed.
    let secret = sidecar["env"][1]["valueFrom"]["secretKeyRef"]["name"]
        .as_str()
        .unwrap();
    assert!(
        of_kind(&objects, "Secret")
            .iter()
            .any(|one| one["metadata"]["name"] == secret)
    );
}

#[test]
fn compose_file_and_prometheus_configuration_are_valid() {
    stdout(
        tool("check-jsonschema")
            .args(["--builtin-schema", "vendor.compose-spec"])
            .arg(path("packaging/compose/compose.yaml")),
    );
    stdout(
        tool("promtool")
            .args(["check", "config", "--syntax-only"])
            .arg(path("packaging/compose/prometheus.yml")),
    );
}
