//! A gateway that takes every message at once, without leaving the process.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use providers::{Abilities, Accepted, Outgoing, Provider, SendError};

/// Takes every message at once, and may note when.
#[derive(Debug, Default)]
pub struct InstantGateway {
    times: Option<Mutex<Vec<Instant>>>,
}

impl InstantGateway {
    /// One that notes when each message came.
    pub fn noting() -> Self {
        Self { times: Some(Mutex::default()) }
    }

    /// When the messages came, in order.
    pub fn times(&self) -> Vec<Instant> {
        let mut times = self.times.as_ref().map(|t| t.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default();
        times.sort();
        times
    }
}

#[async_trait]
impl Provider for InstantGateway {
    async fn send(&self, batch: &[Outgoing]) -> Vec<Result<Accepted, SendError>> {
        if let Some(times) = &self.times {
            let now = Instant::now();
            times.lock().unwrap_or_else(PoisonError::into_inner).extend(batch.iter().map(|_| now));
        }
        batch.iter().map(|_| Ok(Accepted { ids: Vec::new() })).collect()
    }

    fn can(&self) -> Abilities {
        Abilities::LEAST
    }

    async fn test(&self) -> Result<String, SendError> {
        Ok("takes everything".into())
    }
}
