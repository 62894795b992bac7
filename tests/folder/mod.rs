//! A temporary folder in which `loa` is run, with nothing of this machine's environment.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{self, Stdio},
};

use assert_cmd::Command;

use crate::helpers::Owned;

/// A folder that is gone when the test ends.
pub struct Folder(tempfile::TempDir);

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, making folders on the way.
    pub fn with(self, name: &str, text: &str) -> Self {
        self.write(name, text.as_bytes());
        self
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Starts `loa serve` with these further arguments and these variables; what it has to say is added to a file. One with a web
    /// side listens then.
    pub fn serve(&self, more: &[&str], variables: &[(&str, &str)], log: &str) -> Owned {
        let file = fs::OpenOptions::new().create(true).append(true).open(self.path().join(log)).unwrap();
        let child = process::Command::new(assert_cmd::cargo::cargo_bin!("loa"))
            .current_dir(self.path())
            .env_clear()
            .envs(variables.iter().copied())
            .arg("serve")
            .args(more)
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn();
        let mut serve = Owned(child.unwrap());
        if more.is_empty() || more.iter().any(|parts| parts.contains("web")) {
            let mut line = String::new();
            BufReader::new(serve.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert!(line.starts_with("http://"), "{line}{}", self.log(log));
        }
        serve
    }

    /// What a file of it says; nothing if it is not there.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// Runs `loa` with these arguments.
    pub fn loa(&self, arguments: &[&str]) -> Ended {
        self.loa_with(arguments, &[])
    }

    /// Runs `loa` with these arguments and variables.
    pub fn loa_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        self.loa_reading(arguments, variables, "")
    }

    /// The same with this on standard input.
    pub fn loa_reading(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("loa"))
            .current_dir(self.path())
            .env_clear()
            .envs(variables.iter().copied())
            .args(arguments)
            .write_stdin(input)
            .output()
            .unwrap();
        Ended {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}
