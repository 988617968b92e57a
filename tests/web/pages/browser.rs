//! One browser for all tests of the pages, used in turns: each begins with a fresh one, as far as a page can tell, and
//! ends with a look at its console and at what was asked for.

use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use pg_exporter_lab::{Chromium, Exporter, wait_until};
use serde_json::Value;

use crate::support::SOON;

/// A desktop's window.
pub(super) const DESKTOP: (u32, u32) = (1280, 900);
/// The smallest phone that counts.
pub(super) const PHONE: (u32, u32) = (320, 640);

/// A turn with the browser, on the pages of one exporter.
pub(super) struct Turn {
    browser: MutexGuard<'static, Chromium>,
    origin: String,
    /// Whether a lost connection is part of the test.
    is_cut: bool,
}

impl Turn {
    pub(super) fn with(exporter: &Exporter) -> Self {
        Self::at(exporter.port())
    }

    /// A turn on what a port of this machine serves.
    pub(super) fn at(port: u16) -> Self {
        static BROWSER: OnceLock<Mutex<Chromium>> = OnceLock::new();
        let browser = BROWSER
            .get_or_init(|| Mutex::new(Chromium::start()))
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        browser.go("about:blank");
        browser.allow_scripts(true);
        browser.prefer_dark(false);
        browser.resize(DESKTOP.0, DESKTOP.1);
        browser.console();
        browser.requests();
        Self {
            browser,
            origin: format!("http://127.0.0.1:{port}"),
            is_cut: false,
        }
    }

    /// Shows a path of the exporter.
    pub(super) fn open(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.origin));
    }

    /// What a script says that must be text.
    pub(super) fn text(&self, script: &str) -> String {
        let value = self.browser.run(script);
        value
            .as_str()
            .unwrap_or_else(|| panic!("{value} of {script}"))
            .to_owned()
    }

    /// Whether a condition holds in the page.
    pub(super) fn holds(&self, condition: &str) -> bool {
        self.browser.run(&format!("return Boolean({condition})")) == Value::Bool(true)
    }

    /// Waits until a condition holds in the page.
    #[track_caller]
    pub(super) fn wait(&self, condition: &str) {
        wait_until(condition, SOON, || {
            std::thread::sleep(Duration::from_millis(50));
            self.holds(condition)
        });
    }

    /// Texts of all elements that a selector finds.
    pub(super) fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            format!("return [...document.querySelectorAll('{selector}')].map(one => one.textContent.trim())");
        let found = self.browser.run(&script);
        let found = found.as_array().unwrap().iter();
        found.map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Takes a picture if the variable `PAGES_PICTURES` names a folder for it.
    pub(super) fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("PAGES_PICTURES") {
            self.browser
                .screenshot(&Path::new(&folder).join(format!("{name}.png")));
        }
    }

    /// From here on the exporter may be gone.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Ends the turn: the console must be empty, and nothing of elsewhere may have been asked for.
    #[track_caller]
    pub(super) fn end(self) {
        let requests = self.browser.requests();
        assert!(!requests.is_empty(), "the browser tells what it asks for");
        let is_ours = |url: &String| {
            url.strip_prefix(&self.origin)
                .is_some_and(|rest| rest.starts_with('/'))
                || url.starts_with("data:")
                || url == "about:blank"
        };
        let foreign: Vec<_> = requests.iter().filter(|url| !is_ours(url)).collect();
        assert!(foreign.is_empty(), "asked for {foreign:?}");
        let console = self.browser.console();
        assert!(console.is_empty() || self.is_cut, "on the console: {console:#?}");
    }
}

impl Deref for Turn {
    type Target = Chromium;

    fn deref(&self) -> &Chromium {
        &self.browser
    }
}
