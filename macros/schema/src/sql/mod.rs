//! SQL as far as it must be known without a server: tokens, how many statements there are, which kind each is.

pub(crate) mod around;
pub(crate) mod count;
pub(crate) mod judge;
pub(crate) mod mentions;
pub(crate) mod prelude;
pub(crate) mod scan;
pub(crate) mod without;
