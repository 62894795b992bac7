//! What people write back: a refusal takes effect and is confirmed once, anything else is kept for an officer to read.
//!
//! What enters is a message from a person, from a callback or over a standing connection: [`Ear::hear`] reads it, and
//! [`take`] stores it in the transaction in which receipts are committed, before its gateway is answered. What leaves is a
//! refusal (or its taking back) in [`consent`], which every claim and every send looks at, and a
//! [`confirmation`] that is owed. The same message twice changes nothing the second time.
//!
//! What people write is personal data. Of a refusal only its own few words are kept, as NĐ 91/2020/NĐ-CP wants for a year at
//! least; whatever else people write is sealed, shown to officers who ask for it, and deleted after a while ([`read::prune`]).
//! What can go wrong is the database alone: then nothing was taken, and the gateway is to repeat it.

pub mod confirmation;
mod link;
pub mod read;
mod words;

pub use link::Link;
pub use words::{Meaning, Words};

use std::time::Duration;

use providers::{Address, Channel, Inbound};

use crate::{
    audience::phone,
    config::OptOut,
    consent::{self, Said, Scope},
    db::{Result, Sql, Tx, affected},
    seal::{Kind, Seal, hex},
    within,
    words::one_line,
};

/// The source of a refusal by text in its record.
const SOURCE: &str = "reply";
/// The purpose of the MAC by which a message without an id is known again.
const KEY: &str = "inbound";
/// For how long a gateway that gives no ids may repeat a callback.
const REPEATS: Duration = Duration::from_hours(1);
/// Letters of a gateway's id that are kept.
const LONGEST_ID: usize = 255;
/// Letters of a message that are kept: six parts of UCS-2. Whoever writes more has said what it is about.
const LONGEST: usize = 402;

/// Reads what people write.
#[derive(Debug, Clone)]
pub struct Ear {
    seal: Seal,
    words: Words,
    scope: Scope,
}

/// A message from a person, read and sealed: nothing of it is in the clear but the words of a refusal.
#[derive(Debug, Clone)]
pub struct Heard {
    account: i64,
    key: String,
    /// The gateway gave an id, so a repeated message is known for certain: the same id with the same words of the same person.
    named: bool,
    channel: Channel,
    /// Keyed hash; none: no person can have this address.
    address: Option<i64>,
    sender: Vec<u8>,
    text: Option<Vec<u8>>,
    meaning: Meaning,
    wording: String,
    scope: Scope,
    /// Whether its refusal is confirmed: whoever pressed a button saw what it did.
    confirmed: bool,
}

impl Heard {
    /// What it says.
    pub const fn meaning(&self) -> Meaning {
        self.meaning
    }
}

impl Ear {
    /// An ear for the words of `[opt_out]`.
    pub fn new(seal: Seal, settings: &OptOut) -> Self {
        let scope = if settings.everything { Scope::All } else { Scope::Awareness };
        Self { seal, words: Words::new(settings), scope }
    }

    /// Reads a message that came by an account of this channel.
    pub fn hear(&self, account: i64, channel: Channel, inbound: &Inbound) -> Heard {
        let from = inbound.from.expose();
        // A number in the form of lists, so that it hashes alike whatever form its gateway uses. Short codes and sender names
        // are machines: nobody to be confirmed anything.
        let address = match channel {
            Channel::Sms => phone::normalise(from).ok(),
            Channel::Email | Channel::Chat => (!from.trim().is_empty()).then(|| from.trim().to_string()),
        };
        let meaning = if address.is_some() { self.words.read(&inbound.text) } else { Meaning::Other };
        let plain = address.as_deref().unwrap_or(from);
        let kept: String = inbound.text.chars().take(LONGEST).collect();
        let said = match meaning {
            Meaning::Other => (Some(self.seal.seal_text(&kept)), String::new()),
            // It is those words and at most a code: nothing personal.
            Meaning::Refuses | Meaning::TakesBack => (None, one_line(&kept)),
        };
        // Beside an id, too: a gateway that began anew gives ids again, and another message of the same id is no repetition.
        let (id, to) = (inbound.id.as_deref().unwrap_or_default(), inbound.to.as_deref().unwrap_or_default());
        let written = format!("{plain}\0{to}\0{}", inbound.text);
        let own: String = id.chars().filter(|c| !c.is_control()).take(LONGEST_ID).collect();
        let key = format!("{own}~{}", hex(&self.seal.mac(KEY, written.as_bytes())[..16]));
        Heard {
            account,
            key,
            named: inbound.id.is_some(),
            channel,
            address: address.as_deref().map(|plain| self.seal.hash(Kind::of(channel), plain)),
            sender: self.seal.seal(Kind::of(channel), plain),
            text: said.0,
            meaning,
            wording: said.1,
            scope: self.scope,
            // Mail is refused by its link, whose page confirms at once.
            confirmed: channel != Channel::Email,
        }
    }

    /// Somebody ended it with a button of their service: they refuse awareness messages to this address, and no more than
    /// that, since a button says nothing of warnings.
    pub fn left(&self, account: i64, channel: Channel, from: &Address, how: &str) -> Heard {
        let from = from.expose().trim();
        let written = format!("{from}\0{how}");
        Heard {
            account,
            key: format!("~{}", hex(&self.seal.mac(KEY, written.as_bytes())[..16])),
            named: false,
            channel,
            address: (!from.is_empty()).then(|| self.seal.hash(Kind::of(channel), from)),
            sender: self.seal.seal(Kind::of(channel), from),
            text: None,
            meaning: Meaning::Refuses,
            wording: one_line(how),
            scope: Scope::Awareness,
            confirmed: false,
        }
    }

    /// Somebody told their chat service a phone number: which people of the list are meant. None: that is no number.
    pub fn knows(&self, channel: Channel, user: &Address, phone: &Address) -> Option<Link> {
        let phone = phone::normalise(phone.expose()).ok()?;
        (channel == Channel::Chat).then(|| Link::new(&self.seal, user.expose().trim(), &phone)).flatten()
    }
}

static LOCK: Sql = Sql::new(r"SELECT id FROM account a WHERE id = $1 :lock(a)");

static KNOWN: Sql = Sql::new(r"SELECT EXISTS (SELECT 1 FROM inbound WHERE account = $1 AND key = $2 AND at > $3)");

static LAST: Sql = Sql::new(
    r"SELECT EXISTS (SELECT 1 FROM inbound i WHERE i.account = $1 AND i.key = $2 AND i.at > $3
                     AND i.id = (SELECT max(id) FROM inbound WHERE channel = $4 AND address = $5))",
);

static KEEP: Sql = Sql::new(
    r"INSERT INTO inbound (account, key, channel, address, sender, text, meaning, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
);

/// Stores messages and lets their refusals take effect. How many were new.
pub async fn take(tx: &mut Tx, heard: &[Heard], now: i64) -> Result<usize> {
    let mut new = 0;
    // In the order of the accounts, whose rows keep two nodes from taking the same message at once.
    let mut ordered: Vec<&Heard> = heard.iter().collect();
    ordered.sort_by_key(|heard| heard.account);
    for heard in ordered {
        within!(tx, |c, sql| sqlx::query(sql(&LOCK)).bind(heard.account).execute(c).await.map(affected))?;
        if is_repeated(tx, heard, now).await? {
            continue;
        }
        new += 1;
        within!(tx, |c, sql| {
            sqlx::query(sql(&KEEP))
                .bind(heard.account)
                .bind(&heard.key)
                .bind(heard.channel as i16)
                .bind(heard.address)
                .bind(&heard.sender)
                .bind(&heard.text)
                .bind(heard.meaning as i16)
                .bind(now)
                .execute(c)
                .await
                .map(affected)
        })?;
        let Some(address) = heard.address else { continue };
        let said = Said { source: SOURCE, wording: &heard.wording, at: now };
        match heard.meaning {
            Meaning::Other => continue,
            Meaning::Refuses => consent::refuse(tx, heard.channel, address, heard.scope, said).await?,
            Meaning::TakesBack => consent::take_back(tx, heard.channel, address, said).await?,
        };
        if heard.confirmed {
            confirmation::owe(tx, heard, address, now).await?;
        }
    }
    Ok(new)
}

/// Whether this message was taken before. Without an id nobody knows: of a refusal only an immediate repetition is one,
/// since refusing anew after having taken back must work at once; a taking back must not undo a later refusal because a
/// gateway repeated it, so that is taken once within the time in which gateways repeat.
async fn is_repeated(tx: &mut Tx, heard: &Heard, now: i64) -> Result<bool> {
    let since = if heard.named { 0 } else { now - i64::try_from(REPEATS.as_millis()).unwrap_or(i64::MAX) };
    let last = !heard.named && heard.meaning == Meaning::Refuses;
    within!(tx, |c, sql| {
        if last {
            sqlx::query_scalar(sql(&LAST))
                .bind(heard.account)
                .bind(&heard.key)
                .bind(since)
                .bind(heard.channel as i16)
                .bind(heard.address)
                .fetch_one(c)
                .await
        } else {
            sqlx::query_scalar(sql(&KNOWN)).bind(heard.account).bind(&heard.key).bind(since).fetch_one(c).await
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use providers::Address;

    use super::*;
    use crate::config::SecretKey;

    fn heard(from: &str, text: &str) -> Heard {
        let seal = Seal::new(&SecretKey(Arc::new(secrecy::SecretBox::new(Box::new([1; 32])))), &[]);
        let inbound = Inbound { from: Address::new(from), to: None, text: text.into(), id: None };
        Ear::new(seal, &OptOut::default()).hear(1, Channel::Sms, &inbound)
    }

    #[test]
    fn a_number_is_known_in_every_form() {
        let known = heard("+84381234567", "TC");
        assert!(known.address.is_some());
        for from in ["84381234567", "0381234567", "01681234567", "+841681234567"] {
            assert_eq!((heard(from, "TC").address, heard(from, "TC").key), (known.address, known.key.clone()), "{from}");
        }
    }

    #[test]
    fn machines_refuse_nothing() {
        for from in ["VIETTEL", "5656", "19001234", ""] {
            let heard = heard(from, "TC");
            assert_eq!((heard.address, heard.meaning), (None, Meaning::Other), "{from}");
        }
    }

    #[test]
    fn only_the_words_of_a_refusal_are_in_the_clear() {
        let refusal = heard("0901234567", " Từ chối\n SOVHTTDL");
        assert_eq!((refusal.wording.as_str(), refusal.text.is_none()), ("Từ chối SOVHTTDL", true));
        let question = heard("0901234567", "Con tôi là An, tin này thật không?");
        assert_eq!((question.wording.as_str(), question.text.is_some()), ("", true));
    }
}
