//! `loa cap`: documents of the Common Alerting Protocol, for those who exchange them with Loa.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{Globals, MISTAKE};
use crate::{
    cap::{self, Certificate, signature},
    document::{Problem, Problems},
    phrase,
};

/// Documents of the Common Alerting Protocol
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Check documents against the CAP 1.2 schema and the standard's rules; exit code 2 if one is wrong
    Check {
        /// Documents
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Also check that this certificate's key signed them (PEM)
        #[arg(long, value_name = "FILE")]
        signer: Option<PathBuf>,
    },
}

pub fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let What::Check { files, signer } = args.what;
    let signer = signer.map(|file| certificate(&file)).transpose()?;
    let found: Vec<(&PathBuf, Problems)> = files.iter().map(|file| (file, check(file, signer.as_ref(), globals))).collect();
    let is_wrong = |problems: &Problems| problems.0.iter().any(|problem| !problem.is_warning);
    if globals.json {
        let told = |(file, problems): &(&PathBuf, Problems)| {
            let (wrong, look): (Vec<_>, Vec<_>) = problems.0.iter().cloned().partition(|problem| !problem.is_warning);
            json!({
                "file": file.display().to_string(), "ok": wrong.is_empty(),
                "problems": Problems(wrong).json(globals.lang), "warnings": Problems(look).json(globals.lang),
            })
        };
        Globals::print_json(&found.iter().map(told).collect())?;
    } else {
        for (file, problems) in &found {
            globals.complain(problems);
            if !is_wrong(problems) {
                let well = match &signer {
                    Some(signer) => {
                        let subject = signer.subject();
                        phrase!("văn bản CAP 1.2 đúng, do {subject} ký", "a sound CAP 1.2 document, signed by {subject}")
                    }
                    None => phrase!("văn bản CAP 1.2 đúng", "a sound CAP 1.2 document"),
                };
                writeln!(io::stdout(), "✓ {}: {}", file.display(), well.text(globals.lang))?;
            }
        }
    }
    Ok(if found.iter().any(|(_, problems)| is_wrong(problems)) { MISTAKE.into() } else { ExitCode::SUCCESS })
}

/// Everything that is to be said about a document.
fn check(file: &Path, signer: Option<&Certificate>, globals: &Globals) -> Problems {
    let name = file.display().to_string();
    let document = match read(file) {
        Ok(document) => document,
        Err(problems) => return problems,
    };
    let mut found = match cap::read(&name, &document) {
        Ok(alert) => cap::rules(&name, &alert),
        Err(problems) => return problems,
    };
    if let Some(signer) = signer
        && let Err(error) = signature::verify(&document, std::slice::from_ref(signer), globals.clock.millis())
    {
        found.extend(Problem::of(&name, error.words()).into());
    }
    found
}

fn certificate(file: &Path) -> Result<Certificate, Problems> {
    Certificate::from_pem(&read(file)?).map_err(|error| Problem::of(&file.display().to_string(), error.words()).into())
}

fn read(file: &Path) -> Result<Vec<u8>, Problems> {
    std::fs::read(file).map_err(|error| {
        Problem::of(&file.display().to_string(), phrase!("không đọc được", "cannot be read").because(&error)).into()
    })
}
