//! A folder read by IMAP (RFC 9051 and RFC 3501): one connection that is kept, told of new mails where the server can (IDLE).
//!
//! A mail counts as handled once it has the keyword `LoaRead`, so that people may read the folder too; a server that keeps no
//! keywords is told that it was seen. With `move_to` it goes to another folder instead. Mails are fetched without changing
//! anything (PEEK), in the order in which they came, and only their beginning.

use std::{sync::Arc, time::Duration};

use async_imap::{Client, Session};
use base64::{
    Engine as _,
    alphabet::IMAP_MUTF7,
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};
use futures::{StreamExt as _, TryStreamExt as _};
use rustls::ClientConfig;
use secrecy::ExposeSecret as _;

use super::{ImapSettings, Key, LONGEST, MailboxFault, TOGETHER, in_time};
use crate::{
    network::{self, TrustFault, Unreached, Wire},
    smtp::{BuildError, Tls, scrubbed},
};

/// The longest that a server is left to tell of new mails: after half an hour it may hang up (RFC 2177).
const IDLE: Duration = Duration::from_mins(25);
/// What marks a mail as handled.
const KEYWORD: &str = "LoaRead";

/// A folder of an IMAP server.
pub(super) struct Imap {
    settings: ImapSettings,
    tls: Arc<ClientConfig>,
    open: Option<Open>,
}

/// A connection with the folder selected.
struct Open {
    session: Session<Box<dyn Wire>>,
    /// Whether the server keeps our keyword.
    keywords: bool,
    /// Whether it tells of new mails by itself.
    idles: bool,
}

impl Imap {
    pub(super) fn new(settings: ImapSettings) -> Result<Self, BuildError> {
        if settings.tls == Tls::None && !settings.allow_private {
            return Err(BuildError::ClearPassword);
        }
        let tls = network::tls(settings.tls != Tls::None, settings.ca_pem.as_deref()).map_err(|fault| match fault {
            TrustFault::None(why) => BuildError::NoTrust(why),
            TrustFault::BadPem(why) => BuildError::BadPem(why),
        })?;
        Ok(Self { settings, tls: Arc::new(tls), open: None })
    }

    /// The oldest mails that nobody has handled.
    pub(super) async fn unread(&mut self) -> Result<Vec<(Key, Vec<u8>)>, MailboxFault> {
        // Put back only if all went well: a connection that failed, or whose step was given up, is out of step.
        let mut open = self.take().await?;
        let wanted = if open.keywords { format!("UNKEYWORD {KEYWORD} UNDELETED") } else { "UNSEEN UNDELETED".to_owned() };
        let found = in_time("SEARCH", open.session.uid_search(wanted)).await?;
        let mut uids: Vec<u32> = found.into_iter().collect();
        uids.sort_unstable();
        uids.truncate(TOGETHER);
        let mut mails = Vec::new();
        if !uids.is_empty() {
            let fetched = async {
                let mut stream = open.session.uid_fetch(set(&uids), format!("(UID BODY.PEEK[]<0.{LONGEST}>)")).await?;
                while let Some(fetch) = stream.next().await {
                    let fetch = fetch?;
                    if let (Some(uid), Some(body)) = (fetch.uid, fetch.body()) {
                        mails.push((Key::Uid(uid), body.to_vec()));
                    }
                }
                Ok::<_, async_imap::error::Error>(())
            };
            in_time("FETCH", fetched).await?;
        }
        // A mail without any octets is handed over all the same: it would be found again for ever.
        let missing = uids.iter().filter(|uid| !mails.iter().any(|(key, _)| *key == Key::Uid(**uid)));
        let missing: Vec<_> = missing.map(|uid| (Key::Uid(*uid), Vec::new())).collect();
        mails.extend(missing);
        self.open = Some(open);
        Ok(mails)
    }

    /// Marks mails as handled, or moves them.
    pub(super) async fn mark(&mut self, keys: &[Key]) -> Result<(), MailboxFault> {
        let uids: Vec<u32> = keys.iter().filter_map(|key| if let Key::Uid(uid) = key { Some(*uid) } else { None }).collect();
        if uids.is_empty() {
            return Ok(());
        }
        let mut open = self.take().await?;
        let flags = if open.keywords { format!("+FLAGS.SILENT ({KEYWORD} \\Seen)") } else { "+FLAGS.SILENT (\\Seen)".to_owned() };
        let marked = async {
            let stream = open.session.uid_store(set(&uids), flags).await?;
            stream.try_for_each(|_| async { Ok(()) }).await
        };
        in_time("STORE", marked).await?;
        if let Some(folder) = &self.settings.move_to {
            in_time("MOVE", open.session.uid_mv(set(&uids), wire_name(folder))).await?;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Waits until the server says that something changed, or for that long.
    pub(super) async fn wait(&mut self, every: Duration) {
        let Some(Open { session, keywords, idles: true }) = self.open.take_if(|open| open.idles) else {
            return tokio::time::sleep(every).await;
        };
        let mut idle = session.idle();
        let idled = async {
            idle.init().await?;
            let (changed, stop) = idle.wait_with_timeout(every.min(IDLE));
            changed.await?;
            drop(stop);
            idle.done().await
        };
        // A connection that broke off meanwhile is opened anew, after a while.
        match idled.await {
            Ok(session) => self.open = Some(Open { session, keywords, idles: true }),
            Err(_) => tokio::time::sleep(every).await,
        }
    }

    /// Whether the folder can be opened.
    pub(super) async fn test(&mut self) -> Result<String, MailboxFault> {
        let unread = self.unread().await?.len();
        let more = if unread == TOGETHER { " or more" } else { "" };
        Ok(format!("{unread}{more} unread bounces"))
    }

    /// Says goodbye.
    pub(super) async fn leave(&mut self) {
        if let Some(mut open) = self.open.take() {
            // Whatever it answers: nothing is asked of it any more.
            let _ = in_time("LOGOUT", open.session.logout()).await;
        }
    }

    async fn take(&mut self) -> Result<Open, MailboxFault> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<Open, MailboxFault> {
        let ImapSettings { host, port, tls, username, password, folder, allow_private, .. } = &self.settings;
        let reached = |unreached| match unreached {
            Unreached::Setup(why) | Unreached::Lost(why) => MailboxFault::new(why),
        };
        let tcp = in_time("connecting", async { network::connect(host, *port, *allow_private).await.map_err(reached) });
        let tcp = tcp.await?;
        let secure = async |wire: Box<dyn Wire>| {
            in_time("TLS", async { network::secured(host, &self.tls, wire).await.map_err(reached) }).await
        };
        let wire: Box<dyn Wire> = if *tls == Tls::Implicit { secure(Box::new(tcp)).await? } else { Box::new(tcp) };
        let mut client = Client::new(wire);
        if in_time("greeting", client.read_response()).await?.is_none() {
            return Err(MailboxFault::new(format!("{host}:{port} hung up without a greeting")));
        }
        if *tls == Tls::StartTls {
            in_time("STARTTLS", client.run_command_and_check_ok("STARTTLS", None)).await?;
            client = Client::new(secure(client.into_inner()).await?);
        }
        let login =
            async { client.login(username, password.expose_secret()).await.map_err(|(error, _)| scrubbed(&error.to_string())) };
        let mut session = in_time("signing in", login).await?;
        let idles = in_time("CAPABILITY", session.capabilities()).await?.has_str("IDLE");
        if let Some(folder) = &self.settings.move_to {
            let name = wire_name(folder);
            // Asked for rather than tried: what a server says of a missing folder quotes its name in letters that the parser refuses.
            // The library quotes a name, but not a pattern.
            let pattern = format!("\"{}\"", name.replace('\\', r"\\").replace('"', "\\\""));
            let made = async {
                let found: Vec<_> = session.list(None, Some(&pattern)).await?.try_collect().await?;
                if found.is_empty() { session.create(&name).await } else { Ok(()) }
            };
            in_time(&format!("making the folder {folder}"), made).await?;
        }
        let mailbox = in_time(&format!("opening the folder {folder}"), session.select(wire_name(folder))).await?;
        let keywords = mailbox.permanent_flags.iter().any(|flag| match flag {
            async_imap::types::Flag::MayCreate => true,
            async_imap::types::Flag::Custom(known) => known.eq_ignore_ascii_case(KEYWORD),
            _ => false,
        });
        Ok(Open { session, keywords, idles })
    }
}

/// UIDs as a command names them.
fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// A folder's name as the server knows it: modified UTF-7 (RFC 3501, section 5.1.3).
fn wire_name(folder: &str) -> String {
    let base64 = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let plain = |letter: char| matches!(letter, ' '..='~');
    let mut name = String::with_capacity(folder.len());
    let mut rest = folder;
    while let Some(first) = rest.chars().next() {
        let (run, after) = rest.split_at(rest.find(|letter| plain(letter) != plain(first)).unwrap_or(rest.len()));
        rest = after;
        if plain(first) {
            name.push_str(&run.replace('&', "&-"));
        } else {
            let units: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
            name.push('&');
            base64.encode_string(units, &mut name);
            name.push('-');
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::wire_name;

    #[test]
    fn folders_have_names_in_any_language() {
        // The first is the standard's own, the others are Python's.
        for (folder, name) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("&", "&-"),
            ("☺!", "&Jjo-!"),
            ("INBOX", "INBOX"),
            ("Đã đọc", "&ARAA4w- &AREezQ-c"),
            ("Thư trả & lỗi", "Th&AbA- tr&HqM- &- l&Htc-i"),
            ("📮/ế", "&2D3c7g-/&Hr8-"),
        ] {
            assert_eq!(wire_name(folder), name, "{folder}");
        }
    }
}
