//! Prometheus, HAProxy, nginx, curl and a kubelet-like probe against the exporter.
