//! What sealing personal data costs, and what a list of a million people takes.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::{
    Bench,
    figure::{Figure, rate},
    ground::{Ground, Store},
    machine,
};
use crate::{
    config::SecretKey,
    seal::{Kind, Seal},
};

/// The longest that the large list may take.
const BOUND: Duration = Duration::from_secs(150);

/// Seals, opens and hashes phone numbers on one core.
pub fn sealing(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let key = SecretKey(std::sync::Arc::new(secrecy::SecretBox::new(Box::new([7; 32]))));
    let seal = Seal::new(&key, &[]);
    let phones: Vec<String> = (0..bench.size.seals).map(|n| format!("+8490{n:07}")).collect();
    let n = bench.size.seals;
    let (mut seals, mut opens, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.size.samples {
        let begun = Instant::now();
        let sealed: Vec<Vec<u8>> = phones.iter().map(|phone| seal.seal(Kind::Phone, phone)).collect();
        seals.push(rate(n, begun.elapsed()));
        let begun = Instant::now();
        for bytes in &sealed {
            black_box(seal.open(Kind::Phone, bytes)?);
        }
        opens.push(rate(n, begun.elapsed()));
        let begun = Instant::now();
        for phone in &phones {
            black_box(seal.hash(Kind::Phone, phone));
        }
        hashes.push(rate(n, begun.elapsed()));
    }
    Ok(vec![
        Figure::of("seal", "addresses/s", &seals),
        Figure::of("open", "addresses/s", &opens),
        Figure::of("hash", "addresses/s", &hashes),
    ])
}

/// Imports and fans out a large list in this process, and reports the most memory that it ever held.
pub async fn memory(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let people = bench.people;
    let measured = async {
        let ground = Ground::new(&bench.folder, "memory", Store::Sqlite, people, super::store::ACCOUNT, &bench.clock).await?;
        let (_, fanned_in) = ground.fan_out("sms").await?;
        let imported_in = ground.imported_in;
        // Recounting the tallies reads every row; what it takes belongs to the figure as well.
        ground.close().await?;
        anyhow::Ok((imported_in, fanned_in))
    };
    let (imported_in, fanned_in) = tokio::time::timeout(BOUND, measured)
        .await
        .with_context(|| format!("{people} people took longer than {} s", BOUND.as_secs()))??;
    let mut figures = vec![
        Figure::of("large_import", "rows/s", &[rate(people, imported_in)]),
        Figure::of("large_fan_out", "rows/s", &[rate(people, fanned_in)]),
    ];
    figures.extend(machine::peak_memory_mib().map(|peak| Figure::of("peak_memory", "MiB", &[peak])));
    Ok(figures)
}

/// The same in a process of its own, so that no other step's memory is counted.
pub async fn memory_apart(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (folder, people) = (bench.folder.path().to_path_buf(), bench.people.to_string());
    let program = std::env::current_exe().context("this program cannot be found")?;
    let ended = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["bench", "--json", "--only", "memory", "--people", &people, "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .output()
    })
    .await??;
    anyhow::ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr).trim());
    let printed: serde_json::Value = serde_json::from_slice(&ended.stdout)?;
    Ok(serde_json::from_value(printed["figures"].clone())?)
}
