include!("../support/root.rs");

#[derive(Row)]
#[collector(query = "SELECT 1")]
struct Orders {
    #[column(usage = "LABEL")]
    state: u32,
    #[column(usage = "GAUGE")]
    open: Option<f64>,
    #[column(usage = "DISCARD")]
    spare: Option<f64>,
}

fn main() {}
