//! What failed in a run: how often for which reason, and examples, with addresses masked.
//!
//! An index holds the failures alone, by run and reason: looking at them costs by how many there are, up to a bound, whatever the
//! size of the run.

use providers::Reason as Said;

use crate::{
    db::{Db, Result, Sql},
    delivery::{State, Why, masked, recipient_of},
    on, phrase,
    seal::Seal,
    words::Phrase,
};

/// Failures are counted up to here.
const COUNTED: i64 = 200_000;
/// Examples of a reason.
const EXAMPLES: i64 = 3;

/// The failures of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    /// The most frequent first.
    pub reasons: Vec<Reason>,
    /// There are more than were counted.
    pub more: bool,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: Why,
    /// How many.
    pub count: i64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The recipient's number.
    pub recipient: i64,
    /// How it ended.
    pub state: State,
    /// Where it went, masked; empty: the person has no such address any more.
    pub address: String,
    /// The account that tried last; 0: none did.
    pub account: i64,
    /// The gateway's words; empty: it had none.
    pub words: String,
    /// When it was learnt (unix milliseconds).
    pub at: i64,
}

static REASONS: Sql = Sql::new(
    r"SELECT reason, count(*) AS n FROM (SELECT reason FROM delivery WHERE run = $1 AND state IN (7, 8, 9, 10) LIMIT $2) AS failed
      GROUP BY reason ORDER BY n DESC, reason",
);

static SOME: Sql = Sql::new(
    r"SELECT d.id, d.state, d.account, d.updated_at, m.detail FROM delivery d LEFT JOIN remark m ON m.delivery = d.id
      WHERE d.run = $1 AND d.reason = $2 AND d.state IN (7, 8, 9, 10) LIMIT $3",
);

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    state: i16,
    account: i64,
    updated_at: i64,
    detail: Option<String>,
}

/// The failures of a run, with examples.
pub async fn of(db: &Db, seal: &Seal, run: i64) -> Result<Failures> {
    let counts: Vec<(i16, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&REASONS)).bind(run).bind(COUNTED + 1).fetch_all(pool).await)?;
    let more = counts.iter().map(|(_, n)| n).sum::<i64>() > COUNTED;
    let mut found: Vec<(i16, i64, Vec<Row>)> = Vec::new();
    for (reason, count) in counts {
        let rows: Vec<Row> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&SOME)).bind(run).bind(reason).bind(EXAMPLES).fetch_all(pool).await)?;
        found.push((reason, count, rows));
    }
    let addresses = masked(db, seal, found.iter().flat_map(|(.., rows)| rows).map(|row| row.id)).await?;
    let example = |row: Row| Example {
        recipient: recipient_of(row.id),
        state: State::from_number(row.state),
        address: addresses.get(&row.id).cloned().unwrap_or_default(),
        account: row.account,
        words: row.detail.unwrap_or_default(),
        at: row.updated_at,
    };
    let reasons = found.into_iter().map(|(reason, count, rows)| Reason {
        why: Why::from_number(reason),
        count,
        examples: rows.into_iter().map(example).collect(),
    });
    Ok(Failures { reasons: reasons.collect(), more })
}

/// What an office can do about failures of a reason; none: nothing that is known beforehand.
pub fn advice(why: Why) -> Option<Phrase> {
    let advice = match why {
        Why::Gateway(Said::NoSuchAddress) => phrase!(
            "Sửa hoặc bỏ các số, địa chỉ này trong danh sách gốc rồi nhập lại; gửi lại cũng không đến.",
            "Mend or take out these numbers and addresses in the original list, and import it anew; sending again reaches nobody."
        ),
        Why::Gateway(Said::Unreachable | Said::Full) => phrase!(
            "Thường chỉ là tạm thời: gửi lại sau ít giờ, hoặc thêm kênh dự phòng cho chiến dịch.",
            "This mostly passes: send again some hours later, or give the campaign another channel to fall back to."
        ),
        Why::Gateway(Said::Blocked) => phrase!(
            "Hỏi nhà mạng hoặc nhà cung cấp vì sao chặn; người tự chặn thì không gửi nữa.",
            "Ask the carrier or provider why it blocks; whoever blocks it themselves wants no more."
        ),
        Why::Gateway(Said::Template) => phrase!(
            "Lời nhắn không khớp mẫu tin đã đăng ký: đăng ký mẫu với nhà cung cấp, ghi vào loa.toml, hoặc sửa lời cho khớp.",
            "The text fits no registered wording: register it with the provider and write it into loa.toml, or change the text."
        ),
        Why::Gateway(Said::Content) => phrase!(
            "Cổng gửi không nhận nội dung này: xem câu trả lời bên dưới, sửa lời rồi gửi thử trước.",
            "The gateway does not take this content: see its words below, change the text and try it on yourself first."
        ),
        Why::Gateway(Said::Quota) => phrase!(
            "Tài khoản hết hạn mức ngày: gửi lại vào hôm sau, hoặc xin nâng hạn mức.",
            "The account's day was used up: send again tomorrow, or ask for a larger quota."
        ),
        Why::Gateway(Said::Funds) => {
            phrase!("Nạp tiền vào tài khoản rồi gửi lại.", "Top the account up, then send again.")
        }
        Why::Gateway(Said::Expired) => phrase!(
            "Máy người nhận không liên lạc được đến khi tin hết hạn: gửi lại được.",
            "The phone was out of reach until the message expired: it can be sent again."
        ),
        _ => return None,
    };
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_is_said_where_something_can() {
        for said in Said::ALL {
            assert_eq!(advice(Why::Gateway(said)).is_none(), matches!(said, Said::Other | Said::Complaint), "{said:?}");
        }
        assert_eq!(advice(Why::OptedOut), None);
    }
}
