//! Bodies that are large, and held all the same: reports and papers, which are read as a whole.

use std::sync::Arc;

use axum::{body::Bytes, extract::Request};
use sha2::Digest as _;

use crate::{
    phrase,
    web::{
        Shared, State,
        api::{
            caller::{Caller, UnderWay},
            frame,
            input::{bytes, too_large},
            problem::{Kind, Problem},
        },
    },
};

/// How long a caller is to wait who has too many bodies under way, in seconds.
const WAIT: u64 = 5;

/// A body that was held, and the hash of the request that it makes.
pub(super) struct Held {
    pub(super) body: Bytes,
    pub(super) hash: [u8; 32],
    /// Stays as long as the body does.
    pub(super) under_way: UnderWay,
}

impl Held {
    /// The body, of at most so many bytes, and the key that makes the request count once.
    pub(super) async fn of(
        state: &Arc<Shared>,
        caller: &Caller,
        request: Request,
        most: usize,
    ) -> Result<(Self, Option<String>), Problem> {
        let key = frame::key(request.headers())?;
        let under_way = state.limiter.body(caller.key()).ok_or_else(|| {
            let words = phrase!(
                "đang tải lên quá nhiều tệp cùng lúc: chờ xong rồi gửi tiếp",
                "too many uploads at once: let one end before the next begins"
            );
            Problem { retry_after: Some(WAIT), ..Problem::new(Kind::TooMany, words) }
        })?;
        let (parts, body) = request.into_parts();
        let hash = frame::hash(&parts);
        let body = bytes(Request::from_parts(parts, body), &State(state.clone())).await?;
        if body.len() > most {
            return Err(too_large());
        }
        let hash = hash.chain_update(&body).finalize().into();
        Ok((Self { body, hash, under_way }, key))
    }
}
