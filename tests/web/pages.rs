//! The pages for people, in a real browser.

mod accessible;
mod browser;
mod hostile;
mod live;
mod scene;
mod states;
mod tables;
