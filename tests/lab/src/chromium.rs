//! Chromium without a window, driven over WebDriver: what people see of the exporter's pages.
//!
//! WebDriver is JSON over HTTP; what it lacks (dark mode, no scripts, small screens) Chromium's own protocol has, which
//! the driver passes on.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::account::account;
use crate::cache::tool;
use crate::error::{Context, Error, OrFail, Result};
use crate::http;
use crate::port::{Port, lease};
use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// A browser with one page; closed when dropped.
#[derive(Debug)]
pub struct Chromium {
    port: Port,
    session: String,
    // Dropped in this order, as in `Cluster`.
    _sandbox: Sandbox,
    _process: Process,
}

impl Chromium {
    /// Starts it with an empty profile.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::launch().or_fail()
    }

    fn launch() -> Result<Self> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let mut command = account()?.command(tool("chromedriver"));
        command
            .arg(format!("--port={}", port.number))
            .arg("--log-level=OFF");
        command
            .env("HOME", sandbox.path())
            .env("TMPDIR", sandbox.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .current_dir(sandbox.path());
        let process = Process::spawn(&mut command)?;
        wait_until("the browser's driver answers", PATIENCE, || {
            ask(port.number, "GET", "/status", &Value::Null).is_ok()
        });
        let profile = format!("--user-data-dir={}", sandbox.path().join("profile").display());
        let arguments = json!([
            "--headless",
            // The sandbox needs rights that containers do not give; only our own pages are shown.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            profile,
        ]);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": tool("chromium"), "args": arguments },
            // Within the time that an answer of the driver may take.
            "timeouts": { "script": 55_000, "pageLoad": 55_000 },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        }}});
        let started = ask(port.number, "POST", "/session", &wanted)?;
        let session = started.get("sessionId").and_then(Value::as_str);
        let session = session.ok_or_else(|| Error::new(format!("no session in {started}")))?;
        Ok(Self {
            session: session.to_owned(),
            port,
            _sandbox: sandbox,
            _process: process,
        })
    }

    fn command(&self, path: &str, parameters: &Value) -> Result<Value> {
        let path = format!("/session/{}/{path}", self.session);
        ask(self.port.number, "POST", &path, parameters)
    }

    /// Shows a page and waits until it has loaded.
    ///
    /// # Panics
    /// When it does not load.
    #[track_caller]
    pub fn go(&self, url: &str) {
        self.command("url", &json!({ "url": url })).or_fail();
    }

    /// The result of a script, a function's body with `return`. Runs where the page itself may not run any.
    ///
    /// # Panics
    /// When it throws.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
            .or_fail()
    }

    /// The result of a script that calls its last argument with it.
    ///
    /// # Panics
    /// When it throws, or does not come to its end.
    #[track_caller]
    pub fn run_async(&self, script: &str) -> Value {
        self.command("execute/async", &json!({ "script": script, "args": [] }))
            .or_fail()
    }

    /// Clicks on the first element that a selector finds, as a person does: it must be in reach.
    ///
    /// # Panics
    /// When there is none, or it cannot be clicked on.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.find(selector).or_fail();
        self.command(&format!("element/{element}/click"), &json!({}))
            .context(|| format!("clicking on {selector}"))
            .or_fail();
    }

    /// Types into the first element that a selector finds. U+E007 is the Enter key.
    ///
    /// # Panics
    /// When there is none, or it takes no text.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector).or_fail();
        self.command(&format!("element/{element}/value"), &json!({ "text": text }))
            .context(|| format!("typing into {selector}"))
            .or_fail();
    }

    fn find(&self, selector: &str) -> Result<String> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.command("element", &wanted)?;
        let id = found.as_object().and_then(|element| element.values().next());
        let id = id.and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| Error::new(format!("no element in {found}")))
    }

    /// A command of Chromium's own protocol.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn cdp(&self, method: &str, parameters: &Value) -> Value {
        let command = json!({ "cmd": method, "params": parameters });
        self.command("goog/cdp/execute", &command).or_fail()
    }

    /// The size of the screen in CSS pixels.
    ///
    /// # Panics
    /// When the browser is gone.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.cdp("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Whether people prefer a dark page.
    ///
    /// # Panics
    /// When the browser is gone.
    #[track_caller]
    pub fn prefer_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.cdp("Emulation.setEmulatedMedia", &media);
    }

    /// Whether pages may run scripts of theirs, from the next page on.
    ///
    /// # Panics
    /// When the browser is gone.
    #[track_caller]
    pub fn allow_scripts(&self, allowed: bool) {
        self.cdp(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": !allowed }),
        );
    }

    /// A picture of the whole page, as a PNG file.
    ///
    /// # Panics
    /// When it cannot be taken or written.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.cdp("Page.captureScreenshot", &whole);
        let data = taken.get("data").and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(data).context(|| "reading the picture".into());
        fs::write(path, bytes.or_fail())
            .context(|| path.display().to_string())
            .or_fail();
    }

    /// What pages wrote to the console since the last call, warnings and errors of the browser among it.
    ///
    /// # Panics
    /// When the browser is gone.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let lines = self.log("browser").or_fail();
        lines.iter().map(ToString::to_string).collect()
    }

    /// The addresses that pages asked for since the last call.
    ///
    /// # Panics
    /// When the browser is gone.
    #[track_caller]
    pub fn requests(&self) -> Vec<String> {
        let url = |entry: &Value| {
            let event: Value = serde_json::from_str(entry.get("message")?.as_str()?).ok()?;
            let message = event.get("message")?;
            let is_request = message.get("method")? == "Network.requestWillBeSent";
            let url = message.pointer("/params/request/url")?.as_str()?;
            is_request.then(|| url.to_owned())
        };
        self.log("performance").or_fail().iter().filter_map(url).collect()
    }

    fn log(&self, kind: &str) -> Result<Vec<Value>> {
        let entries = self.command("se/log", &json!({ "type": kind }))?;
        Ok(entries.as_array().cloned().unwrap_or_default())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Closes the browser, which else ends with its folder.
        let path = format!("/session/{}", self.session);
        let _ = ask(self.port.number, "DELETE", &path, &Value::Null);
    }
}

/// One command to the driver, and the value that it answers.
fn ask(port: u16, method: &str, path: &str, parameters: &Value) -> Result<Value> {
    let body = if parameters.is_null() {
        String::new()
    } else {
        parameters.to_string()
    };
    let answer = http::send_json(port, method, path, &body);
    let answer = answer.context(|| format!("asking the browser's driver: {method} {path}"))?;
    let text = answer.text();
    let body: Value =
        serde_json::from_str(&text).context(|| format!("reading the driver's answer {text}"))?;
    let value = body.get("value").cloned().unwrap_or_default();
    if answer.status == 200 {
        return Ok(value);
    }
    let message = value.get("message").and_then(Value::as_str).unwrap_or(&text);
    Err(Error::new(format!("the browser refuses {path}: {message}")))
}
