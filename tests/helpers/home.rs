//! The folder of an office of which everything is run by command: what officers type, and `loa serve`.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use loa::{db::Db, delivery::State, tally};

use super::{Owned, free_port};
use crate::folder::{Ended, Folder};

/// A folder with its settings, and the words of the environment that they name.
pub struct Home {
    pub folder: Folder,
    words: Vec<(&'static str, String)>,
}

impl Home {
    /// It speaks English.
    pub fn new(folder: Folder, words: &[(&'static str, &str)]) -> Self {
        let own = [("LOA_LANG", "en"), ("LOA_LOG", "info")];
        Self { folder, words: own.iter().chain(words).map(|(name, word)| (*name, (*word).to_string())).collect() }
    }

    fn words(&self) -> Vec<(&str, &str)> {
        self.words.iter().map(|(name, word)| (*name, word.as_str())).collect()
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `loa`, however it ends.
    pub fn ended(&self, arguments: &[&str]) -> Ended {
        self.reading(arguments, "")
    }

    /// The same with this on its standard input.
    pub fn reading(&self, arguments: &[&str], input: &str) -> Ended {
        self.folder.loa_reading(arguments, &self.words(), input)
    }

    /// Runs `loa` to its end, which must be a good one, and gives what it printed.
    pub fn loa(&self, arguments: &[&str]) -> String {
        let ended = self.ended(arguments);
        assert_eq!(ended.code, 0, "loa {arguments:?}: {}{}", ended.out, ended.err);
        ended.out
    }

    /// Makes a run of a campaign now; its number.
    pub fn send(&self, slug: &str) -> i64 {
        let made: serde_json::Value = serde_json::from_str(&self.loa(&["send", slug, "--json"])).unwrap();
        made["run"].as_i64().unwrap()
    }

    /// Starts `loa serve` and waits until it listens.
    pub fn serve(&self) -> Owned {
        self.folder.serve(&[], &self.words(), "serve.log")
    }

    /// Starts one node of several, which does these parts alone and has a log of its name.
    pub fn node(&self, name: &str, only: &str) -> Owned {
        let listen = format!("127.0.0.1:{}", free_port());
        let own = [("LOA_SERVER__LISTEN", listen.as_str())];
        let words = [&own[..], &self.words()[..]].concat();
        self.folder.serve(&["--only", only], &words, name)
    }

    /// What `loa serve` had to say.
    pub fn log(&self) -> String {
        self.folder.log("serve.log")
    }

    /// Ends `loa serve` in order; then every count must be that of the rows.
    pub fn close(&self, mut serve: Owned) {
        assert!(Command::new("kill").arg(serve.0.id().to_string()).status().unwrap().success());
        assert!(serve.0.wait().unwrap().success(), "{}", self.log());
        self.loa(&["verify"]);
    }

    /// A look into its database from outside.
    pub async fn db(&self) -> Db {
        Db::find(&format!("sqlite:{}", self.dir().join("loa.db").display())).await.unwrap().unwrap()
    }

    /// How many deliveries of a run are in each state.
    pub async fn states(&self, run: i64) -> BTreeMap<State, i64> {
        let db = self.db().await;
        let mut states = BTreeMap::new();
        for (key, count) in tally::of_runs(&db, &[run]).await.unwrap() {
            *states.entry(State::from_number(key.state)).or_default() += count.n;
        }
        db.close().await;
        states
    }

    /// Looks again until it fits; what is looked at changes by itself, in other processes.
    pub async fn until(
        &self,
        run: i64,
        what: &str,
        patience: Duration,
        fits: impl Fn(&BTreeMap<State, i64>) -> bool,
    ) -> BTreeMap<State, i64> {
        let begun = Instant::now();
        loop {
            let states = self.states(run).await;
            if fits(&states) {
                return states;
            }
            assert!(begun.elapsed() < patience, "{what}: {states:?}\n{}", tail(&self.log()));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The files of an office with these settings, of which everybody is one segment, and which has this campaign as `hang-tuan`.
pub fn folder(settings: &str, campaign: &str) -> Folder {
    Folder::new()
        .with("loa.toml", settings)
        .with("loa.key", &"2a".repeat(32))
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
        .with("campaigns/hang-tuan.toml", campaign)
}

/// How many of a run's deliveries are in these states.
pub fn count(states: &BTreeMap<State, i64>, of: &[State]) -> i64 {
    of.iter().filter_map(|state| states.get(state)).sum()
}

/// The last lines of a log.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
