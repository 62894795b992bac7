//! `loa audience suppressed`: the addresses at which mail ended, masked, why, and letting mail go there again.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write as _},
    process::ExitCode,
};

use providers::Channel;
use serde_json::json;

use super::{Globals, Ground, Mistake};
use crate::{
    audience::address,
    cli::{
        table,
        who::{STDIN, unknown},
    },
    db::Sql,
    on, phrase,
    receipt::leftover,
    seal::Kind,
    suppression::{self, Cause, Listed},
    transaction,
    words::{self, Lang, Phrase},
};

static ADDRESS_OF: Sql = Sql::new(r"SELECT email_hash FROM recipient WHERE ref = $1");

impl Ground<'_> {
    /// Shows the latest, or lifts one: of the person with this reference, or each address on standard input (`-`).
    pub(super) async fn suppressed(&self, most: u32, lift: Option<&str>) -> anyhow::Result<ExitCode> {
        match lift {
            Some(STDIN) => {
                for (hash, masked) in self.ended(io::stdin().lock()).await? {
                    self.lift(hash, &masked).await?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Some(reference) => {
                let found: Option<Option<i64>> = on!(self.db.read, |pool, sql| sqlx::query_scalar(sql(&ADDRESS_OF))
                    .bind(reference)
                    .fetch_optional(pool)
                    .await)?;
                let Some(found) = found else { return Err(unknown(reference).into()) };
                let Some(hash) = found else {
                    return Err(
                        Mistake(phrase!("`{reference}` không có địa chỉ e-mail", "`{reference}` has no mail address")).into()
                    );
                };
                self.lift(hash, reference).await?;
                Ok(ExitCode::SUCCESS)
            }
            None => self.show_suppressed(most).await,
        }
    }

    /// The addresses in lines of text, as hash and masked. All of them are read, and mail must have ended at each, before
    /// anything is changed.
    async fn ended(&self, lines: impl BufRead) -> anyhow::Result<Vec<(i64, String)>> {
        let mut addresses = BTreeMap::new();
        for (line, text) in (1..).zip(lines.lines()) {
            let text = text?;
            if text.trim().is_empty() {
                continue;
            }
            let wrong = |Phrase { vi, en }| Mistake(phrase!("dòng {line}: {vi}", "line {line}: {en}"));
            let plain = address::email(text.trim()).map_err(|error| wrong(error.phrase()))?;
            let (hash, masked) = (self.seal.hash(Kind::Email, &plain), providers::mask(&plain));
            if suppression::standing(&self.db, Channel::Email, hash).await?.is_none() {
                return Err(wrong(phrase!("thư tới {masked} không bị dừng", "mail to {masked} had not ended")).into());
            }
            addresses.insert(hash, masked);
        }
        if addresses.is_empty() {
            return Err(Mistake(phrase!(
                "không có địa chỉ nào trên đầu vào chuẩn: mỗi dòng một địa chỉ thư",
                "there are no addresses on standard input: give one mail address a line"
            ))
            .into());
        }
        Ok(addresses.into_iter().collect())
    }

    async fn lift(&self, hash: i64, who: &str) -> anyhow::Result<()> {
        let standing = suppression::standing(&self.db, Channel::Email, hash).await?;
        let lifted = transaction!(self.db, |tx| {
            let lifted = suppression::lift_within(tx, Channel::Email, hash).await?;
            if lifted {
                self.globals.record(tx, None, "audience.lift", "email", &serde_json::Value::Null).await?;
            }
            Ok(lifted)
        })?;
        if !lifted {
            return Err(Mistake(phrase!("thư tới {who} không bị dừng", "mail to {who} had not ended")).into());
        }
        self.say(&phrase!("{who}: nhận thư trở lại.", "{who}: gets mail again."))?;
        if standing.is_some_and(|standing| standing.cause == Cause::Complaint) {
            self.say(&phrase!(
                "Lời từ chối của người ấy vẫn còn: chỉ người ấy mới rút lại được (`loa audience opt-out --take-back`).",
                "Their refusal stands: only they take it back (`loa audience opt-out --take-back`)."
            ))?;
        }
        Ok(())
    }

    async fn show_suppressed(&self, most: u32) -> anyhow::Result<ExitCode> {
        let listed = suppression::list(&self.db, None, most).await?;
        let counts = suppression::count(&self.db).await?;
        let left_over = leftover::read(&self.db).await?;
        if self.globals.json {
            let addresses: Vec<_> = listed.iter().map(|one| self.as_json(one)).collect();
            let counts: serde_json::Map<_, _> = counts.iter().map(|(cause, n)| (cause.name().to_owned(), json!(n))).collect();
            let left: serde_json::Map<_, _> = left_over.iter().map(|(kind, n)| (kind.name().to_owned(), json!(n))).collect();
            Globals::print_json(&json!({ "suppressed": counts, "addresses": addresses, "left_over": left }))?;
            return Ok(ExitCode::SUCCESS);
        }
        if listed.is_empty() {
            self.say(&phrase!("Thư chưa bị dừng ở địa chỉ nào.", "Mail has ended at no address."))?;
        } else {
            let heading = match self.lang() {
                Lang::Vi => ["Địa chỉ", "Mã", "Vì", "Lần cuối", "Máy chủ nói", "Số thư", "Từ lúc"],
                Lang::En => ["Address", "Reference", "Because", "Last", "The server said", "Mails", "Since"],
            };
            let rows: Vec<Vec<String>> = listed.iter().map(|one| self.cells(one)).collect();
            write!(io::stdout(), "{}", table::render(&heading, &rows))?;
            let all: i64 = counts.iter().map(|(_, n)| n).sum();
            self.say(&phrase!("Tất cả {all} địa chỉ.", "Addresses in all: {all}."))?;
        }
        for (kind, n) in left_over {
            let what = match kind {
                providers::Leftover::AutoReply => phrase!("trả lời tự động", "answers of machines"),
                providers::Leftover::Challenge => phrase!("yêu cầu xác nhận người gửi", "challenges"),
                providers::Leftover::Unclear => {
                    phrase!("thư không phải thư trả lại: mở hộp thư để đọc", "no bounces: read them in the mailbox")
                }
                providers::Leftover::Stranger => phrase!("thư trả lại không phải của loa", "bounces of nothing of ours"),
            };
            let what = what.text(self.lang());
            self.say(&Phrase::from(format!("{n} {what}")))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Masked; empty where nobody on the lists has it any more.
    fn masked(&self, one: &Listed) -> String {
        let plain = one.sealed.as_deref().and_then(|sealed| self.seal.open(Kind::Email, sealed).ok());
        plain.map(|plain| providers::mask(&plain)).unwrap_or_default()
    }

    fn cells(&self, one: &Listed) -> Vec<String> {
        let of = &one.suppressed;
        let cause = match of.cause {
            Cause::Repeated => phrase!("nhiều lần không tới", "failed again and again"),
            Cause::NoSuchAddress => phrase!("địa chỉ không tồn tại", "no such address"),
            Cause::Complaint => phrase!("người nhận báo là thư rác", "reported as unwanted"),
        };
        let gone = self.lang().pick("(không còn trong danh sách)", "(on no list any more)");
        let at = chrono::DateTime::from_timestamp_millis(of.at)
            .map(|at| at.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).format("%d/%m/%Y %H:%M").to_string());
        let masked = Some(self.masked(one)).filter(|masked| !masked.is_empty());
        vec![
            masked.unwrap_or_else(|| gone.to_owned()),
            one.reference.clone().unwrap_or_default(),
            cause.text(self.lang()).to_string(),
            words::reason(of.reason.name(), self.lang()).to_string(),
            of.detail.clone(),
            of.bounces.to_string(),
            at.unwrap_or_default(),
        ]
    }

    fn as_json(&self, one: &Listed) -> serde_json::Value {
        let of = &one.suppressed;
        json!({
            "address": self.masked(one),
            "ref": one.reference,
            "cause": of.cause.name(),
            "reason": of.reason.name(),
            "detail": of.detail,
            "bounces": of.bounces,
            "at": of.at,
        })
    }
}
