//! `loa sandbox`: the stand-in gateways alone, until Ctrl-C.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;

use crate::{
    clock::Clock,
    sandbox::{
        Behaviour, Credentials, Gateway, Options, Outstanding, Sandbox,
        behaviour::MAGIC,
        partner::{self, Habit, Member, Partner},
        smpp::{Habits, Ids, Receipts},
        zalo::{self, Signature},
    },
};

/// Run the stand-in gateways alone: SMTP, a carrier over SMPP, and eSMS, SpeedSMS, VNPT, VietGuys, Kannel, FPT, Stringee, Viettel,
/// Zalo and Telegram over HTTP.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[command(after_help = forced())]
pub struct Args {
    /// Where the SMTP server listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2525")]
    smtp: SocketAddr,
    /// Where the HTTP gateways listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    http: SocketAddr,
    /// Where the SMPP carrier listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2775")]
    smpp: SocketAddr,
    /// Time before an answer: milliseconds, or a range such as 20-200.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = range)]
    latency: (u64, u64),
    /// Share of messages refused for good, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    fail: f64,
    /// Share of messages told to come back later.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    later: f64,
    /// Share of messages taken without any receipt.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    silent: f64,
    /// Share of receipts that report failure.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    undelivered: f64,
    /// Share of receipts sent twice.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    duplicate: f64,
    /// Share of receipts sent before the answer.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    early: f64,
    /// Time from the answer to the receipt: milliseconds, or a range, which reorders them.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = range)]
    delay: (u64, u64),
    /// Share of connections closed without an answer.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    cut: f64,
    /// Of those, the share whose message was taken nevertheless.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    cut_taken: f64,
    /// Share of delivered messages that the phone answers, with TC and the like; over SMPP only.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    smpp_replies: f64,
    /// The only `system_id` and password let in over SMPP; without, any that are not empty.
    #[arg(long, value_name = "USER:PASSWORD", value_parser = login)]
    smpp_login: Option<Credentials>,
    /// How SMPP ids are written; `hex-decimal`: answers in the one, receipts in the other.
    #[arg(long, value_name = "FORM", default_value = "hex", value_parser = clap::builder::PossibleValuesParser::new(FORMS.map(|(name, _)| name)))]
    smpp_ids: String,
    /// Where an SMPP receipt says what it is about: in its TLVs, its text, or both.
    #[arg(long, value_name = "WHERE", default_value = "both", value_parser = ["both", "tlv", "text"])]
    smpp_receipts: String,
    /// The SMPP receipt of a message in UCS-2 is itself in UCS-2.
    #[arg(long)]
    smpp_ucs2_receipts: bool,
    /// Of the SMPP submissions told to come back later, the share told that the queue is full.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    smpp_queue_full: f64,
    /// An SMPP refusal is nothing but its header.
    #[arg(long)]
    smpp_bare_errors: bool,
    /// After every so many SMPP submissions, the last one's connection breaks off.
    #[arg(long, value_name = "N")]
    smpp_disconnect_every: Option<NonZeroU32>,
    /// How long Zalo's access tokens are good, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 90_000)]
    zalo_token_life: u64,
    /// After how many messages a Zalo access token ends; without, only after its time.
    #[arg(long, value_name = "N")]
    zalo_token_sends: Option<u32>,
    /// Zalo's template messages to phone numbers a day.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    zalo_quota: u32,
    /// How Zalo's webhooks are signed: by which id, with the time of the body or of a header, and by whose secret.
    #[arg(long, value_name = "ID,TIME,SECRET", default_value = "app_id,body,oa_secret", value_parser = signature)]
    zalo_signature: Signature,
    /// Whether people open what comes by Zalo.
    #[arg(long)]
    zalo_seen: bool,
    /// Submissions a second that each gateway takes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    throttle: Option<u32>,
    /// Where SpeedSMS and Zalo send their receipts, and eSMS those of requests without a `CallbackUrl`.
    #[arg(long, value_name = "URL")]
    receipts_to: Option<String>,
    /// Where the SMTP server's bounces go, of mails whose receipt would report failure: a Maildir on this machine.
    #[arg(long, value_name = "MAILDIR")]
    bounces: Option<PathBuf>,
    /// Append every message taken to this file, one JSON object a line. It holds whole addresses.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Where a carrier's stand-in takes pushed relay orders, below `/OUTLET`; without it there is none.
    #[arg(long, value_name = "ADDRESS")]
    partner: Option<SocketAddr>,
    /// The Loa that it answers and reports to.
    #[arg(long, value_name = "URL", requires = "partner")]
    partner_office: Option<String>,
    /// An outlet that it plays, with a token of its user there: `OUTLET=TOKEN`, or `OUTLET=@FILE`; again for more.
    #[arg(long = "partner-as", value_name = "OUTLET=TOKEN", requires = "partner", value_parser = played)]
    partner_as: Vec<(String, String)>,
    /// It asks for its orders, instead of waiting for them.
    #[arg(long, requires = "partner")]
    partner_pulls: bool,
    /// What it does otherwise than it should, also by an outlet's name (`viettel-wrong-twice`): wrong, twice, falls, late, silent,
    /// refuses, doubtful.
    #[arg(long, value_name = "HABIT", requires = "partner", value_delimiter = ',', value_parser = habit)]
    partner_habits: Vec<Habit>,
    /// Reports of each order, the last one final.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    partner_steps: u32,
    /// Between one thing that it says of an order and the next: milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    partner_every: u64,
    /// One seed, one fate for each message.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Drop the receipts that are still due when it is ended, instead of sending them at once.
    #[arg(long)]
    drop_receipts: bool,
}

/// Serves until Ctrl-C or SIGTERM, then prints the counts as one JSON object.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let outstanding = if args.drop_receipts { Outstanding::Drop } else { Outstanding::Deliver };
    let (partner, every) = (args.partner_options(), Duration::from_millis(args.partner_every));
    let sandbox = Sandbox::start(args.options()).await?;
    let interrupted = interrupted()?;
    if let (Some(smtp), Some(smpp), Some(http)) = (sandbox.smtp_addr(), sandbox.smpp_addr(), sandbox.http_addr()) {
        println!(
            "SMTP {smtp} · SMPP {smpp} · eSMS, SpeedSMS, VNPT, VietGuys, Kannel, FPT, Stringee, Viettel, Zalo, Telegram http://{http}"
        );
    }
    match partner {
        Some(options) => {
            let partner = Partner::start(options).await?;
            if let Some(address) = partner.address() {
                println!("relay orders http://{address}/OUTLET");
            }
            tokio::select! {
                ended = interrupted => ended?,
                () = speak(&partner, every) => {}
            }
            partner.stop().await;
        }
        None => interrupted.await?,
    }
    let counts = sandbox.stop(outstanding).await;
    println!("{}", serde_json::to_string(&counts)?);
    Ok(ExitCode::SUCCESS)
}

/// Lets the partner say what is next, again and again.
pub(super) async fn speak(partner: &Partner, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        partner.step().await;
    }
}

impl Args {
    /// The carrier's stand-in, if there is to be one.
    fn partner_options(&self) -> Option<partner::Options> {
        let member = |(outlet, token): &(String, String)| Member {
            outlet: outlet.clone(),
            token: token.clone(),
            pulls: self.partner_pulls,
            habits: self.partner_habits.iter().copied().collect(),
        };
        Some(partner::Options {
            listen: Some(self.partner?),
            office: self.partner_office.clone().unwrap_or_default(),
            members: self.partner_as.iter().map(member).collect(),
            steps: self.partner_steps,
            clock: Clock::system(),
            seed: self.seed,
        })
    }

    fn options(self) -> Options {
        let millis = |(from, through)| Duration::from_millis(from)..=Duration::from_millis(through);
        let behaviour = Behaviour {
            latency: millis(self.latency),
            fail: self.fail,
            later: self.later,
            cut: self.cut,
            cut_taken: self.cut_taken,
            silent: self.silent,
            undelivered: self.undelivered,
            duplicate: self.duplicate,
            early: self.early,
            delay: millis(self.delay),
            throttle: self.throttle,
            zalo: zalo::Habits {
                token_life: Duration::from_secs(self.zalo_token_life),
                token_sends: self.zalo_token_sends,
                quota: self.zalo_quota,
                signature: self.zalo_signature,
                seen: self.zalo_seen,
                ..zalo::Habits::default()
            },
            replies: self.smpp_replies,
            smpp: Habits {
                ids: FORMS.iter().find(|(name, _)| *name == self.smpp_ids).map_or_else(Ids::default, |(_, ids)| *ids),
                receipts: match self.smpp_receipts.as_str() {
                    "tlv" => Receipts::Tlv,
                    "text" => Receipts::Text,
                    _ => Receipts::Both,
                },
                ucs2_receipts: self.smpp_ucs2_receipts,
                queue_full: self.smpp_queue_full,
                bare_errors: self.smpp_bare_errors,
                disconnect_every: self.smpp_disconnect_every,
                ..Habits::default()
            },
            ..Behaviour::default()
        };
        let to_all = |url: String| [Gateway::Esms, Gateway::Speedsms, Gateway::Zalo].map(|gateway| (gateway, url.clone()));
        let maildir = |path: PathBuf| (Gateway::Smtp, crate::sandbox::maildir(&path));
        Options {
            smtp: Some(self.smtp),
            http: Some(self.http),
            smpp: Some(self.smpp),
            behaviour,
            credentials: self.smpp_login.map(|login| (Gateway::Smpp, login)).into_iter().collect(),
            log: self.log,
            remember: false,
            receipts_to: self.receipts_to.map(to_all).into_iter().flatten().chain(self.bounces.map(maildir)).collect(),
            seed: self.seed,
        }
    }
}

/// Listens for Ctrl-C and SIGTERM from now on: whoever has read the addresses may end the command at once.
fn interrupted() -> anyhow::Result<impl Future<Output = anyhow::Result<()>>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut pressed = signal(SignalKind::interrupt()).context("Ctrl-C cannot be listened for")?;
        let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
        Ok(async move {
            tokio::select! {
                _ = pressed.recv() => {}
                _ = terminated.recv() => {}
            }
            Ok(())
        })
    }
    #[cfg(not(unix))]
    Ok(async { tokio::signal::ctrl_c().await.context("Ctrl-C cannot be listened for") })
}

/// How SMPP ids are written, by the names that the option takes.
const FORMS: [(&str, Ids); 5] = [
    ("string", Ids::String),
    ("hex", Ids::Hex),
    ("decimal", Ids::Decimal),
    ("hex-decimal", Ids::HexDecimal),
    ("decimal-hex", Ids::DecimalHex),
];

/// Such as `oa_id,header,secret`.
fn signature(text: &str) -> Result<Signature, String> {
    let (oa_id, header, oa_secret) = match text.split(',').collect::<Vec<_>>()[..] {
        [id @ ("app_id" | "oa_id"), time @ ("body" | "header"), secret @ ("oa_secret" | "secret")] => {
            (id == "oa_id", time == "header", secret == "oa_secret")
        }
        _ => return Err("app_id or oa_id, body or header, oa_secret or secret are needed, such as app_id,body,oa_secret".into()),
    };
    Ok(Signature { oa_id, header, oa_secret })
}

fn played(text: &str) -> Result<(String, String), String> {
    let wrong = || "an outlet and a token are needed, such as viettel=loa_… or viettel=@token.txt".to_owned();
    let (outlet, token) =
        text.split_once('=').filter(|(outlet, token)| !outlet.is_empty() && !token.is_empty()).ok_or_else(wrong)?;
    let token = match token.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?.trim().to_owned(),
        None => token.to_owned(),
    };
    Ok((outlet.to_owned(), token))
}

fn habit(text: &str) -> Result<Habit, String> {
    let found = Habit::ALL.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, habit)| habit).ok_or_else(|| Habit::ALL.map(|(name, _)| name).join(", "))
}

fn login(text: &str) -> Result<Credentials, String> {
    match text.split_once(':') {
        Some((user, secret)) if !user.is_empty() && !secret.is_empty() => {
            Ok(Credentials { user: user.to_owned(), secret: secret.to_owned() })
        }
        _ => Err("a system_id and a password are needed, such as loa:secret".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share from 0 to 1 is needed, such as 0.05".to_owned()),
    }
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, through) = text.split_once('-').unwrap_or((text, text));
    match (from.parse(), through.parse()) {
        (Ok(from), Ok(through)) if from <= through => Ok((from, through)),
        _ => Err("milliseconds are needed, such as 50 or 20-200".to_owned()),
    }
}

fn forced() -> String {
    let list: Vec<String> = MAGIC.iter().map(|(digits, word, _)| format!("{digits:05} or +{word}")).collect();
    format!(
        "Some addresses force an outcome: a phone number or chat id by its last five digits, a mail address by the word after \
         the + of its local part (an+later@example.com):\n  {}",
        list.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_ranges_are_read_or_explained() {
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("2").is_err());
        assert_eq!(range("50"), Ok((50, 50)));
        assert_eq!(range("20-200"), Ok((20, 200)));
        assert!(range("200-20").is_err());
        assert_eq!(login("loa:a:b"), Ok(Credentials { user: "loa".into(), secret: "a:b".into() }));
        assert!(login("loa").is_err());
    }
}
