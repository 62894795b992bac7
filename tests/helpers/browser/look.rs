//! How a page looks: widths, themes, pictures, what axe-core finds, and what sticks out at the side.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Browser, peer};

/// A phone and a desk.
pub const WIDTHS: [u32; 2] = [390, 1440];

/// What the reader's system prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

static AXE: LazyLock<String> = LazyLock::new(|| std::fs::read_to_string(peer("LOA_TEST_AXE")).unwrap());

impl Browser {
    /// A window of this width in CSS pixels, and a system with this theme, on which nothing moves.
    pub async fn look(&self, width: u32, theme: Theme) {
        let height = if width < 600 { 844 } else { 900 };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tools("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!([
            { "name": "prefers-color-scheme", "value": theme.name() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.tools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// The whole page as a picture in the folder that `LOA_SHOTS` names, if it does.
    pub async fn shoot(&self, name: &str) {
        let Some(folder) = std::env::var_os("LOA_SHOTS") else { return };
        let shot =
            self.tools("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "clip": self.whole().await })).await;
        std::fs::create_dir_all(&folder).unwrap();
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    async fn whole(&self) -> Value {
        let size = self.tools("Page.getLayoutMetrics", json!({})).await;
        let size = &size["cssContentSize"];
        json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 })
    }

    /// What axe-core finds against WCAG 2.2 A and AA and its own good practice: one text a rule, with where and how to mend it.
    pub async fn axe(&self) -> Vec<String> {
        const RUN: &str = "
            const done = arguments[arguments.length - 1];
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
            axe.run(document, { runOnly: tags, rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] }).then(
                found => done(found.violations.map(v => `${v.id} (${v.impact}): ${v.help}\\n` + v.nodes.slice(0, 5).map(n =>
                    `    ${n.target.join(' ')}\\n      ${n.html.slice(0, 200)}\\n      ${n.failureSummary.replace(/\\n/g, '\\n      ')}`)
                    .join('\\n') + (v.nodes.length > 5 ? `\\n    and ${v.nodes.length - 5} more` : ''))),
                error => done(['axe: ' + error]));";
        if self.evaluate("return typeof axe", json!([])).await == "undefined" {
            self.evaluate(&AXE, json!([])).await;
        }
        let found = self.post("/execute/async", json!({ "script": RUN, "args": [] })).await.unwrap();
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_string()).collect()
    }

    /// What sticks out at the side, so that the page must be pushed to and fro to be read. What scrolls in a frame of its own does not.
    pub async fn sticks_out(&self) -> Vec<String> {
        const WIDER: &str = "
            const root = document.documentElement, width = root.clientWidth;
            if (root.scrollWidth <= width) return [];
            const kept = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
                if (getComputedStyle(p).overflowX !== 'visible') return true; return false };
            const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > width + 0.5 && !kept(e));
            const inner = wide.filter(e => !wide.some(other => other !== e && e.contains(other)));
            return [`the page is ${root.scrollWidth} wide in a window of ${width}`].concat(
                inner.slice(0, 5).map(e => `    ${e.outerHTML.slice(0, 160)} ends at ${Math.round(e.getBoundingClientRect().right)}`));";
        let found = self.evaluate(WIDER, json!([])).await;
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_string()).collect()
    }
}
