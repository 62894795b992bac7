//! The texts of one message in one language, compiled: what an officer wrote, made ready for filling in.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use providers::{Attachment, Picture, text::Pattern};

use super::{
    MAIN_LANGUAGE, layout, markdown,
    picture::{is_picture, shown_width},
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
    pub(super) pictures: Vec<Picture>,
}

/// Gmail shows no more of a mail's HTML than this, and so hides the link by which it is refused.
const CLIPPED: usize = 102 * 1024;
/// A mail with all its files, as it goes over the wire: what common servers take. Files grow by a third and their line ends.
const LARGEST: usize = 10_000_000;
const MEGABYTE: usize = 1_000_000;

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
        let mut files = Vec::with_capacity(email.attach.len());
        for path in &email.attach {
            if let Some(file) = self.files.get(path.as_str()) {
                files.push((path.as_str(), Arc::clone(file)));
            } else {
                let text = phrase!("không có tệp {path:?}", "the file {path:?} was not found");
                compiler.fault("email.attach", None, text, None);
            }
        }
        if let Some(at) = email.subject.trim().find(['\n', '\r']) {
            compiler.fault("email.subject", Some(at), phrase!("tiêu đề thư chỉ có một dòng", "a subject has one line"), None);
        }
        let subject = compiler.plain("email.subject", email.subject.trim());
        if let Some(preheader) = &email.preheader {
            compiler.check("email.preheader", preheader);
        }
        compiler.check("email.body", &email.body)?;
        let subject = subject?;
        let language = lang.unwrap_or(MAIN_LANGUAGE);
        let id = |number: usize| format!("{number}.{}@loa", self.campaign.slug);
        let picture = |written: &str| {
            let number = files.iter().position(|(path, file)| *path == written && is_picture(file))?;
            Some((id(number), shown_width(&files[number].1.bytes)))
        };
        let converted = markdown::convert(&email.body, picture);
        if let Some(written) = &converted.foreign_picture {
            let text = phrase!(
                "hình {written:?} không có trong `attach` của thư",
                "the picture {written:?} is not in this mail's `attach`"
            );
            let help = phrase!(
                "đặt tệp PNG, JPEG hay GIF cạnh tệp chiến dịch và ghi tên nó vào `attach`: hình tải từ nơi khác cho biết ai đã mở thư",
                "put the PNG, JPEG or GIF beside the campaign's file and name it in `attach`: one loaded from elsewhere tells who opened the mail"
            );
            compiler.fault("email.body", email.body.find(written.as_str()), text, Some(help));
            return None;
        }
        check_size(compiler, &files);
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
            preheader: email.preheader.as_deref(),
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
        let length = compiler.typical_length(&html);
        if length > CLIPPED {
            let (length, most) = (length / 1024, CLIPPED / 1024);
            let text = phrase!(
                "thư dài {length} KB: từ {most} KB Gmail cắt phần cuối, cả liên kết từ chối nhận tin",
                "the mail is {length} KB long: from {most} KB on Gmail cuts off its end, and the unsubscribe link with it"
            );
            let help =
                phrase!("rút ngắn, hoặc đưa phần chi tiết vào tệp đính kèm", "shorten it, or attach the details as a file");
            compiler.fault("email.body", None, text, Some(help));
        }
        let (mut attachments, mut pictures) = (Vec::new(), Vec::new());
        for (number, (_, file)) in files.into_iter().enumerate() {
            let id = id(number);
            if converted.shown.contains(&id) {
                pictures.push(Picture { id, file });
            } else {
                attachments.push(file);
            }
        }
        Some(EmailTexts { language: language.to_owned(), subject, text, html, attachments, pictures })
    }
}

/// All files of a mail together must pass the servers on the way.
fn check_size(compiler: &mut Compiler<'_>, files: &[(&str, Arc<Attachment>)]) {
    let bytes: usize = files.iter().map(|(_, file)| file.bytes.len()).sum();
    // base64: four letters for three bytes, and a line end after each 76.
    let sent = bytes.div_ceil(3) * 4 / 76 * 78;
    if sent > LARGEST {
        let (sent, most, files) = (sent.div_ceil(MEGABYTE), LARGEST / MEGABYTE, files.len());
        let text = phrase!(
            "{files} tệp của thư nặng {sent} MB khi gửi, nhiều nhất {most} MB",
            "the mail's {files} files are {sent} MB when sent, {most} MB at most"
        );
        let help = phrase!(
            "nén nhỏ hơn, hoặc đăng tệp lên trang của đơn vị rồi ghi liên kết",
            "make them smaller, or put them on the office's site and link to them"
        );
        compiler.fault("email.attach", None, text, Some(help));
    }
}

fn whole(email: &EmailBody, main: Option<&EmailBody>) -> EmailBody {
    let Some(main) = main else { return email.clone() };
    let or = |own: &str, other: &str| if own.trim().is_empty() { other.to_owned() } else { own.to_owned() };
    // One that was written for a text stands with it.
    let borrowed = email.body.trim().is_empty();
    let preheader = email.preheader.clone().or_else(|| main.preheader.clone().filter(|_| borrowed));
    EmailBody {
        subject: or(&email.subject, &main.subject),
        preheader,
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
