include!("../support/root.rs");

mod missing {
    pg_exporter::collectors!("no/such/directory");
}
mod absolute {
    pg_exporter::collectors!("/etc");
}
mod empty {
    pg_exporter::collectors!("definitions");
}
mod nothing {
    pg_exporter::collectors!();
}
mod number {
    pg_exporter::collectors!(1);
}

fn main() {
    let _ = (missing::COLLECTORS, absolute::COLLECTORS, empty::COLLECTORS);
}
