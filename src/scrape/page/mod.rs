//! The page: samples encoded, a collector's section, formats, compression.

pub(in crate::scrape) mod assemble;
pub(in crate::scrape) mod blocks;
pub(in crate::scrape) mod compress;
pub(in crate::scrape) mod encode;
pub(in crate::scrape) mod format;
pub(in crate::scrape) mod held;
pub(in crate::scrape) mod histogram;
pub(in crate::scrape) mod owners;
pub(in crate::scrape) mod part;
pub(in crate::scrape) mod published;
pub(in crate::scrape) mod rendering;
pub(in crate::scrape) mod samples;
pub(in crate::scrape) mod section;
pub(in crate::scrape) mod series;
pub(in crate::scrape) mod shared;
