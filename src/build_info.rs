//! What this binary was made from.

use serde::Serialize;

/// Facts about the build, `unknown` where the build script could not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BuildInfo {
    /// Version of the package.
    pub version: &'static str,
    /// Revision of the source.
    pub revision: &'static str,
    /// Branch of the source.
    pub branch: &'static str,
    /// Version of the compiler.
    pub rustc: &'static str,
    /// When it was built, in UTC.
    pub builddate: &'static str,
    /// Target triple.
    pub target: &'static str,
    /// Name of the distribution: which set of collectors is compiled in.
    pub distribution: &'static str,
}

/// This binary's own facts.
pub const BUILD_INFO: BuildInfo = BuildInfo {
    version: env!("CARGO_PKG_VERSION"),
    revision: or_unknown(option_env!("PG_EXPORTER_BUILD_REVISION")),
    branch: or_unknown(option_env!("PG_EXPORTER_BUILD_BRANCH")),
    rustc: or_unknown(option_env!("PG_EXPORTER_BUILD_RUSTC")),
    builddate: or_unknown(option_env!("PG_EXPORTER_BUILD_DATE")),
    target: or_unknown(option_env!("PG_EXPORTER_BUILD_TARGET")),
    distribution: or_unknown(option_env!("PG_EXPORTER_BUILD_DISTRIBUTION")),
};

impl BuildInfo {
    /// One `name: value` per line, as `--version` and `/version` show it.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            version,
            revision,
            branch,
            rustc,
            builddate,
            target,
            distribution,
        } = self;
        format!(
            "version: {version}\nrevision: {revision}\nbranch: {branch}\nrustc: {rustc}\n\
             builddate: {builddate}\ntarget: {target}\ndistribution: {distribution}\n"
        )
    }
}

const fn or_unknown(value: Option<&'static str>) -> &'static str {
    match value {
        Some(value) => value,
        None => "unknown",
    }
}
