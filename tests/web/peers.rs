//! Prometheus, HAProxy, nginx, curl and a kubelet-like probe against the exporter.

mod curl;
mod haproxy;
mod kubelet;
mod nginx;
mod prometheus;
