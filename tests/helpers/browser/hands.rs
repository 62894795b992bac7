//! What a person does on a page: clicks, typing, choices, and files that are downloaded.

use std::{path::PathBuf, time::Instant};

use serde_json::json;

use super::{Browser, ELEMENT, Element, LOOK, PATIENCE, Role};

impl Browser {
    /// Clicks, and waits until what it leads to has come: a form is sent a moment after the click, and whoever opens an address in that
    /// moment takes it back. What leads to a file leaves the page as it is, and has come with the file.
    async fn click(&self, element: &Element) {
        const LEAVES: &str = "
            const e = arguments[0], form = e.form;
            window.loaClicked = true;
            if (e.tagName === 'A') return e.href.split('#')[0] !== location.href.split('#')[0] || !e.href.includes('#');
            return e.type === 'submit' && !!form && (form.noValidate || e.formNoValidate || form.checkValidity())";
        const STAYS: &str = "return window.loaClicked === true";
        let leaves = self.evaluate(LEAVES, json!([{ ELEMENT: element.0 }])).await == true;
        let files = self.files();
        if let Err((error, message)) = self.post(&format!("/element/{}/click", element.0), json!({})).await {
            panic!("it cannot be clicked at {}: {error}: {message}", self.address().await);
        }
        let begun = Instant::now();
        // An error: the page is being replaced.
        while leaves
            && self.files() == files
            && self.post("/execute/sync", json!({ "script": STAYS, "args": [] })).await.is_ok_and(|stays| stays == true)
        {
            assert!(begun.elapsed() < PATIENCE, "a click leads nowhere from {}:\n{}", self.address().await, self.text().await);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses a button.
    pub async fn press(&self, name: &str) {
        let button = self.find(Role::Button, name).await;
        self.click(&button).await;
    }

    /// Follows a link.
    pub async fn follow(&self, name: &str) {
        let link = self.find(Role::Link, name).await;
        self.click(&link).await;
    }

    /// Follows the first link of the first row of a table that says so.
    pub async fn follow_in_row(&self, words: &str) {
        const LINK: &str = "return [...document.querySelectorAll('tbody tr')].find(row => row.innerText.includes(arguments[0]))?.querySelector('a[href]')";
        let link = self.evaluate(LINK, json!([words])).await;
        let Some(id) = link[ELEMENT].as_str() else {
            panic!("no row says “{words}” at {}:\n{}", self.address().await, self.text().await)
        };
        self.click(&Element(id.to_string())).await;
    }

    /// Folds something out.
    pub async fn unfold(&self, name: &str) {
        let summary = self.find(Role::Summary, name).await;
        self.click(&summary).await;
    }

    /// Puts a text into a field in place of what it holds.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.find(Role::Field, label).await;
        let _ = self.post(&format!("/element/{}/clear", field.0), json!({})).await;
        self.post(&format!("/element/{}/value", field.0), json!({ "text": text })).await.unwrap();
    }

    /// Ticks a box or chooses one of several; a hand that misses a small circle hits its words.
    pub async fn choose(&self, label: &str) {
        let choice = self.find(Role::Choice, label).await;
        if self.post(&format!("/element/{}/click", choice.0), json!({})).await.is_err() {
            let words = self.evaluate("return arguments[0].labels[0]", json!([{ ELEMENT: choice.0 }])).await;
            self.click(&Element(words[ELEMENT].as_str().unwrap().to_string())).await;
        }
    }

    /// Chooses from a list.
    pub async fn pick(&self, label: &str, option: &str) {
        const PICK: &str =
            "return [...arguments[0].options].find(o => o.text.trim() === arguments[1] || o.value === arguments[1])
            || [...arguments[0].options].find(o => o.text.includes(arguments[1]))";
        let list = self.find(Role::List, label).await;
        let found = self.evaluate(PICK, json!([{ ELEMENT: list.0 }, option])).await;
        let Some(id) = found[ELEMENT].as_str() else { panic!("the list “{label}” has no “{option}”") };
        self.click(&Element(id.to_string())).await;
    }

    pub(super) fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.downloads()).unwrap().count()
    }

    /// The one file that was downloaded, once it is whole. It is taken away, so that the next one is the one.
    pub async fn downloaded(&self) -> (String, Vec<u8>) {
        let begun = Instant::now();
        loop {
            let files = std::fs::read_dir(self.downloads()).unwrap().map(|file| file.unwrap().path());
            if let Some(path) = files.into_iter().find(|path| path.extension().is_none_or(|end| end != "crdownload")) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                // A name that begins with a dot is Chromium's own, until it knows the file's.
                if !name.starts_with('.') {
                    let bytes = std::fs::read(&path).unwrap();
                    std::fs::remove_file(&path).unwrap();
                    return (name, bytes);
                }
            }
            assert!(begun.elapsed() < PATIENCE, "nothing is downloaded from {}", self.address().await);
            tokio::time::sleep(LOOK).await;
        }
    }
}
