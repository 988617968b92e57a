include!("../../support/root.rs");

mod cast_missing {
    pg_exporter::collectors!("definitions/recorded/cast-missing");
}

mod column_missing {
    pg_exporter::collectors!("definitions/recorded/column-missing");
}

mod column_missing_before_17 {
    pg_exporter::collectors!("definitions/recorded/column-missing-before-17");
}

mod column_missing_on_standby {
    pg_exporter::collectors!("definitions/recorded/column-missing-on-standby");
}

mod column_misspelled {
    pg_exporter::collectors!("definitions/recorded/column-misspelled");
}

mod column_no_number {
    pg_exporter::collectors!("definitions/recorded/column-no-number");
}

mod column_no_number_from_18 {
    pg_exporter::collectors!("definitions/recorded/column-no-number-from-18");
}

mod column_not_listed {
    pg_exporter::collectors!("definitions/recorded/column-not-listed");
}

mod column_of_foreign_type {
    pg_exporter::collectors!("definitions/recorded/column-of-foreign-type");
}

mod column_of_statement_missing {
    pg_exporter::collectors!("definitions/recorded/column-of-statement-missing");
}

mod column_twice {
    pg_exporter::collectors!("definitions/recorded/column-twice");
}

mod column_without_name {
    pg_exporter::collectors!("definitions/recorded/column-without-name");
}

mod counter_of_a_boolean {
    pg_exporter::collectors!("definitions/recorded/counter-of-a-boolean");
}

mod extension_unproven {
    pg_exporter::collectors!("definitions/recorded/extension-unproven");
}

mod function_missing {
    pg_exporter::collectors!("definitions/recorded/function-missing");
}

mod group_by_missing {
    pg_exporter::collectors!("definitions/recorded/group-by-missing");
}

mod histogram_missing {
    pg_exporter::collectors!("definitions/recorded/histogram-missing");
}

mod label_missing {
    pg_exporter::collectors!("definitions/recorded/label-missing");
}

mod lock_damaged {
    pg_exporter::collectors!("definitions/recorded/lock-damaged");
}

mod lock_of_another_format {
    pg_exporter::collectors!("definitions/recorded/lock-of-another-format");
}

mod lock_with_both_sides_of_a_merge {
    pg_exporter::collectors!("definitions/recorded/lock-with-both-sides-of-a-merge");
}

mod lock_with_leftovers {
    pg_exporter::collectors!("definitions/recorded/lock-with-leftovers");
}

mod never_recorded {
    pg_exporter::collectors!("definitions/recorded/never-recorded");
}


mod pgbouncer_column_missing {
    pg_exporter::collectors!("definitions/recorded/pgbouncer-column-missing");
}

mod pgbouncer_unproven {
    pg_exporter::collectors!("definitions/recorded/pgbouncer-unproven");
}

mod predicate_changed {
    pg_exporter::collectors!("definitions/recorded/predicate-changed");
}

mod predicate_never_recorded {
    pg_exporter::collectors!("definitions/recorded/predicate-never-recorded");
}

mod predicate_no_boolean {
    pg_exporter::collectors!("definitions/recorded/predicate-no-boolean");
}

mod predicate_refused {
    pg_exporter::collectors!("definitions/recorded/predicate-refused");
}

mod predicate_two_columns {
    pg_exporter::collectors!("definitions/recorded/predicate-two-columns");
}

mod relation_missing {
    pg_exporter::collectors!("definitions/recorded/relation-missing");
}

mod relation_missing_before_17 {
    pg_exporter::collectors!("definitions/recorded/relation-missing-before-17");
}

mod scale_of_a_time {
    pg_exporter::collectors!("definitions/recorded/scale-of-a-time");
}

mod schema_missing {
    pg_exporter::collectors!("definitions/recorded/schema-missing");
}

mod standby_unproven {
    pg_exporter::collectors!("definitions/recorded/standby-unproven");
}

mod syntax {
    pg_exporter::collectors!("definitions/recorded/syntax");
}

mod text_changed {
    pg_exporter::collectors!("definitions/recorded/text-changed");
}

mod types_differ {
    pg_exporter::collectors!("definitions/recorded/types-differ");
}

mod version_left_out {
    pg_exporter::collectors!("definitions/recorded/version-left-out");
}

mod versions_below_unproven {
    pg_exporter::collectors!("definitions/recorded/versions-below-unproven");
}

mod versions_between_unproven {
    pg_exporter::collectors!("definitions/recorded/versions-between-unproven");
}

mod versions_later_unproven {
    pg_exporter::collectors!("definitions/recorded/versions-later-unproven");
}

fn main() {}
