//! The machine that the figures were measured on, and what this process took of it.

use serde::Serialize;

/// What a reader must know of the machine to compare figures.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Operating system and architecture.
    pub system: String,
    /// How the program was built.
    pub build: &'static str,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
        Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib("/proc/meminfo", "MemTotal").map(|kib| kib / 1024),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            build: if cfg!(debug_assertions) { "debug" } else { "optimised" },
        }
    }
}

/// The most memory that this process ever held, in MiB; none where the system does not say.
#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 KiB")]
pub fn peak_memory_mib() -> Option<f64> {
    kib("/proc/self/status", "VmHWM").map(|kib| kib as f64 / 1024.0)
}

fn kib(file: &str, name: &str) -> Option<u64> {
    field(file, name)?.split_whitespace().next()?.parse().ok()
}

/// The first `name: value` of one of the kernel's files.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))?.1;
    Some(value.trim().to_string())
}
