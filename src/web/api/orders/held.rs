//! Bodies that are large, and held all the same: reports and papers, which are read as a whole.

use std::sync::Arc;

use axum::{body::Bytes, extract::Request};
use sha2::Digest as _;

use crate::web::{
    Shared, State,
    api::{
        frame,
        input::{bytes, too_large},
        problem::Problem,
    },
};

/// A body that was held, and the hash of the request that it makes.
pub(super) struct Held {
    pub(super) body: Bytes,
    pub(super) hash: [u8; 32],
}

impl Held {
    /// The body, of at most so many bytes, and the key that makes the request count once.
    pub(super) async fn of(state: &Arc<Shared>, request: Request, most: usize) -> Result<(Self, Option<String>), Problem> {
        let key = frame::key(request.headers())?;
        let (parts, body) = request.into_parts();
        let hash = frame::hash(&parts);
        let body = bytes(Request::from_parts(parts, body), &State(state.clone())).await?;
        if body.len() > most {
            return Err(too_large());
        }
        let hash = hash.chain_update(&body).finalize().into();
        Ok((Self { body, hash }, key))
    }
}
