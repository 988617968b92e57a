//! How the program is installed: packages, image, chart, Kustomize, Compose, workflows. What can be said without installing:
//! `scripts/test-packages` installs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod chart;
mod examples;
mod manifests;
mod operator;
mod packages;
mod scripts;
mod support;
mod workflows;
