//! What a metric of the exporter's own is.

/// One of the exporter's own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// What its name begins with.
    pub prefix: Prefix,
    /// The rest of its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Names of its labels, in the order of the page. Constant labels follow them.
    pub labels: &'static [&'static str],
    /// One sentence for `# HELP`, without characters that would have to be escaped.
    pub help: &'static str,
}

/// What a name begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// The namespace, `pg` by default: about the target.
    Target,
    /// The namespace and `_exporter`: about the exporter.
    Exporter,
    /// Nothing: metrics of the process have the same names everywhere.
    Process,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up.
    Counter,
    /// A gauge that is always 1 and tells something by its labels. Here a constant label of the same name wins, as in
    /// pg_exporter 1.x.
    Info,
}

impl Metric {
    /// Its name on a page.
    #[must_use]
    pub fn full_name(&self, namespace: &str) -> String {
        let name = self.name;
        match self.prefix {
            Prefix::Target => format!("{namespace}_{name}"),
            Prefix::Exporter => format!("{namespace}_exporter_{name}"),
            Prefix::Process => format!("process_{name}"),
        }
    }
}

impl Kind {
    /// Its name in `# TYPE`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gauge | Self::Info => "gauge",
            Self::Counter => "counter",
        }
    }
}
