//! The health paths as clients know them. They are not taken from the program: a test must fail when it changes one.

/// Every health path with its status for a primary, for a replica, and for what is neither.
pub const HEALTH_PATHS: [(&str, [u16; 3]); 15] = [
    ("/up", [200, 200, 503]),
    ("/health", [200, 200, 503]),
    ("/readiness", [200, 200, 503]),
    ("/liveness", [200, 200, 200]),
    ("/primary", [200, 404, 503]),
    ("/leader", [200, 404, 503]),
    ("/master", [200, 404, 503]),
    ("/read-write", [200, 404, 503]),
    ("/rw", [200, 404, 503]),
    ("/replica", [404, 200, 503]),
    ("/standby", [404, 200, 503]),
    ("/slave", [404, 200, 503]),
    ("/read-only", [404, 200, 503]),
    ("/ro", [404, 200, 503]),
    ("/read", [200, 200, 503]),
];
