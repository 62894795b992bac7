//! Reminds outlets of the reports that they owe: one mail a day to each, for all of its orders that are overdue, until the final report comes
//! or the order is closed.
//!
//! What enters is the orders that are late ([`chase`]); what leaves is a mail to the outlet's contact by the account of `[notify]`. Of several nodes
//! one sends it, as each order is claimed. What can go wrong: no account can send, and it waits; or the mailbox takes none, which
//! the order's events say.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use providers::Email;

use super::{
    courier::{Courier, Refused},
    mail::{escaped, one_line},
};
use crate::{
    account::Accounts,
    clock::Clock,
    config::Config,
    db::{Db, Result},
    outlet, phrase,
    relay::{Order, Status, chase},
    seal::Seal,
    token,
    words::{self, Lang, Phrase},
};

/// Outlets that one step reminds at most.
const AT_ONCE: i64 = 200;
/// The purpose of the MAC in references of these mails.
const PURPOSE: &str = "reminder";
const DAY: i64 = 24 * 3_600_000;
/// How long a mailbox is left alone that takes no mail for now (milliseconds): greylists want some minutes.
const BUSY: i64 = 15 * 60_000;

/// Reminds.
pub struct Reminder {
    db: Db,
    clock: Clock,
    seal: Seal,
    accounts: Arc<Accounts>,
    /// By which account; none: the first that can.
    by: Option<String>,
    lang: Lang,
    office: String,
    /// Whom an outlet asks.
    contact: Option<String>,
    console: String,
    /// Outlets whose mailboxes take none for now, and until when they are left alone (unix milliseconds).
    busy: Mutex<BTreeMap<i64, i64>>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reminded {
    /// Orders that are late from now on.
    pub late: usize,
    /// Mails that a server took.
    pub mails: usize,
}

impl Reminder {
    /// As the settings say.
    pub fn new(config: &Config, db: &Db, clock: &Clock, seal: &Seal, accounts: &Arc<Accounts>) -> Self {
        let office = config.relay_name();
        Self {
            db: db.clone(),
            clock: clock.clone(),
            seal: seal.clone(),
            accounts: Arc::clone(accounts),
            by: config.notify.account.clone(),
            lang: config.notify.lang,
            office: if office.is_empty() { "Loa".to_string() } else { office.to_string() },
            contact: config.relay.contact.clone(),
            console: config.console_url(),
            busy: Mutex::default(),
        }
    }

    fn busy(&self) -> MutexGuard<'_, BTreeMap<i64, i64>> {
        // It is whole after each statement: whoever broke off left nothing half done.
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks what is late now, and reminds those who were not reminded for a day.
    pub async fn step(&self) -> Result<Reminded> {
        let now = self.clock.millis();
        let mut reminded = Reminded::default();
        loop {
            match chase::mark(&self.db, now).await? {
                0 => break,
                late => reminded.late += late,
            }
        }
        let courier = Courier { db: &self.db, clock: &self.clock, accounts: &self.accounts, by: self.by.as_deref() };
        // Without an account nothing is claimed.
        let Some(account) = courier.account() else { return Ok(reminded) };
        let due = chase::due(&self.db, AT_ONCE, now).await?;
        self.busy().retain(|_, until| *until > now);
        let mut can_send = true;
        for orders in due.chunk_by(|one, next| one.outlet == next.outlet) {
            let Some(first) = orders.first() else { continue };
            // A mailbox that is full keeps no other waiting.
            if !can_send || self.busy().contains_key(&first.outlet) {
                self.noted(orders, &Err(Refused::ForNow(String::new())), now).await?;
                continue;
            }
            let Some(to) = outlet::contact(&self.db, &self.seal, first.outlet).await? else {
                let why = "the contact's mailbox was sealed with another key: write it again";
                self.noted(orders, &Err(Refused::ForGood(why.into())), now).await?;
                continue;
            };
            let has_page = !outlet::users(&self.db, first.outlet).await?.is_empty();
            let mail = self.mail(orders, has_page, now);
            let day = u8::try_from(now.div_euclid(DAY).rem_euclid(256)).unwrap_or(0);
            let reference = token::encode(first.id, day, |bytes| self.seal.mac(PURPOSE, bytes));
            let sent = courier.send(&account, reference, &to, &mail).await?;
            can_send = !matches!(sent, Err(Refused::ForNow(_)));
            if matches!(sent, Err(Refused::Busy(_))) {
                self.busy().insert(first.outlet, now + BUSY);
            }
            reminded.mails += usize::from(sent.is_ok());
            self.noted(orders, &sent, now).await?;
        }
        Ok(reminded)
    }

    /// Writes down what became of a mail about these orders.
    async fn noted(&self, orders: &[Order], sent: &std::result::Result<(), Refused>, now: i64) -> Result<()> {
        for order in orders {
            match sent {
                Ok(()) => chase::done(&self.db, order, true, now).await?,
                Err(Refused::Busy(why) | Refused::ForNow(why)) => {
                    tracing::debug!(order = order.identifier, why, "a reminder waits");
                    chase::done(&self.db, order, false, now).await?;
                }
                Err(Refused::ForGood(why)) => {
                    tracing::warn!(order = order.identifier, why, "an outlet could not be reminded");
                    chase::undeliverable(&self.db, order, why, now).await?;
                }
            }
        }
        Ok(())
    }

    /// The mail: a line an order, and whom to ask.
    fn mail(&self, orders: &[Order], has_page: bool, now: i64) -> Email {
        let lang = self.lang;
        let outlet = orders.first().map_or("", |order| order.outlet_title.as_str());
        let office = &self.office;
        let subject = if let [one] = orders {
            let title = &one.content.title;
            phrase!("Nhắc báo cáo quá hạn: {title}", "A report is overdue: {title}")
        } else {
            let n = orders.len();
            phrase!("Nhắc báo cáo: {n} yêu cầu quá hạn", "{n} reports are overdue")
        };
        let dear = phrase!("Kính gửi {outlet},", "To {outlet},");
        let begins = phrase!(
            "{office} chưa nhận được báo cáo cuối cùng của các yêu cầu sau:",
            "{office} has not received the final report of:"
        );
        let asks = phrase!(
            "Đề nghị quý đơn vị gửi báo cáo; nếu chưa gửi được, xin báo lý do và thời điểm sẽ gửi.",
            "Please send it; if you cannot yet, say why, and when you will."
        );
        let contact = self.contact.as_ref().map(|contact| phrase!("Đầu mối: {contact}.", "Whom to ask: {contact}."));
        let why = phrase!(
            "Loa của {office} tự gửi thư này, mỗi ngày một lần cho đến khi nhận được báo cáo cuối cùng.",
            "Loa of {office} sends this by itself, once a day until the final report comes."
        );
        let (mut text, mut rows) = (format!("{}\n\n{}\n", dear.text(lang), begins.text(lang)), String::new());
        // Writing into a text cannot fail.
        for order in orders {
            let told = line(order, lang, now);
            let _ = writeln!(text, "- {told}");
            let _ = write!(rows, "<li style=\"margin:0 0 12px\">{}", escaped(&told));
            if has_page {
                let page = format!("{}/partner/orders/{}", self.console, order.identifier);
                let _ = writeln!(text, "  {page}");
                let _ = write!(rows, "<br><a href=\"{0}\">{0}</a>", escaped(&page));
            }
            rows.push_str("</li>");
        }
        let _ = writeln!(text, "\n{}", asks.text(lang));
        let contact = contact.map(|contact| contact.text(lang).to_string()).unwrap_or_default();
        if !contact.is_empty() {
            let _ = writeln!(text, "{contact}");
        }
        let _ = writeln!(text, "\n{}", why.text(lang));
        let html = format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\
             <body style=\"font-family:sans-serif;line-height:1.5\"><p>{}</p><p>{}</p><ul style=\"padding-left:20px\">{rows}</ul>\
             <p>{}</p><p>{}</p><p style=\"color:#555\">{}</p></body></html>",
            lang.pick("vi", "en"),
            escaped(subject.text(lang)),
            escaped(dear.text(lang)),
            escaped(begins.text(lang)),
            escaped(asks.text(lang)),
            escaped(&contact),
            escaped(why.text(lang)),
        );
        Email {
            to_name: Some(outlet.to_string()).filter(|title| !title.is_empty()),
            subject: one_line(subject.text(lang)),
            text,
            html,
            attachments: Vec::new(),
            pictures: Vec::new(),
            unsubscribe_url: None,
            list: None,
            language: lang.pick("vi", "en").to_string(),
            urgent: false,
        }
    }
}

/// `Nhận diện lừa đảo (loa-17-viettel-6adf0240): hạn báo cáo 17:00 22/11/2026, quá hạn 2 ngày`.
fn line(order: &Order, lang: Lang, now: i64) -> String {
    let (title, identifier) = (&order.content.title, &order.identifier);
    let what = match order.status {
        Status::Actual => String::new(),
        status => format!("[{}] ", status.label().text(lang)),
    };
    let due = order.report_by.unwrap_or(now);
    let (by, days) = (words::moment(due, lang), (now - due).div_euclid(DAY));
    let late = if days > 0 { phrase!(", quá hạn {days} ngày", ", {days} days ago") } else { Phrase::default() };
    let (late_vi, late_en) = (&late.vi, &late.en);
    phrase!("{what}{title} ({identifier}): hạn báo cáo {by}{late_vi}", "{what}{title} ({identifier}): due {by}{late_en}")
        .text(lang)
        .to_string()
}
