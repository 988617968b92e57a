include!("../support/root.rs");

mod site {
    pg_exporter::collectors!("definitions/broken");
}

mod both {
    pg_exporter::collectors!("definitions/good", "definitions/broken");
}

fn main() {
    let _ = site::COLLECTORS;
}
