//! What changed about an account: its troubles, those that belong together as one.

use serde_json::{Value as Json, json};

use crate::{account::trouble::Trouble, words::Lang};

/// A trouble that comes back so soon is the same one (milliseconds).
const SOON: i64 = 10 * 60_000;

/// A trouble, as often as it came back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'t> {
    pub last: &'t Trouble,
    /// When it came first.
    from: i64,
    times: usize,
}

/// Troubles, the latest first: an account that fails and works by turns has one that came back, not a hundred.
pub(super) fn grouped(troubles: &[Trouble]) -> Vec<Change<'_>> {
    let mut changes: Vec<Change<'_>> = Vec::new();
    for one in troubles {
        let alike = |change: &&mut Change<'_>| {
            let last = change.last;
            (last.account, last.cause, &last.takers) == (one.account, one.cause, &one.takers)
                && one.ended_at.is_some_and(|ended| change.from - ended <= SOON)
        };
        match changes.iter_mut().find(alike) {
            Some(change) => {
                change.from = change.from.min(one.began_at);
                change.times += 1;
            }
            None => changes.push(Change { last: one, from: one.began_at, times: 1 }),
        }
    }
    changes
}

/// A change of an account for a page.
pub(super) fn change(one: &Change<'_>, account: &str, lang: Lang) -> Json {
    let last = one.last;
    json!({
        "account": account, "what": last.cause().phrase().text(lang), "cause": last.cause().name(), "from": one.from,
        "until": last.ended_at, "takers": last.takers, "why": last.why, "how": last.how, "moves": last.cause().moves(), "times": one.times,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(account: i64, cause: i16, began_at: i64, ended_at: Option<i64>) -> Trouble {
        Trouble {
            account,
            cause,
            began_at,
            ended_at,
            why: "no answer in time".into(),
            takers: "kannel".into(),
            how: String::new(),
        }
    }

    #[test]
    fn a_trouble_that_comes_back_soon_is_one_change() {
        let latest_first = [
            trouble(1, 2, 60_000, None),
            trouble(2, 2, 50_000, Some(55_000)),
            trouble(1, 2, 40_000, Some(50_000)),
            trouble(1, 6, 30_000, Some(35_000)),
            trouble(1, 2, 10_000, Some(20_000)),
            trouble(1, 2, 10_000 - SOON - 20_000, Some(10_000 - SOON - 10_000)),
        ];
        let changes: Vec<_> = grouped(&latest_first)
            .iter()
            .map(|one| (one.last.account, one.last.cause, one.from, one.last.ended_at, one.times))
            .collect();
        let again = (1, 2, 10_000 - SOON - 20_000, Some(10_000 - SOON - 10_000), 1);
        assert_eq!(changes, [(1, 2, 10_000, None, 3), (2, 2, 50_000, Some(55_000), 1), (1, 6, 30_000, Some(35_000), 1), again]);
    }
}
