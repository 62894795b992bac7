//! The texts of one message in one language, compiled: what an officer wrote, made ready for filling in.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use providers::{Attachment, text::Pattern};

use super::{
    MAIN_LANGUAGE, layout, markdown,
    template::{Compiler, Kept},
};
use crate::{
    campaign::{Body, Campaign, ChatBody, EmailBody, SmsBody, SmsText},
    phrase,
};

#[derive(Debug, Default)]
pub(super) struct Variant {
    pub(super) sms: Option<SmsTexts>,
    pub(super) chat: Option<ChatTexts>,
    pub(super) email: Option<EmailTexts>,
}

#[derive(Debug)]
pub(super) struct SmsTexts {
    pub(super) form: SmsForm,
    pub(super) unaccented: bool,
}

#[derive(Debug)]
pub(super) enum SmsForm {
    Text(Kept),
    Registered { template: String, wording: Option<Pattern>, values: Vec<(String, Kept)> },
}

#[derive(Debug)]
pub(super) struct ChatTexts {
    pub(super) text: Option<Kept>,
    pub(super) template: Option<String>,
    pub(super) data: Vec<(String, Kept)>,
}

#[derive(Debug)]
pub(super) struct EmailTexts {
    pub(super) language: String,
    pub(super) subject: Kept,
    pub(super) text: Kept,
    pub(super) html: Kept,
    pub(super) attachments: Vec<Arc<Attachment>>,
}

/// What all messages of a campaign have in common.
pub(super) struct Sources<'a> {
    campaign: &'a Campaign,
    office: &'a BTreeMap<String, String>,
    files: BTreeMap<&'a str, Arc<Attachment>>,
}

impl<'a> Sources<'a> {
    /// Every file is held once, however many mails it goes with.
    pub(super) fn new(
        campaign: &'a Campaign,
        office: &'a BTreeMap<String, String>,
        attachments: &'a BTreeMap<String, Bytes>,
    ) -> Self {
        let files = attachments.iter().map(|(path, bytes)| (path.as_str(), Arc::new(attachment(path, bytes))));
        Self { campaign, office, files: files.collect() }
    }

    /// Compiles the texts of one language. `main` lends a mail the parts that this language lacks.
    pub(super) fn compile(&self, compiler: &mut Compiler<'_>, lang: Option<&str>, body: &Body, main: &Body) -> Variant {
        let sms = body.sms.as_ref().and_then(|sms| self.sms(compiler, sms));
        let chat = body.chat.as_ref().map(|chat| chat_texts(compiler, chat));
        let email = body.email.as_ref();
        let email = email.and_then(|email| self.email(compiler, lang, &whole(email, main.email.as_ref())));
        Variant { sms, chat, email }
    }

    fn sms(&self, compiler: &mut Compiler<'_>, sms: &SmsBody) -> Option<SmsTexts> {
        let chosen = self.campaign.sending.sms_text;
        match sms {
            SmsBody::Text { text, sms_text } => {
                let unaccented = sms_text.unwrap_or(chosen) == SmsText::Unaccented;
                let text = compiler.sms("sms.text", text, unaccented)?;
                compiler.try_sms(&text, unaccented);
                Some(SmsTexts { form: SmsForm::Text(text), unaccented })
            }
            SmsBody::Registered { template, wording, values } => {
                let unaccented = chosen == SmsText::Unaccented;
                let values = values.iter().filter_map(|(slot, source)| {
                    let kept = compiler.sms(&format!("sms.values.{slot}"), source, unaccented)?;
                    Some((slot.clone(), kept))
                });
                let form = SmsForm::Registered { template: template.clone(), wording: wording.clone(), values: values.collect() };
                Some(SmsTexts { form, unaccented })
            }
        }
    }

    fn email(&self, compiler: &mut Compiler<'_>, lang: Option<&str>, email: &EmailBody) -> Option<EmailTexts> {
        let mut attachments = Vec::with_capacity(email.attach.len());
        for path in &email.attach {
            if let Some(file) = self.files.get(path.as_str()) {
                attachments.push(Arc::clone(file));
            } else {
                let text = phrase!("không có tệp {path:?}", "the file {path:?} was not found");
                compiler.fault("email.attach", None, text, None);
            }
        }
        if let Some(at) = email.subject.trim().find(['\n', '\r']) {
            compiler.fault("email.subject", Some(at), phrase!("tiêu đề thư chỉ có một dòng", "a subject has one line"), None);
        }
        let subject = compiler.plain("email.subject", email.subject.trim());
        compiler.check("email.body", &email.body)?;
        let subject = subject?;
        let language = lang.unwrap_or(MAIN_LANGUAGE);
        let converted = markdown::convert(&email.body);
        if let Some(expression) = &converted.unsafe_link {
            let help = phrase!(
                "viết hẳn địa chỉ, hoặc dùng unsubscribe_url hay một khóa của [office]",
                "write the address out, or use unsubscribe_url or an office field"
            );
            let text = phrase!(
                "liên kết không được bắt đầu bằng trường của người nhận: {expression}",
                "a link may not begin with a recipient's field: {expression}"
            );
            compiler.fault("email.body", email.body.find(expression.as_str()), text, Some(help));
            return None;
        }
        let page = layout::Page {
            campaign: self.campaign,
            office: self.office,
            language,
            subject: email.subject.trim(),
            body: &converted,
        };
        let text = compiler.trusted("email.text", &page.text())?;
        let html = match page.html() {
            Ok(html) => compiler.trusted("email.html", &html)?,
            Err(problem) => {
                compiler.fault("email.body", None, problem.into(), None);
                return None;
            }
        };
        Some(EmailTexts { language: language.to_owned(), subject, text, html, attachments })
    }
}

fn whole(email: &EmailBody, main: Option<&EmailBody>) -> EmailBody {
    let Some(main) = main else { return email.clone() };
    let or = |own: &str, other: &str| if own.trim().is_empty() { other.to_owned() } else { own.to_owned() };
    EmailBody {
        subject: or(&email.subject, &main.subject),
        body: or(&email.body, &main.body),
        attach: if email.attach.is_empty() { main.attach.clone() } else { email.attach.clone() },
    }
}

fn chat_texts(compiler: &mut Compiler<'_>, chat: &ChatBody) -> ChatTexts {
    let text = chat.text.as_deref().and_then(|source| compiler.plain("chat.text", source));
    let data = chat.data.iter().filter_map(|(key, source)| {
        let kept = compiler.plain(&format!("chat.data.{key}"), source)?;
        Some((key.clone(), kept))
    });
    ChatTexts { text, template: chat.template.clone(), data: data.collect() }
}

fn attachment(path: &str, bytes: &Bytes) -> Attachment {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let media_type = match ending.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "txt" => "text/plain; charset=utf-8",
        "ics" => "text/calendar; charset=utf-8",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    };
    Attachment { name: name.to_owned(), media_type: media_type.to_owned(), bytes: bytes.clone() }
}
