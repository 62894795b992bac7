//! What accounts want: one that is paused or fails, quotas and balances that run out, wordings and tokens that lapse.

use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Ho_Chi_Minh;

use super::{Found, Ground, Kind, of};
use crate::{
    account::{
        ZALO, standing,
        trouble::{Cause, Trouble},
    },
    db::{Result, Sql},
    on, phrase,
    words::{self, Lang},
};

/// Days before which it is said that something lapses: each time anew.
const STAGES: [i64; 3] = [1, 7, 30];
/// Of a hundred of a day's quota, so much is nearly all.
const NEARLY: u64 = 90;
/// An account that fails for longer needs somebody.
const FAILING: i64 = 10 * 60_000;
/// How long Zalo's refresh tokens are good.
const REFRESH_DAYS: u64 = 90;

/// Accounts that are paused, fail, or run out of something.
pub(super) async fn all(ground: &Ground, today: NaiveDate, now: i64) -> Result<Vec<Found>> {
    let rows = standing::rows(&ground.db).await?;
    let mut found = Vec::new();
    for account in &ground.config.accounts {
        let name = &account.name;
        let Some(row) = rows.get(name) else { continue };
        let page = format!("/accounts/{name}");
        let has = |cause: Cause| row.troubles.iter().find(|trouble| trouble.cause() == cause);
        let told = |trouble: &Trouble| {
            let told = trouble.told(row.pace);
            let (vi, en) = (told.vi, told.en);
            phrase!("Tài khoản {name}: {vi}", "Account {name}: {en}")
        };
        if row.paused.is_some() {
            let state = standing::state(Some(row));
            let (vi, en) = (state.vi, state.en);
            let says = phrase!("Tài khoản {name}: {vi}", "Account {name}: {en}");
            found.push(Found { urgent: true, ..of(format!("account/{name}/paused"), Kind::AccountPaused, says, &page) });
        } else if let Some(failing) = has(Cause::Failing).filter(|trouble| trouble.began_at + FAILING <= now) {
            found.push(of(format!("account/{name}/failing"), Kind::AccountPaused, told(failing), &page));
        }
        let used = u64::try_from(row.used_on(&today.to_string())).unwrap_or(0);
        if let Some(out) = has(Cause::Quota).or_else(|| has(Cause::GatewayQuota)) {
            found.push(of(format!("account/{name}/quota/{today}"), Kind::QuotaLow, told(out), &page));
        } else if let Some(daily) = account.daily.filter(|daily| used * 100 >= daily * NEARLY) {
            let says = phrase!(
                "Tài khoản {name}: hôm nay đã dùng {used}/{daily} tin của hạn mức ngày",
                "Account {name}: {used} of today's {daily} messages are used"
            );
            found.push(of(format!("account/{name}/quota/{today}"), Kind::QuotaLow, says, &page));
        }
        if let Some(gone) = has(Cause::Funds) {
            found.push(Found { urgent: true, ..of(format!("account/{name}/funds"), Kind::BalanceLow, told(gone), &page) });
        } else if let Some(low) = has(Cause::LowBalance) {
            found.push(of(format!("account/{name}/balance"), Kind::BalanceLow, told(low), &page));
        }
        if let Some(token) = has(Cause::Token) {
            found.push(Found { urgent: true, ..of(format!("account/{name}/token"), Kind::TokenLapses, told(token), &page) });
        }
    }
    Ok(found)
}

/// The stage that a last day is in, and the days left; none: it is far.
fn stage(last: NaiveDate, today: NaiveDate) -> Option<(i64, i64)> {
    let left = (last - today).num_days();
    STAGES.into_iter().find(|stage| left <= *stage).map(|stage| (stage, left))
}

/// Wordings that lapse.
pub(super) fn templates(ground: &Ground, today: NaiveDate) -> Vec<Found> {
    let mut found = Vec::new();
    for account in &ground.config.accounts {
        for template in &account.templates {
            let Some((last, (stage, left))) = template.through.and_then(|last| Some((last, stage(last, today)?))) else {
                continue;
            };
            // A wording that lapsed and has a successor under its name is replaced.
            let replaced = account.templates.iter().any(|other| {
                other.name == template.name
                    && other.from.is_some_and(|from| from <= last + Days::new(1))
                    && other.through.is_none_or(|through| through > last)
            });
            // For a month after it lapsed; then nobody waits for it any more.
            if replaced || left < -STAGES[2] {
                continue;
            }
            let (account, name) = (&account.name, &template.name);
            let (vi, en) = (words::date(last, Lang::Vi), words::date(last, Lang::En));
            let says = if left < 0 {
                phrase!(
                    "Mẫu tin {name} của tài khoản {account} đã hết hạn ngày {vi}: đăng ký lại với nhà mạng",
                    "The wording {name} of the account {account} lapsed after {en}: register it again"
                )
            } else {
                phrase!(
                    "Mẫu tin {name} của tài khoản {account} hết hạn sau ngày {vi} (còn {left} ngày)",
                    "The wording {name} of the account {account} lapses after {en} ({left} days left)"
                )
            };
            let stage = if left < 0 { 0 } else { stage };
            let key = format!("template/{account}/{name}/{last}/{stage}");
            found.push(Found {
                urgent: stage <= 1 && left >= 0,
                ..of(key, Kind::TemplateLapses, says, &format!("/accounts/{account}"))
            });
        }
    }
    found
}

static TOKENS: Sql = Sql::new(r"SELECT account, begins_at FROM token WHERE begins_at > 0 ORDER BY account");

/// Tokens that nobody renewed for long: the refresh token lapses with them.
pub(super) async fn tokens(ground: &Ground, today: NaiveDate) -> Result<Vec<Found>> {
    let rows: Vec<(String, i64)> = on!(ground.db.read, |pool, sql| sqlx::query_as(sql(&TOKENS)).fetch_all(pool).await)?;
    let is_ours = |name: &str| ground.config.accounts.iter().any(|account| account.name == name && account.gateway == ZALO);
    Ok(rows
        .into_iter()
        .filter(|(account, _)| is_ours(account))
        .filter_map(|(account, begins_at)| {
            let begun = chrono::DateTime::from_timestamp_millis(begins_at)?.with_timezone(&Ho_Chi_Minh).date_naive();
            let last = begun.checked_add_days(Days::new(REFRESH_DAYS))?;
            let (stage, left) = stage(last, today)?;
            let (vi, en) = (words::date(last, Lang::Vi), words::date(last, Lang::En));
            let says = phrase!(
                "Token của tài khoản {account} hết hạn ngày {vi} (còn {left} ngày) nếu không được gia hạn",
                "The token of the account {account} lapses on {en} ({left} days left) unless it is renewed"
            );
            let page = format!("/accounts/{account}");
            let key = format!("token/{account}/{last}/{stage}");
            Some(Found { urgent: stage <= 1, ..of(key, Kind::TokenLapses, says, &page) })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lapses_is_said_at_thirty_seven_and_one() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let at = |today: &str| stage(day("2026-12-31"), day(today)).map(|(stage, _)| stage);
        assert_eq!(at("2026-11-30"), None);
        assert_eq!(at("2026-12-01"), Some(30));
        assert_eq!(at("2026-12-23"), Some(30));
        assert_eq!(at("2026-12-24"), Some(7));
        assert_eq!(at("2026-12-30"), Some(1));
        assert_eq!(at("2026-12-31"), Some(1));
    }
}
