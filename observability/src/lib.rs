//! What the folders beside this library hold, for tests and for the generator.
//!
//! ```text
//! rules/*.yml        recording and alerting rules, as Prometheus reads them      -> kubernetes/prometheusrule.yml
//! rules/tests/*.yml  their tests, for promtool
//! dashboards/*.yml   the dashboards' source: rows of panels, short               -> dashboards/*.json
//! ```
//! `UPDATE_GOLDEN=1 cargo test --test observability generated` writes what is on the right.
#![forbid(unsafe_code)]

pub mod dashboards;
pub mod rules;
