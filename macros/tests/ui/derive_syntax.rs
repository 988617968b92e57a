include!("../support/root.rs");

#[derive(Row)]
#[collector(query = SELECT)]
struct Word {
    #[column(usage = "GAUGE")]
    value: Option<f64>,
}

#[derive(Row)]
#[collector = "SELECT 1"]
struct NoList {
    #[column(usage = "GAUGE")]
    value: Option<f64>,
}

fn main() {}
