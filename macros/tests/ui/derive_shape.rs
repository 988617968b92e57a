include!("../support/root.rs");

#[derive(Row)]
#[collector(query = "SELECT 1")]
struct Tuple(Option<f64>);

#[derive(Row)]
#[collector(query = "SELECT 1")]
enum Choice {}

#[derive(Row)]
#[collector(query = "SELECT 1")]
struct Generic<T> {
    #[column(usage = "GAUGE")]
    value: T,
}

#[derive(Row)]
struct NoQuery {
    #[column(usage = "GAUGE")]
    value: Option<f64>,
}

fn main() {}
