//! The key file: made where there is none, so that nothing personal is ever stored unsealed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rand::RngCore as _;
use secrecy::SecretBox;

use super::Refusal;
use crate::{
    config::{Config, SecretKey, stored_key},
    phrase,
};

/// The configured key; where its file does not exist yet, one is made and a log line says so.
pub fn ensure(config: &Config) -> anyhow::Result<SecretKey> {
    if let Some(key) = &config.server.key {
        return Ok(key.clone());
    }
    let file = file(config);
    // Made since the settings were read: by an earlier start in this process, or by another node.
    if let Some(key) = stored_key(&file) {
        return Ok(key);
    }
    let mut bytes = Box::new([0u8; 32]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    write(&file, &bytes).map_err(|error| {
        let file = file.display();
        Refusal::now(phrase!("không tạo được tệp khóa {file}", "the key file {file} cannot be made").because(&error))
    })?;
    tracing::info!(file = %file.display(), "made a key: keep a copy of it apart from the database, which cannot be read without it");
    Ok(SecretKey(std::sync::Arc::new(SecretBox::new(bytes))))
}

/// The key file: as configured, else `loa.key` beside an embedded database or the configuration.
pub fn file(config: &Config) -> PathBuf {
    let beside = || {
        let database =
            config.database_url.strip_prefix("sqlite:").map(|file| Path::new(file.trim_start_matches("//")).to_path_buf());
        database.and_then(|file| Some(file.parent()?.join("loa.key"))).unwrap_or_else(|| config.base.join("loa.key"))
    };
    config.server.key_file.clone().unwrap_or_else(beside)
}

/// Writes a new key, readable by its owner only; never over an existing file.
pub fn write(file: &Path, bytes: &[u8; 32]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = crate::seal::hex(bytes);
    let mut file = options.open(file)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}
