//! `loa audience show`: everything known about one person, for the officer who is asked, and the copy that the person gets.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;

use super::Ground;
use crate::{
    audience::import::private_file,
    cli::{
        Globals, table,
        who::{self, unknown},
    },
    clock::local,
    dossier::{self, Dossier, Moment},
    phrase,
    words::{self, Lang, Phrase, one_line},
};

impl Ground<'_> {
    pub(super) async fn show(&self, reference: &str, reveal: bool, output: Option<&Path>) -> anyhow::Result<ExitCode> {
        let reference = &who::reference(&self.db, &self.seal, reference, self.lang()).await?;
        let Some(dossier) = dossier::find(&self.db, &self.seal, reference).await? else {
            return Err(unknown(reference).into());
        };
        if let Some(path) = output {
            let mut file = private_file(path).with_context(|| path.display().to_string())?;
            serde_json::to_writer_pretty(&mut file, &dossier)?;
            writeln!(file)?;
            let path = path.display();
            self.say(&phrase!(
                "Mọi điều đang lưu về `{reference}` ở {path}, không che gì: giao cho người ấy rồi xóa tệp.",
                "Everything known about `{reference}` is in {path}, nothing masked: hand it over, then delete the file."
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        let dossier = if reveal { dossier } else { dossier.veiled() };
        if self.globals.json {
            Globals::print_json(&serde_json::to_value(&dossier)?)?;
        } else {
            self.tell_all(&dossier, reveal)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn tell_all(&self, dossier: &Dossier, reveal: bool) -> io::Result<()> {
        let lang = self.lang();
        self.fields(dossier)?;
        let consents = dossier.consents.iter().map(|one| {
            let given = if one.given { one.basis.clone() } else { lang.pick("(đã rút)", "(withdrawn)").to_string() };
            let channel = if one.channel == "all" { lang.pick("mọi kênh", "all") } else { words::channel(one.channel, lang) };
            vec![at(one.at), channel.to_string(), given, one.source.clone(), one.wording.clone(), one.by.clone()]
        });
        self.section(
            &phrase!("Căn cứ gửi tin", "Why messages may be sent"),
            lang.pick(
                ["Lúc", "Kênh", "Căn cứ", "Nguồn", "Lời đồng ý", "Người ghi"],
                ["At", "Channel", "Basis", "Source", "Wording", "By"],
            ),
            consents,
        )?;
        let refusals = dossier.refusals.iter().flat_map(|refusal| {
            refusal.history.iter().map(|said| {
                let what = scope(said.refused, lang).to_string();
                let until = said.until.map(day).unwrap_or_default();
                let channel = words::channel(refusal.channel.name(), lang).to_string();
                vec![at(said.at), channel, what, until, said.source.clone(), said.wording.clone()]
            })
        });
        self.section(
            &phrase!("Từ chối nhận tin", "Refusals"),
            lang.pick(
                ["Lúc", "Kênh", "Điều gì", "Đến hết", "Nguồn", "Lời nói"],
                ["At", "Channel", "What", "Through", "Source", "Words"],
            ),
            refusals,
        )?;
        let lists = dossier.lists.iter().map(|listed| {
            vec![words::channel(listed.channel.name(), lang).to_string(), listed.list.clone(), listed.binds.to_string()]
        });
        self.section(
            &phrase!("Trong danh sách không được gửi", "On lists of those never to be written to"),
            lang.pick(["Kênh", "Danh sách", "Ràng buộc"], ["Channel", "List", "Binds"]),
            lists,
        )?;
        let failed = dossier.suppressions.iter().map(|one| {
            let channel = words::channel(one.channel.name(), lang).to_string();
            vec![at(one.at), channel, words::reason(one.reason, lang).to_string(), one_line(&one.detail)]
        });
        self.section(
            &phrase!("Địa chỉ đã ngừng gửi", "Addresses that nothing is sent to any more"),
            lang.pick(["Lúc", "Kênh", "Vì", "Máy chủ trả lời"], ["At", "Channel", "Because", "The server said"]),
            failed,
        )?;
        self.messages(dossier)?;
        let replies = dossier.replies.iter().map(|reply| {
            let text = reply.text.clone().unwrap_or_else(|| reply.meaning.to_string());
            vec![at(reply.at), words::channel(reply.channel.name(), lang).to_string(), one_line(&text)]
        });
        self.section(
            &phrase!("Đã nhắn lại", "Wrote back"),
            lang.pick(["Lúc", "Kênh", "Nội dung"], ["At", "Channel", "Message"]),
            replies,
        )?;
        let asked = dossier.requests.iter().map(|request| {
            let kind = crate::request::label::kind_words(request.kind).text(lang).to_string();
            let state = crate::request::label::state_words(request.state).text(lang).to_string();
            vec![request.number.to_string(), kind, at(request.received_at), state, request.until.map(day).unwrap_or_default()]
        });
        self.section(
            &phrase!("Yêu cầu về dữ liệu", "Requests about the data"),
            lang.pick(["Số", "Yêu cầu", "Nhận lúc", "Tình trạng", "Đến hết"], ["No.", "Request", "Received", "State", "Through"]),
            asked,
        )?;
        if !reveal {
            self.say(&phrase!(
                "\nĐã che bớt; bản đầy đủ để giao cho người ấy: --output TỆP.",
                "\nMasked; the whole copy, for the person: --output FILE."
            ))?;
        }
        Ok(())
    }

    /// The person's own fields, those that there are.
    fn fields(&self, dossier: &Dossier) -> io::Result<()> {
        let (lang, person) = (self.lang(), &dossier.person);
        let groups = (!dossier.groups.is_empty()).then(|| dossier.groups.join("; "));
        let chat = person.chat.as_ref().map(|id| format!("{} {id}", person.chat_service.unwrap_or_default()));
        let born = person.born.clone();
        let retired = (person.state == "retired").then(|| lang.pick("không còn trong danh sách", "no longer in the list").into());
        let silent = person.silent_until.filter(|until| until.0 > self.globals.clock.millis()).map(day);
        let known = [
            (phrase!("Mã", "Reference"), Some(person.r#ref.clone())),
            (phrase!("Danh sách", "List"), Some(person.source.clone())),
            (phrase!("Tình trạng", "State"), retired),
            (phrase!("Họ tên", "Name"), person.name.clone()),
            (phrase!("Điện thoại", "Phone"), person.phone.clone()),
            (phrase!("Nhà mạng", "Carrier"), person.carrier.map(|carrier| words::carrier(carrier, lang).to_string())),
            (phrase!("Thư điện tử", "E-mail"), person.email.clone()),
            (phrase!("Chat", "Chat"), chat),
            (phrase!("Địa bàn", "Area"), person.area_name.clone().or_else(|| person.area.clone())),
            (phrase!("Ngày sinh", "Born"), born),
            (phrase!("Ngôn ngữ", "Language"), person.lang.clone()),
            (phrase!("Nhóm", "Groups"), groups),
            (phrase!("Không gửi gì đến hết", "Nothing is sent through"), silent),
        ];
        let own = person.attributes.iter().map(|(name, value)| (Phrase::from(name.as_str()), Some(value.clone())));
        let rows: Vec<(Phrase, String)> = known
            .into_iter()
            .chain(own)
            .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
            .collect();
        let wide = rows.iter().map(|(name, _)| words::width(name.text(lang))).max().unwrap_or(0);
        for (name, value) in rows {
            let name = name.text(lang);
            let gap = " ".repeat(wide - words::width(name));
            writeln!(io::stdout(), "{name}{gap}  {}", one_line(&value))?;
        }
        Ok(())
    }

    fn messages(&self, dossier: &Dossier) -> io::Result<()> {
        let lang = self.lang();
        let rows = dossier.messages.iter().map(|message| {
            let chat = message.channel == providers::Channel::Chat;
            let mut state = words::delivery_state(message.state, chat, lang).to_string();
            if let Some(reason) = message.reason {
                state = format!("{state}: {}", words::reason(reason, lang));
            }
            vec![
                at(message.at),
                message.run.to_string(),
                message.campaign.clone(),
                words::channel(message.channel.name(), lang).to_string(),
                state,
                message.account.clone().unwrap_or_default(),
                message.parts.to_string(),
                words::number(message.price, lang),
            ]
        });
        self.section(
            &phrase!("Tin đã gửi hoặc định gửi", "Messages"),
            lang.pick(
                ["Lúc", "Đợt", "Chiến dịch", "Kênh", "Kết quả", "Tài khoản", "Số phần", "Đồng"],
                ["At", "Run", "Campaign", "Channel", "Outcome", "Account", "Parts", "Đồng"],
            ),
            rows,
        )
    }

    /// A heading and its table; nothing where there is nothing.
    fn section<const N: usize>(
        &self,
        title: &Phrase,
        heading: [&'static str; N],
        rows: impl Iterator<Item = Vec<String>>,
    ) -> io::Result<()> {
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            return Ok(());
        }
        write!(io::stdout(), "\n{}\n{}", title.text(self.lang()), table::render(&heading, &rows))
    }
}

fn scope(refused: Option<&str>, lang: Lang) -> &'static str {
    match refused {
        Some("all") => lang.pick("mọi tin", "everything"),
        Some(_) => lang.pick("tin tuyên truyền", "awareness"),
        None => lang.pick("nhận tin trở lại", "takes messages again"),
    }
}

fn at(moment: Moment) -> String {
    local(moment.0).format("%d/%m/%Y %H:%M").to_string()
}

/// The last day before a moment; a dash for one that never comes.
fn day(end: Moment) -> String {
    if end.is_never() { "–".to_string() } else { crate::request::deadline::last_day(end.0).format("%d/%m/%Y").to_string() }
}
