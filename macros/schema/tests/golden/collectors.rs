// Generated from collector definitions. Do not edit: edit the definitions and build.

/// Orders by state, for \[people\] \& \<machines\>.
///
/// Branch `shop_orders_13` of collector `shop_orders`, defined at `golden/shop.yml:2`. For versions from 90600 to below 140000, tagged `cluster`, `primary`, `extension:citus`, `schema:shop`, `dbname:shop`, `username:mon`, `not:slow`, `special`. Proven on 9.6\-13. Kept for 10 s. May take 1.5 s.
///
/// ```sql
/// SELECT state, "type", count(*) AS open, sum(ms) AS spent, max(age) AS age, 'it''s "quoted" \ $1;' AS spare
/// FROM orders, pg_catalog.pg_ls_waldir() AS wal, pg_catalog.pg_conf_load_time() AS loaded -- see http://example.com
/// GROUP BY 1, 2
/// ```
#[derive(Clone, Debug, PartialEq, ::pg_exporter::Row)]
#[collector(
    branch = "shop_orders_13",
    name = "shop_orders",
    desc = "Orders by state, for [people] & <machines>",
    query = "SELECT state, \"type\", count(*) AS open, sum(ms) AS spent, max(age) AS age, 'it''s \"quoted\" \\ $1;' AS spare\nFROM orders, pg_catalog.pg_ls_waldir() AS wal, pg_catalog.pg_conf_load_time() AS loaded -- see http://example.com\nGROUP BY 1, 2",
    optional = ["pg_ls_waldir" , "pg_conf_load_time"],
    predicate (name = "has_orders" , predicate_query = "SELECT to_regclass('orders') IS NOT NULL" , ttl = 60.0),
    predicate (name = "" , predicate_query = "SELECT true" , ttl = 0.0),
    tags = ["cluster" , "primary" , "extension:citus" , "schema:shop" , "dbname:shop" , "username:mon" , "not:slow" , "special"],
    ttl = 10.0,
    search_path = ["shop" , "My \"Schema\""],
    settings = ["work_mem=64MB" , "plan.note=it's"],
    timeout = 1.5,
    min_version = 90600,
    max_version = 140000,
    priority = - 5,
    max_series = 500,
    max_stale = 0.25,
    partial = true,
    discard (at = 1 , column = "spare" , description = "Column spare of collector shop_orders."),
    origin (file = "golden/shop.yml" , line = 2 , query_line = 7 , proven = [90600 , 100000 , 110000 , 120000 , 130000]),
)]
pub struct ShopOrders13<'a> {
    /// Label `state`: State of the order, see \[docs\]. SQL type: text.
    #[column(usage = "LABEL", description = "State\nof the order, see [docs]")]
    pub state: &'a str,
    /// Label `kind`: Column type of collector shop\_orders. SQL type: text.
    #[column(usage = "LABEL", rename = "kind", description = "Column type of collector shop_orders.")]
    pub r#type: &'a str,
    /// Gauge `shop_orders_open`: Orders \\ "open". SQL type: int8.
    #[column(usage = "GAUGE", description = "Orders \\ \"open\"")]
    pub open: ::core::option::Option<i64>,
    /// Counter `shop_orders_seconds_total`: Time spent. Scaled by 0.001. NULL counts as -1. SQL type: float8.
    #[column(usage = "COUNTER", rename = "seconds_total", description = "Time spent", scale = 0.001, default = - 1.0)]
    pub spent: f64,
    /// Histogram `shop_orders_age`: Column age of collector shop\_orders. Scaled by -2.5. Buckets up to 0.5, 1, 1e+06. SQL type: float8.
    #[column(usage = "HISTOGRAM", description = "Column age of collector shop_orders.", scale = - 2.5, bucket = [0.5 , 1.0 , 1000000.0])]
    pub age: ::core::option::Option<f64>,
}

/// Collector shop\_orders.
///
/// Branch `shop_orders_14` of collector `shop_orders`, defined at `golden/shop.yml:34`. For versions from 140000, tagged `cluster`, `primary`. Proven on 14\-18. Not run unless asked for.
///
/// ```sql
/// SELECT state, kind, open FROM orders
/// ```
#[derive(Clone, Debug, PartialEq, ::pg_exporter::Row)]
#[collector(
    branch = "shop_orders_14",
    name = "shop_orders",
    desc = "",
    query = "SELECT state, kind, open FROM orders",
    tags = ["cluster" , "primary"],
    timeout = - 1,
    min_version = 140000,
    fatal = true,
    skip = true,
    priority = 100,
    origin (file = "golden/shop.yml" , line = 34 , query_line = 36 , proven = [140000 , 150000 , 160000 , 170000 , 180000]),
)]
pub struct ShopOrders14<'a> {
    /// Label `state`: State of the order, see \[docs\]. SQL type: text.
    #[column(usage = "LABEL", description = "State\nof the order, see [docs]")]
    pub state: &'a str,
    /// Label `kind`: Column kind of collector shop\_orders. SQL type: text.
    #[column(usage = "LABEL", description = "Column kind of collector shop_orders.")]
    pub kind: &'a str,
    /// Gauge `shop_orders_open`: Orders \\ "open". SQL type: int8 on 14\-17; numeric on 18.
    #[column(usage = "GAUGE", description = "Orders \\ \"open\"")]
    pub open: ::core::option::Option<f64>,
}

/// Collector pool.
///
/// Branch `pool` of collector `pool`, defined at `golden/shop.yml:46`. For all versions, tagged `pgbouncer`. Proven on 1.25. May take 0.1 s.
///
/// ```sql
/// SHOW POOLS
/// ```
#[derive(Clone, Debug, PartialEq, ::pg_exporter::Row)]
#[collector(
    branch = "pool",
    name = "pool",
    desc = "",
    query = "SHOW POOLS",
    tags = ["pgbouncer"],
    priority = 100,
    origin (file = "golden/shop.yml" , line = 46 , query_line = 47 , proven = [12500]),
)]
pub struct Pool {
    /// Gauge `pool_cl_active`: Clients. SQL type: unknown.
    #[column(usage = "GAUGE", description = "Clients")]
    pub cl_active: ::core::option::Option<f64>,
    /// Gauge `shop_waiting_clients`: Clients that wait. SQL type: unknown.
    #[column(usage = "GAUGE", metric = "shop_waiting_clients", description = "Clients that wait")]
    pub cl_waiting: ::core::option::Option<f64>,
}

/// Every collector of this set.
pub static COLLECTORS: &[::pg_exporter::schema::Collector] = &[
    <ShopOrders13<'static> as ::pg_exporter::Row>::COLLECTOR,
    <ShopOrders14<'static> as ::pg_exporter::Row>::COLLECTOR,
    <Pool as ::pg_exporter::Row>::COLLECTOR,
];
