//! `loa outlets list` and `show`: outlets as people and programs are shown them.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::Desk;
use crate::{
    audience::place::Places,
    cap::Certificate,
    cli::{Globals, table},
    outlet::{self, Kind, Outlet},
    phrase,
    words::{Lang, Phrase, minute},
};

impl Desk<'_> {
    pub(super) async fn list(&self, kind: Option<Kind>, active: bool) -> anyhow::Result<()> {
        let mut all = outlet::without_contacts(self.db).await?;
        all.retain(|outlet| kind.is_none_or(|kind| outlet.kind == kind) && (outlet.active || !active));
        outlet::with_contacts(self.db, self.seal, &mut all).await?;
        let lang = self.globals.lang;
        if self.globals.json {
            Globals::print_json(&all.iter().map(as_json).collect())?;
        } else if all.is_empty() {
            self.say(&phrase!(
                "Chưa có đơn vị phối hợp nào: thêm bằng `loa outlets add` hoặc `loa outlets import`.",
                "There are no outlets: `loa outlets add` or `loa outlets import` adds them."
            ))?;
        } else {
            let heading = match lang {
                Lang::Vi => ["Mã", "Tên", "Loại", "Cách giao", "Địa bàn", "Liên hệ", "Tình trạng"],
                Lang::En => ["Name", "Title", "Kind", "Orders get there", "Areas", "Contact", "State"],
            };
            let rows: Vec<Vec<String>> = all.iter().map(|outlet| row(outlet, lang)).collect();
            write!(io::stdout(), "{}", table::render(&heading, &rows))?;
        }
        Ok(())
    }

    pub(super) fn show(&self, outlet: &Outlet) -> anyhow::Result<()> {
        if self.globals.json {
            return Ok(Globals::print_json(&as_json(outlet))?);
        }
        let lang = self.globals.lang;
        let certificate = outlet.certificate.as_ref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
        let lines = [
            (phrase!("Mã", "Name"), outlet.slug.clone()),
            (phrase!("Tên", "Title"), outlet.title.clone()),
            (phrase!("Loại", "Kind"), outlet.kind.label().text(lang).to_string()),
            (phrase!("Cách giao", "Orders get there"), outlet.way.label().text(lang).to_string()),
            (phrase!("Địa chỉ nhận", "Address"), outlet.url.clone().unwrap_or_default()),
            (
                phrase!("Chứng thư", "Certificate"),
                certificate.map(|one| format!("{} ({})", one.subject(), one.fingerprint())).unwrap_or_default(),
            ),
            (phrase!("Liên hệ", "Contact"), outlet.contact.clone().unwrap_or_default()),
            (phrase!("Địa bàn", "Areas"), areas(outlet, lang)),
            (phrase!("Đơn vị phụ trách", "Department"), outlet.owner.clone()),
            (phrase!("Tên trong CAP", "Name in CAP"), outlet.sender.clone()),
            (phrase!("Tình trạng", "State"), state(outlet).text(lang).to_string()),
            (phrase!("Sửa lần cuối", "Last changed"), minute(outlet.changed_at)),
        ];
        let rows: Vec<Vec<String>> = lines
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| vec![name.text(lang).to_string(), value])
            .collect();
        write!(io::stdout(), "{}", table::render(&["", ""], &rows).trim_start_matches('\n'))?;
        Ok(())
    }
}

fn state(outlet: &Outlet) -> Phrase {
    if outlet.active { phrase!("Đang nhận yêu cầu", "Gets orders") } else { phrase!("Ngừng nhận yêu cầu", "Rests") }
}

/// Its areas by name; the first few of many.
fn areas(outlet: &Outlet, lang: Lang) -> String {
    const SHOWN: usize = 3;
    if outlet.areas.is_empty() {
        return lang.pick("Cả nước", "The whole country").to_string();
    }
    let name = |code: &String| Places::built_in().name(code).map_or_else(|| code.clone(), str::to_string);
    let names: Vec<String> = outlet.areas.iter().take(SHOWN).map(name).collect();
    let more = outlet.areas.len().saturating_sub(SHOWN);
    if more > 0 { format!("{}; +{more}", names.join("; ")) } else { names.join("; ") }
}

fn row(outlet: &Outlet, lang: Lang) -> Vec<String> {
    vec![
        outlet.slug.clone(),
        outlet.title.clone(),
        outlet.kind.label().text(lang).to_string(),
        outlet.way.label().text(lang).to_string(),
        areas(outlet, lang),
        outlet.contact.clone().unwrap_or_default(),
        state(outlet).text(lang).to_string(),
    ]
}

/// An outlet for programs.
pub(super) fn as_json(outlet: &Outlet) -> Value {
    json!({
        "outlet": outlet.slug, "title": outlet.title, "kind": outlet.kind.name(), "way": outlet.way.name(), "url": outlet.url,
        "certificate": outlet.certificate, "contact": outlet.contact, "areas": outlet.areas, "owner": outlet.owner,
        "sender": outlet.sender, "active": outlet.active, "created_at": outlet.created_at, "changed_at": outlet.changed_at,
    })
}
