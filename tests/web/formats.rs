//! Every format of the metrics page, and what clients get for what they accept.
