include!("../support/root.rs");

#[derive(Row)]
#[collector(query = "SELECT 1; SELECT 2", ttl = -1, timout = 5, min_version = 15, max_version = "many")]
struct Orders<'a> {
    #[column(usage = "LABL")]
    state: &'a str,
    #[column(usage = "GAUGE", scale = "fast")]
    open: Option<f64>,
    #[column(usage = "HISTOGRAM", bucket = [2, 1])]
    age: Option<f64>,
    closed: Option<f64>,
}

fn main() {
    // The struct is usable all the same, so that there is no second wave of errors.
    let _ = Orders::COLLECTOR;
}
