//! Orders as they stand: a list, and one with everything that is known of it. What leaves is tables or JSON.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{Desk, Globals};
use crate::{
    audience::place::Places,
    cli::table,
    phrase,
    relay::{
        Content, Event, Eyes, Order, State, Step,
        count::{self, Cut, Figures, Selection},
        order::{self, Filter},
        report::{self, Count, Kept},
    },
    words::{Lang, Phrase, minute, number, one_line},
};

/// Which orders, and how many.
#[derive(clap::Args, Default)]
pub(super) struct List {
    /// Of this campaign alone
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Of this run alone
    #[arg(long, value_name = "RUN")]
    run: Option<i64>,
    /// Of this outlet alone
    #[arg(long, value_name = "OUTLET")]
    outlet: Option<String>,
    /// In this state alone
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// Only those whose report is late
    #[arg(long)]
    overdue: bool,
    /// How many, the latest first
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

/// Orders that are listed unless said.
const SHOWN: usize = 50;

fn state(text: &str) -> Result<State, String> {
    State::named(text).ok_or_else(|| State::ALL.map(State::name).join(", "))
}

impl Desk<'_> {
    pub(super) async fn list(&self, list: List) -> anyhow::Result<()> {
        let outlet = match &list.outlet {
            Some(slug) => Some(self.outlet(slug).await?),
            None => None,
        };
        let filter =
            Filter { campaign: list.campaign, run: list.run, outlet, state: list.state, overdue: list.overdue, before: None };
        let now = self.now();
        let orders = order::list(self.db, &filter, Eyes::All, list.count.unwrap_or(SHOWN), now).await?;
        let selection = Selection { campaign: filter.campaign, run: filter.run, outlet, ..Selection::default() };
        let figures = count::figures(self.db, &selection, Cut::Order, Eyes::All).await?;
        let of = |order: &Order| figures.get(&order.id.to_string());
        if self.globals.json {
            let told = |order: &Order| {
                let mut told = as_json(order);
                told["figures"] = json!(of(order));
                told
            };
            return Ok(Globals::print_json(&orders.iter().map(told).collect())?);
        }
        if orders.is_empty() {
            self.say(&phrase!("Không có yêu cầu nào.", "There are no orders."))?;
            return Ok(());
        }
        let lang = self.globals.lang;
        let heading = match lang {
            Lang::Vi => ["Số", "Yêu cầu", "Đơn vị", "Tình trạng", "Hạn báo cáo", "Mục tiêu", "Đã gửi", "Thành công"],
            Lang::En => ["No.", "Order", "Outlet", "State", "Report due", "Targeted", "Submitted", "Delivered"],
        };
        let rows: Vec<Vec<String>> = orders.iter().map(|order| row(order, of(order), lang)).collect();
        write!(io::stdout(), "{}", table::with_figures(&heading, &rows, 5))?;
        if rows.iter().any(|row| !row[5].is_empty()) {
            self.say(&phrase!(
                "Số liệu tính theo thuê bao, do đơn vị phối hợp báo cáo.",
                "Figures are in subscribers, as the outlets report them."
            ))?;
        }
        Ok(())
    }

    pub(super) async fn show(&self, order: &Order) -> anyhow::Result<()> {
        let events = order::events(self.db, order.id).await?;
        let reports = report::all(self.db, order.id).await?;
        let lang = self.globals.lang;
        if self.globals.json {
            let mut told = as_json(order);
            told["content"] = json!(order.content);
            told["events"] = json!(events);
            told["reports"] = reports.iter().map(kept_as_json).collect();
            return Ok(Globals::print_json(&told)?);
        }
        let mut out = io::stdout();
        write!(out, "{}", plain(&facts(order, lang), lang))?;
        for (name, text) in texts(&order.content) {
            writeln!(out, "\n{}:\n{}", name.text(lang), quiet(&text))?;
        }
        writeln!(out, "\n{}", lang.pick("Diễn biến", "What happened"))?;
        let heading = match lang {
            Lang::Vi => ["Lúc", "Việc", "Ai", "Ghi chú"],
            Lang::En => ["At", "What", "Who", "Note"],
        };
        let rows: Vec<Vec<String>> = events.iter().map(|event| happened(event, lang)).collect();
        write!(out, "{}", table::render(&heading, &rows))?;
        if let Some(newest) = reports.first() {
            write!(out, "\n{}", counted(newest, reports.len(), lang))?;
        }
        Ok(())
    }
}

/// What strangers wrote must not draw on the terminal.
fn quiet(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// Two columns without a heading.
fn plain(lines: &[(Phrase, String)], lang: Lang) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![name.text(lang).to_string(), one_line(value)])
        .collect();
    table::render(&["", ""], &rows).trim_start_matches('\n').to_string()
}

/// How an order stands: what it is, where it follows another; late before all else.
fn standing(order: &Order) -> Phrase {
    let Phrase { vi, en } = order.state.label();
    let state = if order.is_overdue() { phrase!("Quá hạn báo cáo ({vi})", "Overdue ({en})") } else { Phrase { vi, en } };
    if order.step == Step::Alert {
        return state;
    }
    let step = order.step.label();
    Phrase { vi: format!("{}: {}", step.vi, state.vi), en: format!("{}: {}", step.en, state.en) }
}

fn row(order: &Order, figures: Option<&Figures>, lang: Lang) -> Vec<String> {
    let figure = |of: fn(&Figures) -> Option<i64>| figures.and_then(of).map(|n| number(n, lang)).unwrap_or_default();
    vec![
        order.id.to_string(),
        order.identifier.clone(),
        order.outlet_title.clone(),
        standing(order).text(lang).to_string(),
        order.report_by.map(minute).unwrap_or_default(),
        figure(|of| (of.lines > 0).then_some(of.targeted)),
        figure(|of| (of.lines > 0).then_some(of.submitted)),
        figure(|of| of.delivered),
    ]
}

fn facts(order: &Order, lang: Lang) -> Vec<(Phrase, String)> {
    let content = &order.content;
    let place = |code: &String| Places::built_in().full_name(code).unwrap_or_else(|| code.clone());
    let areas: Vec<String> = content.areas.iter().map(place).collect();
    let basis = content.basis.as_ref().map(|basis| format!("{}, {}, {}", basis.number, basis.date, basis.authority));
    vec![
        (phrase!("Yêu cầu", "Order"), format!("{} (#{})", order.identifier, order.id)),
        (phrase!("Loại", "Kind"), format!("{}; {}", order.step.label().text(lang), order.status.label().text(lang))),
        (phrase!("Nội dung", "About"), content.title.clone()),
        (phrase!("Đơn vị", "Outlet"), format!("{} ({})", order.outlet_title, order.outlet_slug)),
        (
            phrase!("Chiến dịch", "Campaign"),
            phrase!("{0}, đợt {1}", "{0}, run {1}", order.campaign, order.run).text(lang).to_string(),
        ),
        (phrase!("Tình trạng", "State"), standing(order).text(lang).to_string()),
        (phrase!("Ghi chú", "Note"), order.note.clone()),
        (phrase!("Hiệu lực đến", "Holds until"), minute(order.expires_at)),
        (phrase!("Hạn báo cáo", "Report due"), order.report_by.map(minute).unwrap_or_default()),
        (
            phrase!("Địa bàn", "Areas"),
            if areas.is_empty() { lang.pick("Cả nước", "The whole country").to_string() } else { areas.join("; ") },
        ),
        (phrase!("Đối tượng", "For"), content.audience.clone().unwrap_or_default()),
        (phrase!("Số vòng", "Rounds"), content.rounds.to_string()),
        (
            phrase!("Giờ nhắn", "Hours"),
            content.window.as_ref().map(|(from, until)| format!("{from}-{until}")).unwrap_or_default(),
        ),
        (phrase!("Tên người gửi", "Sender name"), content.sender_name.clone().unwrap_or_default()),
        (phrase!("Căn cứ", "Basis"), basis.unwrap_or_default()),
        (
            phrase!("Chi phí", "Paid by"),
            content.contract.clone().unwrap_or_else(|| lang.pick("Miễn phí", "Free of charge").to_string()),
        ),
    ]
}

/// What is to be passed on.
fn texts(content: &Content) -> Vec<(Phrase, String)> {
    let mut texts = Vec::new();
    if let Some(sms) = &content.sms {
        let (encoding, parts, sha256) = (&sms.encoding, sms.parts, &sms.sha256);
        let name =
            phrase!("SMS ({encoding}, {parts} phần, SHA-256 {sha256})", "SMS ({encoding}, {parts} part(s), SHA-256 {sha256})");
        texts.push((name, sms.text.clone()));
    }
    texts.extend(content.app.clone().map(|text| (phrase!("Trong ứng dụng", "In the outlet's app"), text)));
    texts.extend(content.material.clone().map(|text| (phrase!("Để đọc, niêm yết, đăng", "To read out, hang up, publish"), text)));
    texts
}

fn happened(event: &Event, lang: Lang) -> Vec<String> {
    vec![minute(event.at), event.label().text(lang).to_string(), one_line(&event.by_whom), one_line(&event.detail)]
}

/// The report that counts.
fn counted(newest: &Kept, reports: usize, lang: Lang) -> String {
    let report = &newest.report;
    let (sequence, at) = (report.sequence, minute(report.as_of));
    let kind = if report.last { phrase!("cuối cùng", "final") } else { phrase!("một phần", "partial") };
    let (vi, en) = (kind.vi, kind.en);
    let head = phrase!(
        "Báo cáo số {sequence} ({vi}, tính đến {at}; đã nhận {reports}), theo thuê bao, do đơn vị báo cáo",
        "Report {sequence} ({en}, as of {at}; {reports} came), in subscribers, as the outlet reports"
    );
    let heading = match lang {
        Lang::Vi => ["Địa bàn", "Vòng", "Mục tiêu", "Đã gửi", "Thành công", "Thất bại", "Đang chờ", "Tin quy đổi", "Chi phí (đ)"],
        Lang::En => ["Area", "Round", "Targeted", "Submitted", "Delivered", "Failed", "Pending", "Parts", "Cost (đ)"],
    };
    let rows: Vec<Vec<String>> = report.counts.iter().map(|count| line(count, lang)).collect();
    let mut out = format!("{}\n{}", head.text(lang), table::with_figures(&heading, &rows, 1));
    if let Some(reason) = &report.correction {
        let why = phrase!("Đính chính: {0}", "Corrected: {0}", one_line(reason));
        out.push_str(why.text(lang));
        out.push('\n');
    }
    out
}

fn line(count: &Count, lang: Lang) -> Vec<String> {
    let known = |n: Option<i64>| n.map_or_else(|| "–".to_string(), |n| number(n, lang));
    vec![
        Places::built_in().full_name(&count.area).unwrap_or_else(|| count.area.clone()),
        count.round.to_string(),
        number(count.targeted, lang),
        number(count.submitted, lang),
        known(count.delivered),
        known(count.failed),
        known(count.pending),
        known(count.parts),
        known(count.cost),
    ]
}

/// An order for programs, with the names of the API.
pub(super) fn as_json(order: &Order) -> Value {
    json!({
        "id": order.id, "identifier": order.identifier, "step": order.step.name(), "status": order.status.name(),
        "state": order.state.name(), "overdue": order.is_overdue(), "run": order.run, "campaign": order.campaign,
        "owner": order.owner, "outlet": order.outlet_slug, "title": order.content.title, "note": order.note, "hash": order.hash,
        "made_by": order.made_by, "made_at": order.made_at, "sent_at": order.sent_at, "expires_at": order.expires_at,
        "report_by": order.report_by, "handed_at": order.handed_at, "answered_at": order.answered_at,
        "overdue_since": order.overdue_since, "closed_at": order.closed_at, "in_doubt": order.in_doubt,
    })
}

fn kept_as_json(kept: &Kept) -> Value {
    json!({ "report": kept.report, "hash": kept.hash, "received_at": kept.received_at, "by": kept.by, "via": kept.via })
}
