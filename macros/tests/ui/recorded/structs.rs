include!("../../support/root.rs");

/// Nothing is recorded of it.
#[derive(Row)]
#[collector(query = "SELECT 1 AS a")]
pub struct Unknown {
    /// A.
    #[column(usage = "GAUGE")]
    pub a: Option<f64>,
}

/// Its text is another by now.
#[derive(Row)]
#[collector(query = "SELECT 2 AS a")]
pub struct Changed {
    /// A.
    #[column(usage = "GAUGE")]
    pub a: Option<f64>,
}

/// Columns that are missing, of no number, and not listed; a version that nobody asked.
#[derive(Row)]
#[collector(query = "SELECT state, now() - now() AS age, 1 AS spare FROM orders", min_version = 150000)]
pub struct Columns<'a> {
    /// State.
    #[column(usage = "LABEL")]
    pub state: &'a str,
    /// Kind.
    #[column(usage = "LABEL")]
    pub kind: &'a str,
    /// Age.
    #[column(usage = "GAUGE")]
    pub age: Option<f64>,
    /// Open.
    #[column(usage = "GAUGE")]
    pub open: Option<f64>,
}

/// A query and a predicate that the server refuses.
#[derive(Row)]
#[collector(query = "SELECT gone AS a")]
#[collector(predicate(name = "there", predicate_query = "SELECT missing()"))]
pub struct Refused {
    /// A.
    #[column(usage = "GAUGE")]
    pub a: Option<f64>,
}

fn main() {}
