//! What a `command_status` means for a message (SMPP 3.4, section 5.1.3): one table.
//!
//! A response with a status other than zero is a definite no: the message was not taken. What differs is whom it is about
//! and whether it may be tried again. A code that is in no table counts as the specification's classes say: 0x400–0x4FF and
//! above are the carrier's own, and refuse this message for a reason that its words alone tell.

use std::time::Duration;

use super::settings::Settings;
use crate::{Reason, Scope, SendError};

/// `ESME_ROK`.
pub(super) const OK: u32 = 0;
/// `ESME_RINVCMDLEN`: the command length is invalid.
pub(super) const BAD_LENGTH: u32 = 0x02;
/// `ESME_RINVCMDID`: the command is not known.
pub(super) const BAD_COMMAND: u32 = 0x03;
/// `ESME_RX_T_APPN`: a temporary fault of the receiving application: send it again.
pub(super) const REPEAT: u32 = 0x64;

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not now; the message may be tried again.
    Retry(Reason),
    /// Too fast: the account waits, and goes slower afterwards.
    Pace,
    /// The account cannot send at present: funds, quota, a state of the bind.
    Account(Reason),
    /// A person must mend the account.
    Misconfigured,
    /// Never, to this address with this text.
    Reject(Reason),
    /// The person refuses messages.
    OptedOut,
}

/// The verdict that a setting names.
pub(super) fn verdict_named(name: &str) -> Option<Verdict> {
    match name {
        "retry" => Some(Verdict::Retry(Reason::Other)),
        "pace" => Some(Verdict::Pace),
        "account" => Some(Verdict::Account(Reason::Other)),
        "misconfigured" => Some(Verdict::Misconfigured),
        "opted-out" => Some(Verdict::OptedOut),
        "quota" => Some(Verdict::Account(Reason::Quota)),
        "funds" => Some(Verdict::Account(Reason::Funds)),
        reason => Reason::from_name(reason).map(Verdict::Reject),
    }
}

type Row = (u32, &'static str, Verdict);

/// Every status of the specification that an answer to a bind or a submission can carry.
const TABLE: [Row; 45] = [
    (0x01, "RINVMSGLEN: invalid message length", Verdict::Reject(Reason::Content)),
    (BAD_LENGTH, "RINVCMDLEN: invalid command length", Verdict::Reject(Reason::Other)),
    (BAD_COMMAND, "RINVCMDID: unknown command", Verdict::Misconfigured),
    (0x04, "RINVBNDSTS: not bound for this command", Verdict::Account(Reason::Other)),
    (0x05, "RALYBND: already bound", Verdict::Account(Reason::Other)),
    (0x06, "RINVPRTFLG: invalid priority", Verdict::Misconfigured),
    (0x07, "RINVREGDLVFLG: invalid registered_delivery", Verdict::Misconfigured),
    (0x08, "RSYSERR: the carrier has a system error", Verdict::Retry(Reason::Unreachable)),
    (0x0A, "RINVSRCADR: invalid sender", Verdict::Misconfigured),
    (0x0B, "RINVDSTADR: invalid destination", Verdict::Reject(Reason::NoSuchAddress)),
    (0x0C, "RINVMSGID: invalid message id", Verdict::Reject(Reason::Other)),
    (0x0D, "RBINDFAIL: the bind failed", Verdict::Account(Reason::Other)),
    (0x0E, "RINVPASWD: wrong password", Verdict::Misconfigured),
    (0x0F, "RINVSYSID: wrong system_id", Verdict::Misconfigured),
    (0x11, "RCANCELFAIL: cancelling failed", Verdict::Reject(Reason::Other)),
    (0x13, "RREPLACEFAIL: replacing failed", Verdict::Reject(Reason::Other)),
    (0x14, "RMSGQFUL: the carrier's queue is full", Verdict::Pace),
    (0x15, "RINVSERTYP: invalid service_type", Verdict::Misconfigured),
    (0x33, "RINVNUMDESTS: invalid number of destinations", Verdict::Reject(Reason::Other)),
    (0x34, "RINVDLNAME: invalid distribution list", Verdict::Reject(Reason::Other)),
    (0x40, "RINVDESTFLAG: invalid destination flag", Verdict::Reject(Reason::Other)),
    (0x42, "RINVSUBREP: invalid replacement", Verdict::Reject(Reason::Other)),
    (0x43, "RINVESMCLASS: invalid esm_class", Verdict::Misconfigured),
    (0x44, "RCNTSUBDL: no submission to distribution lists", Verdict::Reject(Reason::Other)),
    (0x45, "RSUBMITFAIL: the submission failed", Verdict::Retry(Reason::Other)),
    (0x48, "RINVSRCTON: invalid source_ton", Verdict::Misconfigured),
    (0x49, "RINVSRCNPI: invalid source_npi", Verdict::Misconfigured),
    (0x50, "RINVDSTTON: invalid dest_ton", Verdict::Misconfigured),
    (0x51, "RINVDSTNPI: invalid dest_npi", Verdict::Misconfigured),
    (0x53, "RINVSYSTYP: invalid system_type", Verdict::Misconfigured),
    (0x54, "RINVREPFLAG: invalid replace_if_present", Verdict::Misconfigured),
    (0x55, "RINVNUMMSGS: invalid number of messages", Verdict::Reject(Reason::Other)),
    (0x58, "RTHROTTLED: faster than allowed", Verdict::Pace),
    (0x61, "RINVSCHED: invalid time of delivery", Verdict::Misconfigured),
    (0x62, "RINVEXPIRY: invalid validity", Verdict::Misconfigured),
    (0x63, "RINVDFTMSGID: invalid predefined message", Verdict::Misconfigured),
    (REPEAT, "RX_T_APPN: temporary fault", Verdict::Retry(Reason::Other)),
    (0x65, "RX_P_APPN: permanent fault", Verdict::Reject(Reason::Other)),
    (0x66, "RX_R_APPN: refused", Verdict::Reject(Reason::Blocked)),
    (0x67, "RQUERYFAIL: the query failed", Verdict::Reject(Reason::Other)),
    (0xC0, "RINVOPTPARSTREAM: unreadable TLVs", Verdict::Misconfigured),
    (0xC1, "ROPTPARNOTALLWD: a TLV is not allowed", Verdict::Misconfigured),
    (0xC2, "RINVPARLEN: a parameter's length is invalid", Verdict::Reject(Reason::Content)),
    (0xC3, "RMISSINGOPTPARAM: a TLV is missing", Verdict::Misconfigured),
    (0xC4, "RINVOPTPARAMVAL: a TLV's value is invalid", Verdict::Misconfigured),
];

/// What a status means to this account, and in words.
pub(super) fn verdict(settings: &Settings, status: u32) -> (Verdict, String) {
    let row = TABLE.iter().find(|(code, ..)| *code == status);
    let words = match (row, status) {
        (Some((_, words, _)), _) => format!("0x{status:08X} {words}"),
        (None, 0xFE) => format!("0x{status:08X} RDELIVERYFAILURE: the delivery failed"),
        (None, 0xFF) => format!("0x{status:08X} RUNKNOWNERR: an unknown error"),
        (None, 0x400..=0x4FF) => format!("0x{status:08X}, a code of the carrier's own"),
        (None, _) => format!("0x{status:08X}, a code of no table"),
    };
    let listed = row.map(|(_, _, verdict)| *verdict);
    let verdict = settings.codes.get(&status).copied().or(listed).unwrap_or(match status {
        // An unknown error says nothing of this message: another try is worth its cost.
        0xFF => Verdict::Retry(Reason::Other),
        _ => Verdict::Reject(Reason::Other),
    });
    (verdict, words)
}

/// What a refused submission means, where no part of its message was taken.
pub(super) fn refused(settings: &Settings, status: u32, pause: Duration) -> SendError {
    let (verdict, detail) = verdict(settings, status);
    let retry = |after, scope, reason, detail| SendError::Retry { after, scope, reason, detail };
    match verdict {
        Verdict::Retry(reason) => retry(None, Scope::Message, reason, detail),
        Verdict::Pace => retry(Some(pause), Scope::Pace, Reason::Other, detail),
        Verdict::Account(reason) => retry(None, Scope::Account, reason, detail),
        Verdict::Misconfigured => SendError::Misconfigured { detail },
        Verdict::Reject(reason) => SendError::Reject { reason, detail },
        Verdict::OptedOut => SendError::OptedOut { detail },
    }
}
