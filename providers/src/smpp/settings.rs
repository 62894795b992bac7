//! What an SMPP account is configured with, and the keys of loa.toml that say it (`docs/smpp.md` explains each).

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use chrono::{DateTime, FixedOffset, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::status::{Verdict, verdict_named};
use crate::keys::{KeyError, Keys};

/// Tells the time: validity is said in it.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;
/// A random number in 0…1: spreads reconnections, and begins the references of long messages.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// How the account is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// One connection for both ways.
    Transceiver,
    /// A transmitter and a receiver.
    Pair,
}

/// How a text of several parts is joined on the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Long {
    /// A user data header before each part (3GPP TS 23.040, section 9.2.3.24.1): the phone joins them.
    Udh,
    /// SAR TLVs (section 5.3.2.22 ff.): the carrier makes the headers.
    Sar,
    /// The whole text in `message_payload` (section 5.3.2.32): the carrier splits.
    Payload,
}

/// What `data_coding` 0 means at this carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// GSM 03.38, one septet an octet.
    Gsm,
    /// ISO 8859-1.
    Latin1,
    /// ASCII.
    Ascii,
}

/// How a message's validity is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// As a span from the carrier's now (section 7.1.1, `R`).
    Relative,
    /// As a time in UTC.
    Absolute,
    /// Not at all: the carrier's own default holds.
    None,
}

/// How the id in a receipt relates to the id in the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// They are the same text.
    String,
    /// Responses are hexadecimal, receipts decimal.
    HexToDec,
    /// Responses are decimal, receipts hexadecimal.
    DecToHex,
    /// Found out from both (see [`super::ids`]).
    Auto,
}

/// Type of number and numbering plan (sections 5.2.5 and 5.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// Type of number.
    pub ton: u8,
    /// Numbering plan.
    pub npi: u8,
}

/// An account on a carrier's SMPP server.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "settings of their own, each on or off")]
pub struct Settings {
    /// Name or IP address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is secured from its first byte on.
    pub tls: bool,
    /// How it is bound.
    pub bind: Bind,
    /// Connections, or pairs of them.
    pub binds: u32,
    /// Who signs in.
    pub system_id: String,
    /// With what.
    pub password: SecretString,
    /// The kind of system, where the carrier asks for it.
    pub system_type: String,
    /// The service, where the carrier asks for it.
    pub service_type: String,
    /// The source address: a name or a number.
    pub sender: String,
    /// Of the source address.
    pub source: Numbering,
    /// Of the destination.
    pub dest: Numbering,
    /// How long texts are joined.
    pub long: Long,
    /// Whether a header's reference has two octets instead of one.
    pub wide_reference: bool,
    /// What `data_coding` carries.
    pub charset: Charset,
    /// The `data_coding` of texts in the charset.
    pub data_coding: u8,
    /// The `data_coding` of texts in UCS-2.
    pub data_coding_unicode: u8,
    /// Whether texts may be sent in UCS-2.
    pub unicode: bool,
    /// How validity is said.
    pub validity: Validity,
    /// The longest validity that the carrier takes.
    pub max_validity: Option<Duration>,
    /// How ids relate.
    pub ids: Ids,
    /// The time zone of dates in receipts.
    pub receipt_zone: FixedOffset,
    /// For each part from when it may go to its answer.
    pub timeout: Duration,
    /// After this long without a word, the connection is asked whether it lives.
    pub idle: Duration,
    /// What the carrier's own codes mean.
    pub codes: BTreeMap<u32, Verdict>,
    /// Outstanding submissions at most, over all binds.
    pub window: u32,
    /// Whether receipts are asked for.
    pub receipts: bool,
    /// Whether the server may have a loopback or private address.
    pub allow_private: bool,
    /// Trusted certificates beside the system's own (PEM).
    pub ca_pem: Option<Vec<u8>>,
    /// The clock.
    pub now: Now,
    /// Chance.
    pub jitter: Jitter,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("bind", &self.bind)
            .field("binds", &self.binds)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// What the account table says of every gateway, whatever its kind.
#[derive(Clone)]
pub struct Surroundings {
    /// The account's window.
    pub window: u32,
    /// Whether the account has receipts.
    pub receipts: bool,
    /// Its `allow_private`.
    pub allow_private: bool,
    /// Content of `[network] ca_file`.
    pub ca_pem: Option<Vec<u8>>,
    /// The clock.
    pub now: Now,
    /// Chance.
    pub jitter: Jitter,
}

/// Keys of an `smpp` account, beside those that every account has.
pub const KEYS: [&str; 26] = [
    "host",
    "port",
    "tls",
    "bind",
    "binds",
    "system_id",
    "password",
    "system_type",
    "service_type",
    "sender",
    "source_ton",
    "source_npi",
    "dest_ton",
    "dest_npi",
    "long",
    "reference",
    "charset",
    "data_coding",
    "data_coding_unicode",
    "unicode",
    "validity",
    "max_validity",
    "ids",
    "receipt_zone",
    "timeout",
    "codes",
];

/// The default of `timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The default of silence before a connection is asked whether it lives.
const IDLE: Duration = Duration::from_secs(30);
/// Vietnam's time, which has no summer time: seconds east of UTC.
const VIETNAM: i32 = 7 * 3600;

impl Settings {
    /// Reads the keys of an account's table. An unknown key is an error that names the nearest known one.
    pub fn from_keys(
        settings: &BTreeMap<String, toml::Value>,
        secrets: &BTreeMap<String, SecretString>,
        surroundings: Surroundings,
    ) -> Result<Self, KeyError> {
        let keys = Keys::new("smpp", &KEYS, settings, secrets)?;
        let tls = keys.choice("tls", &[("none", false), ("implicit", true)], false)?;
        let password = keys
            .secret("password")
            .cloned()
            .ok_or_else(|| KeyError::new("password", "is missing, such as password = { env = \"SMPP_PASSWORD\" }"))?;
        octets(
            "password",
            password.expose_secret(),
            8,
            "SMPP 3.4 carries at most 8 characters: ask the carrier for a shorter one",
        )?;
        let short = |key: &str, most: usize| {
            let text = keys.text(key)?.unwrap_or_default();
            octets(key, &text, most, &format!("must be at most {most} characters of ASCII")).map(|()| text)
        };
        keys.required("system_id", "loa01")?;
        keys.required("sender", "SoVHTT")?;
        let sender = short("sender", 20)?;
        let source = numbering(&sender);
        let number = |key: &str, default: u8| keys.number(key, 0..=u8::MAX).map(|number| number.unwrap_or(default));
        let binds = keys.number("binds", 1..=100)?.unwrap_or(1);
        if binds > surroundings.window {
            let why = format!("{binds} binds cannot share a window of {}: set window = {binds} or more", surroundings.window);
            return Err(KeyError::new("binds", why));
        }
        Ok(Self {
            host: keys.required("host", "smpp.example.vn")?,
            port: keys.number("port", 1..=u16::MAX)?.unwrap_or(if tls { 3550 } else { 2775 }),
            tls,
            bind: keys.choice("bind", &[("transceiver", Bind::Transceiver), ("pair", Bind::Pair)], Bind::Transceiver)?,
            binds,
            system_id: short("system_id", 15)?,
            password,
            system_type: short("system_type", 12)?,
            service_type: short("service_type", 5)?,
            source: Numbering { ton: number("source_ton", source.ton)?, npi: number("source_npi", source.npi)? },
            dest: Numbering { ton: number("dest_ton", 1)?, npi: number("dest_npi", 1)? },
            sender: sender.trim_start_matches('+').to_owned(),
            long: keys.choice("long", &[("udh", Long::Udh), ("sar", Long::Sar), ("payload", Long::Payload)], Long::Udh)?,
            wide_reference: keys.number("reference", 8..=16)?.map_or(Ok(false), |bits: u8| match bits {
                8 => Ok(false),
                16 => Ok(true),
                _ => Err(KeyError::new("reference", "must be 8 or 16: the bits of a long message's reference")),
            })?,
            charset: keys.choice(
                "charset",
                &[("gsm", Charset::Gsm), ("latin1", Charset::Latin1), ("ascii", Charset::Ascii)],
                Charset::Gsm,
            )?,
            data_coding: number("data_coding", 0)?,
            data_coding_unicode: number("data_coding_unicode", 8)?,
            unicode: keys.truth("unicode", true)?,
            validity: keys.choice(
                "validity",
                &[("relative", Validity::Relative), ("absolute", Validity::Absolute), ("none", Validity::None)],
                Validity::Relative,
            )?,
            max_validity: keys.seconds("max_validity", 60..=99 * 86_400)?,
            ids: keys.choice(
                "ids",
                &[("string", Ids::String), ("hex-to-dec", Ids::HexToDec), ("dec-to-hex", Ids::DecToHex), ("auto", Ids::Auto)],
                Ids::String,
            )?,
            receipt_zone: zone(keys.text("receipt_zone")?.as_deref())?,
            timeout: keys.seconds("timeout", 1..=60)?.unwrap_or(TIMEOUT),
            idle: IDLE,
            codes: codes(keys.value("codes"))?,
            window: surroundings.window,
            receipts: surroundings.receipts,
            allow_private: surroundings.allow_private,
            ca_pem: surroundings.ca_pem,
            now: surroundings.now,
            jitter: surroundings.jitter,
        })
    }
}

fn octets(key: &str, text: &str, most: usize, otherwise: &str) -> Result<(), KeyError> {
    let fits = text.len() <= most && text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control());
    if fits { Ok(()) } else { Err(KeyError::new(key, otherwise)) }
}

/// What a source address usually is: international with a plus, a name with a letter, else for the carrier to tell.
fn numbering(sender: &str) -> Numbering {
    if sender.starts_with('+') {
        Numbering { ton: 1, npi: 1 }
    } else if sender.bytes().all(|byte| byte.is_ascii_digit()) {
        Numbering { ton: 0, npi: 1 }
    } else {
        Numbering { ton: 5, npi: 0 }
    }
}

fn zone(written: Option<&str>) -> Result<FixedOffset, KeyError> {
    let wrong = || KeyError::new("receipt_zone", "must be an offset from UTC such as \"+07:00\"");
    match written {
        None => FixedOffset::east_opt(VIETNAM).ok_or_else(wrong),
        Some(text) => text.parse().map_err(|_| wrong()),
    }
}

fn codes(value: Option<&toml::Value>) -> Result<BTreeMap<u32, Verdict>, KeyError> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let shape = "must be a table of the carrier's codes, such as { \"0x0400\" = \"template\" }";
    let table = value.as_table().ok_or_else(|| KeyError::new("codes", shape))?;
    let code = |(code, meaning): (&String, &toml::Value)| {
        let number = match code.strip_prefix("0x").or_else(|| code.strip_prefix("0X")) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => code.parse(),
        };
        let number = number.map_err(|_| KeyError::new("codes", format!("{code:?} is no code; {shape}")))?;
        let named = meaning.as_str().and_then(verdict_named);
        let verdict = named.ok_or_else(|| {
            let known =
                "retry, pace, account, misconfigured, opted-out, or a reason such as template, content, blocked, quota, funds";
            KeyError::new("codes", format!("{code} must mean one of {known}"))
        })?;
        Ok((number, verdict))
    };
    table.iter().map(code).collect()
}
