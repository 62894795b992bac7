//! Chromium as a person uses it: what stands on a page is found by its role and its name, as a screen reader finds it.
//!
//! What enters: Chromium, its driver and axe-core from `tests/setup`. What leaves: clicks and typing, and what the page became.
//! What can go wrong: a page that does not become what a story waits for; the panic then says what stood there instead.
//!
//! It speaks the W3C's `WebDriver`, and `DevTools` through it, over the reqwest that is here anyway: `fantoccini` and `thirtyfour` would
//! be thirty crates more to build for the dozen calls below, and neither knows roles, themes or a page without script.

mod find;
mod hands;
mod keyboard;
mod look;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use look::{Theme, WIDTHS};

use super::{Owned, peer};

/// The longest that a page may take to become what is waited for. Two cores build and test at the same time.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest that a script of a story may take: axe-core reads a page with hundreds of rows while two cores compile.
const SCRIPT: Duration = Duration::from_secs(100);
/// Between two looks at a page that is not yet what it is to be.
const LOOK: Duration = Duration::from_millis(25);
/// Under this name `WebDriver` hands an element out.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser with one window and a profile of its own, gone with the value.
pub struct Browser {
    client: Client,
    port: u16,
    session: String,
    folder: TempDir,
    _driver: Owned,
}

/// Something on the page.
#[derive(Clone)]
pub struct Element(String);

/// What a screen reader calls a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Button,
    Link,
    /// Whatever takes typing, a date or a file included.
    Field,
    /// A box to tick or one of several to choose.
    Choice,
    /// A list to choose one from.
    List,
    /// What folds out.
    Summary,
}

impl Role {
    const fn selector(self) -> &'static str {
        match self {
            Self::Button => "button,input[type=submit],input[type=button],[role=button]",
            Self::Link => "a[href]",
            Self::Field => "input:not([type=hidden]):not([type=radio]):not([type=checkbox]):not([type=submit]),textarea",
            Self::Choice => "input[type=radio],input[type=checkbox]",
            Self::List => "select",
            Self::Summary => "summary",
        }
    }
}

impl Browser {
    /// A browser that asks for Vietnamese, on a wide screen.
    pub async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let mut driver = Owned(
            Command::new(peer("LOA_TEST_CHROMEDRIVER"))
                .arg("--port=0")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let mut said = BufReader::new(driver.0.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            assert!(said.read_line(&mut line).unwrap() > 0, "the driver ended at once");
            if let Some((_, port)) = line.trim().trim_end_matches('.').split_once("successfully on port ") {
                break port.parse().unwrap();
            }
        };
        // Nobody reads on; what it says would stop it one day.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let client = Client::builder().no_proxy().timeout(SCRIPT * 2).build().unwrap();
        let mut browser = Self { client, port, session: String::new(), folder, _driver: driver };
        let profile = format!("--user-data-dir={}", browser.folder.path().join("profile").display());
        let args = [
            "--headless=new",
            // Chromium's own sandbox wants rights that root does not have.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-extensions",
            "--disable-background-networking",
            "--no-first-run",
            "--no-proxy-server",
            "--accept-lang=vi",
            // It ends with its driver, however that ends.
            "--remote-debugging-pipe",
            &profile,
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": peer("LOA_TEST_CHROMIUM"), "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": u64::try_from(SCRIPT.as_millis()).unwrap() },
        } } });
        let session = browser.ask(Method::POST, "/session", wanted).await.unwrap();
        browser.session = session["sessionId"].as_str().unwrap().to_string();
        let downloads = browser.downloads();
        std::fs::create_dir(&downloads).unwrap();
        browser.tools("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": downloads })).await;
        browser.look(1440, Theme::Light).await;
        browser
    }

    // ---- the wire ---------------------------------------------------------------------------------

    /// A `WebDriver` call. The error is `WebDriver`'s own word for it, and what it says.
    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, (String, String)> {
        let mut request = self.client.request(method.clone(), format!("http://127.0.0.1:{}{path}", self.port));
        if method == Method::POST {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let is_right = answer.status().is_success();
        let mut answer: Value = answer.json().await.unwrap();
        let value = answer["value"].take();
        let word = |name: &str| value[name].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_string();
        if is_right { Ok(value) } else { Err((word("error"), word("message"))) }
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, (String, String)> {
        self.ask(Method::POST, &format!("/session/{}{path}", self.session), body).await
    }

    async fn get(&self, path: &str) -> Result<Value, (String, String)> {
        self.ask(Method::GET, &format!("/session/{}{path}", self.session), Value::Null).await
    }

    /// A call of the developer's tools.
    pub async fn tools(&self, command: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": params })).await.unwrap()
    }

    /// Runs a script of the test's own; the page's policy and a switched-off script do not concern it.
    pub async fn evaluate(&self, script: &str, arguments: Value) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": arguments })).await.unwrap()
    }

    // ---- going and reading ------------------------------------------------------------------------

    /// Opens an address, and waits until it is there.
    pub async fn go(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await.unwrap();
    }

    /// Where the browser is.
    pub async fn address(&self) -> String {
        self.get("/url").await.unwrap().as_str().unwrap().to_string()
    }

    /// The path of it.
    pub async fn path(&self) -> String {
        let address = self.address().await;
        let after_host = address.splitn(4, '/').nth(3).unwrap_or_default();
        format!("/{}", after_host.split(['?', '#']).next().unwrap_or_default())
    }

    /// The status with which the page came.
    pub async fn status(&self) -> i64 {
        let status = self.evaluate("return performance.getEntriesByType('navigation')[0].responseStatus", json!([])).await;
        status.as_i64().unwrap_or_default()
    }

    /// The page's first heading.
    pub async fn heading(&self) -> String {
        let heading =
            self.evaluate("return document.querySelector('h1')?.textContent.trim().replace(/\\s+/g, ' ') ?? ''", json!([])).await;
        heading.as_str().unwrap_or_default().to_string()
    }

    /// What can be read on the page.
    pub async fn text(&self) -> String {
        let text = self.evaluate("return document.body ? document.body.innerText : ''", json!([])).await;
        text.as_str().unwrap_or_default().replace('\u{a0}', " ")
    }

    /// Waits until the page says so.
    pub async fn sees(&self, words: &str) {
        let begun = Instant::now();
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "“{words}” does not stand at {}:\n{text}", self.address().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the page says something else by itself.
    pub async fn changes(&self, before: &str) {
        let begun = Instant::now();
        while self.text().await == before {
            assert!(begun.elapsed() < PATIENCE, "{} stays as it is:\n{before}", self.address().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Loads the page again until it says so: for what changes on the server, without script.
    pub async fn sees_in_time(&self, words: &str) {
        let begun = Instant::now();
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE * 3, "“{words}” does not come to stand at {}:\n{text}", self.address().await);
            tokio::time::sleep(LOOK * 10).await;
            self.post("/refresh", json!({})).await.unwrap();
        }
    }

    /// Makes the page's script run from the next page on, or not.
    pub async fn scripts(&self, run: bool) {
        self.tools("Emulation.setScriptExecutionDisabled", json!({ "value": !run })).await;
    }

    /// What the page complained of since this was last asked: errors of scripts, things that its policy forbids or that are missing.
    /// That a page answered 4xx is not of that kind: stories ask for such pages.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await.unwrap();
        let lines = log.as_array().cloned().unwrap_or_default();
        let severe = lines.iter().filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        let words = severe.filter_map(|line| line["message"].as_str());
        words.filter(|line| !line.contains("the server responded with a status of 4")).map(str::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The window is closed in order, else its profile would be written to while it is removed.
        let Ok(mut driver) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let _ = driver.set_read_timeout(Some(PATIENCE));
        let asked = write!(
            driver,
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.session, self.port
        );
        if asked.is_ok() {
            let _ = driver.read(&mut [0; 1024]);
        }
    }
}
