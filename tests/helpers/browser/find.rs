//! What stands on a page, found by its role and its name.

use std::time::Instant;

use serde_json::json;

use super::{Browser, ELEMENT, Element, LOOK, PATIENCE, Role};

impl Browser {
    /// Everything visible of a role that a screen reader calls so: by the whole name, else by the start of it, else by a part.
    async fn named(&self, role: Role, name: &str) -> Vec<Element> {
        const NEAR: &str = r"
            const [selector, name] = arguments, flat = text => (text || '').replace(/\s+/g, ' ').trim();
            const texts = e => [e.textContent, e.value, e.getAttribute('aria-label'), e.title, e.alt, e.placeholder,
                ...[...(e.labels || [])].map(label => label.textContent),
                ...(e.getAttribute('aria-labelledby') || '').split(/\s+/).map(id => id && document.getElementById(id)?.textContent)];
            return [...document.querySelectorAll(selector)]
                .filter(e => e.checkVisibility({ visibilityProperty: true }) && texts(e).some(text => flat(text).includes(name)));";
        // An error: the page is being replaced.
        let Ok(near) = self.post("/execute/sync", json!({ "script": NEAR, "args": [role.selector(), name] })).await else {
            return Vec::new();
        };
        let (mut whole, mut begun, mut part) = (Vec::new(), Vec::new(), Vec::new());
        for one in near.as_array().into_iter().flatten() {
            let Some(id) = one[ELEMENT].as_str() else { continue };
            let Ok(label) = self.get(&format!("/element/{id}/computedlabel")).await else { continue };
            let label = label.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            let found = Element(id.to_string());
            if label == name {
                whole.push(found);
            } else if label.starts_with(name) {
                begun.push(found);
            } else if label.contains(name) {
                part.push(found);
            }
        }
        [whole, begun, part].into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Whether there is such a thing now.
    pub async fn has(&self, role: Role, name: &str) -> bool {
        !self.named(role, name).await.is_empty()
    }

    /// The first such thing, once it is there.
    pub async fn find(&self, role: Role, name: &str) -> Element {
        let begun = Instant::now();
        loop {
            if let Some(first) = self.named(role, name).await.into_iter().next() {
                return first;
            }
            if begun.elapsed() > PATIENCE {
                let text = self.text().await;
                panic!("no {role:?} “{name}” at {}:\n{text}\n{}", self.address().await, self.listed(role).await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What there is of a role, for the message of a story that failed.
    async fn listed(&self, role: Role) -> String {
        const LIST: &str = "return [...document.querySelectorAll(arguments[0])].map(e => e.outerHTML.slice(0, 200)).join('\\n')";
        self.evaluate(LIST, json!([role.selector()])).await.as_str().unwrap_or_default().to_string()
    }
}
