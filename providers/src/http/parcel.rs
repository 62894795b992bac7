//! What goes in one request: which messages go together, what their request is called, and what its templates see of each.

use minijinja::Value;
use sha2::{Digest as _, Sha256};

use super::{Description, filter};
use crate::{Batch, Content, Outgoing, Reason, SendError, text::Encoding};

/// Which messages go in one request, by their places: at most so many, of equal content where that is asked.
pub(super) fn requests(messages: &[Outgoing], batch: Batch) -> Vec<Vec<usize>> {
    let mut requests: Vec<Vec<usize>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let fits = |request: &Vec<usize>| {
            request.len() < batch.most && (!batch.same_content || messages[request[0]].content == message.content)
        };
        open.retain(|request| requests[*request].len() < batch.most);
        if let Some(request) = open.iter().copied().find(|request| fits(&requests[*request])) {
            requests[request].push(at);
        } else {
            open.push(requests.len());
            requests.push(vec![at]);
        }
    }
    requests
}

/// A batch's own id: of its messages' references, so that it is the same only for the same messages tried the same time.
/// None of them goes by it alone, and none is taken for another's repeat.
pub(super) fn request_id(messages: &[&Outgoing]) -> String {
    let mut digest = Sha256::new();
    for message in messages {
        digest.update(message.reference.as_bytes());
        digest.update(b"\n");
    }
    filter::hex(&digest.finalize()[..16])
}

/// What templates see of a message; a judgement at once where this gateway cannot carry it.
pub(super) fn message_names(description: &Description, message: &Outgoing) -> Result<Vec<(&'static str, Value)>, SendError> {
    let mut own = vec![
        ("to", Value::from(message.to.expose())),
        ("reference", Value::from(message.reference.as_str())),
        ("callback", Value::from(message.callback.as_deref())),
        ("expires", Value::from(message.expires.map(|at| at.timestamp()))),
    ];
    match &message.content {
        Content::Sms(sms) if description.channel == crate::Channel::Sms => {
            let unicode = sms.encoding == Encoding::Ucs2;
            own.extend([
                ("text", Value::from(sms.text.as_str())),
                ("encoding", Value::from(if unicode { "ucs2" } else { "gsm" })),
                ("unicode", Value::from(unicode)),
                ("parts", Value::from(sms.parts)),
            ]);
        }
        Content::Email(mail) if description.channel == crate::Channel::Email => {
            if !mail.attachments.is_empty() || !mail.pictures.is_empty() {
                let detail = format!("{} carries no files, and the mail has some", description.title);
                return Err(SendError::Reject { reason: Reason::Content, detail });
            }
            own.extend([
                ("to_name", Value::from(mail.to_name.as_deref())),
                ("subject", Value::from(mail.subject.as_str())),
                ("text", Value::from(mail.text.as_str())),
                ("html", Value::from(mail.html.as_str())),
                ("language", Value::from(mail.language.as_str())),
                ("list", Value::from(mail.list.as_deref())),
                ("unsubscribe_url", Value::from(mail.unsubscribe_url.as_deref())),
            ]);
        }
        Content::Chat(chat) if description.channel == crate::Channel::Chat => {
            if description.needs_text && chat.text.is_none() {
                let detail = format!("{} sends free text, and the message has none", description.title);
                return Err(SendError::Reject { reason: Reason::Content, detail });
            }
            own.extend([
                ("text", Value::from(chat.text.as_deref())),
                ("template", Value::from(chat.template.as_deref())),
                ("data", Value::from_pairs(chat.data.iter().map(|(key, value)| (key.as_str(), value.as_str())))),
            ]);
        }
        other => {
            let detail = format!("{} carries {}, not {}", description.title, description.channel, other.channel());
            return Err(SendError::Misconfigured { detail });
        }
    }
    Ok(own)
}
