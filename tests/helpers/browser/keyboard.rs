//! A page without a mouse.

use serde_json::json;

use super::Browser;

/// More stops than any page has.
const MOST: usize = 400;

impl Browser {
    /// Presses a key that writes nothing.
    pub async fn key(&self, name: &str) {
        let code = match name {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = if name == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text });
            self.tools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Walks the page with the Tab key: what it does not reach, and where it is that nobody would see it.
    pub async fn tab_walk(&self) -> Vec<String> {
        // One of several radio buttons stands for all: arrows do the rest.
        const BEGIN: &str = "
            const stops = [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex=\"0\"]')]
                .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }) && !e.closest('[inert]'))
                .filter(e => e.type !== 'radio' || e.checked
                    || ![...document.getElementsByName(e.name)].some(other => other.checked && other.form === e.form));
            window.loaStops = stops; window.loaReached = new Set(); window.loaLast = null;
            // A page with mistakes leads to them first; the walk is from the top, where Chromium goes on from what was just taken out.
            const top = document.createElement('span'); top.tabIndex = -1; document.body.prepend(top); top.focus(); top.remove();
            window.scrollTo(0, 0);
            return stops.length";
        const STOP: &str = "
            const e = document.activeElement;
            if (!e || e === document.body) return null;
            // A date has stops of its own within, which the browser itself outlines.
            const within = e === window.loaLast, again = window.loaReached.has(e) && !within, box = e.getBoundingClientRect();
            window.loaReached.add(e); window.loaLast = e;
            const shows = x => { const s = x && getComputedStyle(x);
                return s && (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== 'none') };
            // A frame shows within where the focus is.
            const visible = within || e.tagName === 'IFRAME' || [e, e.parentElement, e.closest('label'), e.labels?.[0], e.nextElementSibling].some(shows);
            const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
            const name = e.outerHTML.slice(0, 160);
            return { again, wrong: !visible ? `focus does not show: ${name}` : !inside ? `focus is outside the window: ${name}` : '' }";
        const END: &str = "
            const reached = e => window.loaReached.has(e)
                || e.type === 'radio' && [...window.loaReached].some(other => other.type === 'radio' && other.name === e.name);
            return window.loaStops.filter(e => !reached(e)).map(e => 'Tab does not reach ' + e.outerHTML.slice(0, 160))";
        self.evaluate(BEGIN, json!([])).await;
        let mut wrong = Vec::new();
        for _ in 0..MOST {
            self.key("Tab").await;
            let stop = self.evaluate(STOP, json!([])).await;
            if stop.is_null() || stop["again"] == true {
                break;
            }
            wrong.extend(stop["wrong"].as_str().filter(|why| !why.is_empty()).map(str::to_string));
        }
        let missed = self.evaluate(END, json!([])).await;
        wrong.extend(missed.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_string)));
        wrong
    }
}
