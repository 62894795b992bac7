//! A report as a page of text. Whatever stands above a total adds up to it, and a legend says what each figure means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::{
    audience::place::Places,
    cli::table,
    delivery::State,
    phrase, relay,
    report::{
        Cut, Fate, Figures, Gap, Report, Selection, Target,
        relayed::{self, Relayed},
    },
    words::{self, Lang, Phrase, width},
};

/// Where the figures of the two sums end.
const FIGURES: usize = 64;

/// The page of a report.
pub(in crate::cli) fn report(report: &Report, lang: Lang) -> String {
    let mut page = Page { text: String::new(), lang };
    page.heading(report);
    page.people(report);
    for target in &report.targets {
        page.target(target);
    }
    page.deliveries(&report.total);
    if let Some(by) = report.by {
        page.lines(report, by);
    }
    page.legend(report);
    if let Some(relayed) = report.relayed.as_ref().filter(|relayed| !relayed.is_empty()) {
        page.relayed(relayed);
    }
    page.text
}

/// How many columns of a cut are about people.
const PEOPLE: usize = 5;

struct Page {
    text: String,
    lang: Lang,
}

impl Page {
    fn say(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn word(&self, phrase: &Phrase) -> String {
        phrase.text(self.lang).to_string()
    }

    fn number(&self, n: i64) -> String {
        words::number(n, self.lang)
    }

    fn fact(&mut self, name: &Phrase, value: &str) {
        let name = self.word(name);
        let gap = " ".repeat(14_usize.saturating_sub(width(&name) + 1));
        self.say(&format!("{name}:{gap}{value}"));
    }

    /// A name, and a number that ends where all of them do.
    fn figure(&mut self, indent: usize, name: &str, number: &str, note: &str) {
        let gap = " ".repeat(FIGURES.saturating_sub(indent + width(name) + width(number)).max(1));
        let note = if note.is_empty() { String::new() } else { format!("  {note:>7}") };
        self.say(&format!("{}{name}{gap}{number}{note}", " ".repeat(indent)));
    }

    fn rule(&mut self) {
        self.say(&format!("  {}", "─".repeat(FIGURES - 2)));
    }

    fn heading(&mut self, report: &Report) {
        if let Some(subject) = &report.subject {
            let (title, slug) = (&subject.title, &subject.slug);
            self.fact(&phrase!("Chiến dịch", "Campaign"), &format!("{title} ({slug})"));
            if let Some(basis) = &subject.basis {
                self.fact(&phrase!("Căn cứ", "Basis"), basis);
            }
        } else {
            let all = phrase!("tất cả", "all");
            let value = report.selection.campaign.clone().unwrap_or_else(|| self.word(&all));
            self.fact(&phrase!("Chiến dịch", "Campaign"), &value);
        }
        let period = period(&report.selection, self.lang);
        self.fact(&phrase!("Kỳ", "Period"), &period);
        if let Some(code) = &report.selection.area {
            let name = Places::built_in().full_name(code).unwrap_or_default();
            self.fact(&phrase!("Địa bàn", "Area"), &format!("{name} ({code})"));
        }
        let runs = self.runs(report);
        self.fact(&phrase!("Đợt gửi", "Runs"), &runs);
        let at = chrono::DateTime::from_timestamp_millis(report.at).unwrap_or_default();
        let at = at.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh);
        let (time, day) = (at.format("%H:%M"), words::date(at.date_naive(), self.lang));
        let source = phrase!("hệ thống Loa, đếm lúc {time} ngày {day}", "Loa's own rows, counted at {time} on {day}");
        let source = self.word(&source);
        self.fact(&phrase!("Nguồn", "Source"), &source);
    }

    fn runs(&self, report: &Report) -> String {
        let (open, missed) = (self.number(report.runs.open), self.number(report.runs.missed));
        let mut notes = Vec::new();
        if report.runs.open > 0 {
            let open = phrase!("{open} chưa xong, số liệu còn thay đổi", "{open} going on: their figures still change");
            notes.push(self.word(&open));
        }
        if report.runs.missed > 0 {
            notes.push(self.word(&phrase!("{missed} bỏ lỡ", "{missed} missed")));
        }
        let total = self.number(report.runs.total);
        if notes.is_empty() { total } else { format!("{total} ({})", notes.join("; ")) }
    }

    fn people(&mut self, report: &Report) {
        let people = &report.total.people;
        let all = people.addressed();
        let share = |n, lang| words::share(n, all, lang);
        let title = phrase!("Số người được tiếp cận (mỗi người tính một lần)", "People reached (each counted once)");
        let title = self.word(&title);
        self.say(&format!("\n{title}"));
        for fate in [Fate::Confirmed, Fate::Presumed] {
            let (name, n) = (self.word(&fate.label().capital()), people.of(fate));
            self.figure(2, &name, &self.number(n), &share(n, self.lang));
        }
        let (name, n) = (self.word(&phrase!("Chưa tiếp cận được", "Not reached")), people.not_reached());
        self.figure(2, &name, &self.number(n), &share(n, self.lang));
        self.rule();
        let name = self.word(&phrase!("Số người cần tiếp cận", "People addressed"));
        self.figure(2, &name, &self.number(all), "");
        if let Some(goal) = report.subject.as_ref().and_then(|subject| subject.goal) {
            self.goal(goal, report);
        }
        if n > 0 {
            let title = self.word(&phrase!("Vì sao chưa tiếp cận được", "Why not reached"));
            self.say(&format!("\n{title}"));
            for fate in Fate::not_reached().filter(|fate| people.of(*fate) > 0) {
                let name = self.word(&fate.label().capital());
                self.figure(2, &name, &self.number(people.of(fate)), "");
            }
            self.rule();
            let name = self.word(&phrase!("Chưa tiếp cận được", "Not reached"));
            self.figure(2, &name, &self.number(n), "");
        }
    }

    /// A goal against those confirmed, and against those presumed: the two are never added up.
    fn goal(&mut self, goal: f64, report: &Report) {
        let people = &report.total.people;
        let share = |fate| words::share(people.of(fate), people.addressed(), self.lang);
        let (confirmed, presumed) = (share(Fate::Confirmed), share(Fate::Presumed));
        let verdict = self.verdict(meets(people.of(Fate::Confirmed), people.addressed(), goal));
        let goal = per_cent(goal, self.lang);
        let line = phrase!(
            "Mục tiêu {goal}: có xác nhận {confirmed} ({verdict}); chưa có xác nhận {presumed}",
            "Goal {goal}: confirmed {confirmed} ({verdict}); presumed {presumed}"
        );
        let line = self.word(&line);
        self.say(&format!("  {line}"));
    }

    const fn verdict(&self, met: bool) -> &'static str {
        if met { self.lang.pick("đạt", "met") } else { self.lang.pick("chưa đạt", "not met") }
    }

    /// A goal over a population, which is larger than the list: those confirmed and those presumed, against all.
    fn target(&mut self, target: &Target) {
        let (goal, population) = (&target.goal, target.population());
        let (from, through) = (words::date(goal.from, self.lang), words::date(goal.through, self.lang));
        let title = phrase!("Mục tiêu trên dân số, {from} – {through}", "Goal over the population, {from} – {through}");
        let title = self.word(&title);
        self.say(&format!("\n{title}"));
        self.say(&format!("  {}", goal.title));
        if let Some(basis) = &goal.basis {
            let basis = self.word(&phrase!("Căn cứ: {basis}", "Basis: {basis}"));
            self.say(&format!("  {basis}"));
        }
        for fate in [Fate::Confirmed, Fate::Presumed] {
            let (name, n) = (self.word(&fate.label().capital()), target.people.of(fate));
            self.figure(2, &name, &self.number(n), &words::share(n, population, self.lang));
        }
        self.rule();
        let name = self.word(&phrase!("Dân số của mục tiêu", "The goal's population"));
        self.figure(2, &name, &self.number(population), "");
        let value = per_cent(goal.value, self.lang);
        let verdict = self.verdict(meets(target.people.of(Fate::Confirmed), population, goal.value));
        let line = phrase!(
            "Mục tiêu {value} dân số được tiếp cận, có xác nhận: {verdict}",
            "Goal: {value} of the population reached, confirmed: {verdict}"
        );
        let line = self.word(&line);
        self.say(&format!("  {line}"));
        let source = &goal.source;
        let source = match goal.as_of.map(|day| words::date(day, self.lang)) {
            Some(day) => phrase!("Nguồn dân số: {source} (ngày {day})", "Source of the population: {source} (as of {day})"),
            None => phrase!("Nguồn dân số: {source}", "Source of the population: {source}"),
        };
        let source = self.word(&source);
        self.say(&format!("  {source}"));
    }

    fn deliveries(&mut self, figures: &Figures) {
        let deliveries = &figures.deliveries;
        let title = self.word(&phrase!("Lượt tin", "Deliveries"));
        self.say(&format!("\n{title}"));
        for state in State::ALL.into_iter().filter(|state| deliveries.of(*state) > 0) {
            let name = match (state, self.lang) {
                // Over all channels: to the phone, or to the person.
                (State::Delivered, Lang::Vi) => "Đã đến máy, đến người nhận",
                _ => words::delivery_state(state.name(), false, self.lang),
            };
            self.figure(2, name, &self.number(deliveries.of(state)), "");
        }
        self.rule();
        let name = self.word(&phrase!("Tổng số lượt tin", "All deliveries"));
        self.figure(2, &name, &self.number(deliveries.total()), "");
        let name = self.word(&phrase!("Số tin quy đổi", "Parts billed"));
        self.figure(2, &name, &self.number(deliveries.parts), "");
        let name = self.word(&phrase!("Chi phí (đồng)", "Cost (đồng)"));
        self.figure(2, &name, &self.number(deliveries.cost), "");
    }

    fn lines(&mut self, report: &Report, by: Cut) {
        let (title, column) = by.title(report.selection.area.is_some());
        let (title, column) = (self.word(&title), self.word(&column));
        self.say(&format!("\n{title}"));
        let columns = match self.lang {
            Lang::Vi => [
                "Số người",
                "Có xác nhận",
                "Tỷ lệ",
                "Chưa xác nhận",
                "Chưa tiếp cận",
                "Lượt tin",
                "Đã đến",
                "Đang xử lý",
                "Thất bại",
                "Không rõ",
                "Không gửi",
                "Quy đổi",
                "Chi phí (đ)",
            ],
            Lang::En => [
                "People",
                "Confirmed",
                "Share",
                "Presumed",
                "Not reached",
                "Deliveries",
                "Arrived",
                "Under way",
                "Failed",
                "Unknown",
                "Not sent",
                "Parts",
                "Cost (đ)",
            ],
        };
        let heading: Vec<&str> = std::iter::once(column.as_str()).chain(columns).collect();
        let total = phrase!("Tổng (mỗi người một lần)", "Total (each person once)");
        let rows: Vec<Vec<String>> = report
            .lines
            .iter()
            .map(|line| self.cells(line.name.text(self.lang), &line.figures))
            .chain([self.cells(total.text(self.lang), &report.total)])
            .collect();
        // People, and below them deliveries: on one line both would be wider than a terminal.
        for figures in [1..=PEOPLE, PEOPLE + 1..=columns.len()] {
            let pick = |row: &[String]| std::iter::once(0).chain(figures.clone()).map(|at| row[at].clone()).collect();
            let heading: Vec<&str> = std::iter::once(0).chain(figures.clone()).map(|at| heading[at]).collect();
            let rows: Vec<Vec<String>> = rows.iter().map(|row| pick(row)).collect();
            self.text.push_str(&table::with_figures(&heading, &rows, 1));
            self.say("");
        }
    }

    /// What outlets reported: below everything else, and never among it.
    fn relayed(&mut self, reported: &Relayed) {
        let title = self.word(&relayed::label());
        self.say(&format!("\n{title}"));
        let columns = relayed::columns();
        let cells = |name: &str, figures: &relay::count::Figures| -> Vec<String> {
            let counts = columns.iter().map(|(_, _, of)| relayed::shown(of(figures), self.lang));
            [name.to_string(), words::number(figures.orders, self.lang)].into_iter().chain(counts).collect()
        };
        let mut tables = Vec::new();
        for (cut, lines) in reported.splits() {
            let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(&line.name, &line.figures)).collect();
            tables.push((cut, relayed::title(cut).1, rows));
        }
        if let Some((.., rows)) = tables.first_mut() {
            rows.push(cells(self.lang.pick("Tổng", "Total"), &reported.total));
        }
        if !reported.others.is_empty() {
            let rows = reported.others.iter().map(|line| cells(&line.name, &line.figures)).collect();
            tables.push((relay::count::Cut::Kind, relayed::others(), rows));
        }
        for (cut, name, rows) in tables {
            let name = self.word(&name);
            let orders = self.lang.pick("Báo cáo", "Reports");
            let names: Vec<String> = relayed::names(cut).iter().map(|name| self.word(name)).collect();
            let heading: Vec<&str> = [name.as_str(), orders].into_iter().chain(names.iter().map(String::as_str)).collect();
            self.text.push_str(&table::with_figures(&heading, &rows, 1));
            self.say("");
        }
        if !reported.kinds.is_empty() {
            let heading = match self.lang {
                Lang::Vi => ["Đơn vị", "Được yêu cầu", "Đã xong", "Tỷ lệ", "Từ chối", "Quá hạn"],
                Lang::En => ["Outlets", "Asked", "Done", "Share", "Refused", "Overdue"],
            };
            let rows: Vec<Vec<String>> = reported
                .kinds
                .iter()
                .map(|far| {
                    let n = |n: i64| words::number(n, self.lang);
                    let share = words::share(far.done, far.asked, self.lang);
                    let name = far.kind.label().text(self.lang).to_string();
                    vec![name, n(far.asked), n(far.done), share, n(far.refused), n(far.overdue)]
                })
                .collect();
            self.text.push_str(&table::with_figures(&heading, &rows, 1));
            self.say("");
        }
        if !reported.silent.is_empty() {
            let name = self.word(&phrase!("Chưa có báo cáo:", "Nothing reported yet:"));
            self.say(&name);
            for one in &reported.silent {
                let state = if one.overdue { phrase!("Quá hạn báo cáo", "Overdue") } else { one.state.label() };
                let line = format!("  {} ({}): {}", one.outlet, one.campaign, self.word(&state));
                self.say(&line);
            }
            if reported.more_silent > 0 {
                let more = self.number(reported.more_silent);
                let line = self.word(&phrase!("  và {more} yêu cầu khác", "  and {more} other orders"));
                self.say(&line);
            }
            self.say("");
        }
        let note = self.word(&phrase!(
            "“—”: chưa rõ, không phải bằng 0. Yêu cầu được tính vào kỳ của đợt gửi; diễn tập và thử kỹ thuật không tính.",
            "“—”: not known, and not 0. An order counts in the period of its run; exercises and tests count nowhere."
        ));
        self.say(&note);
    }

    fn cells(&self, name: &str, figures: &Figures) -> Vec<String> {
        use State::{Accepted, Cancelled, Enroute, InDoubt, Lapsed, Pending, Skipped, Submitting, Unknown};
        let (people, deliveries) = (&figures.people, &figures.deliveries);
        let of = |states: &[State]| states.iter().map(|state| deliveries.of(*state)).sum();
        let n = |count| self.number(count);
        vec![
            name.to_string(),
            n(people.addressed()),
            n(people.of(Fate::Confirmed)),
            words::share(people.of(Fate::Confirmed), people.addressed(), self.lang),
            n(people.of(Fate::Presumed)),
            n(people.not_reached()),
            n(deliveries.total()),
            n(deliveries.confirmed()),
            n(of(&[Pending, Submitting, InDoubt, Accepted, Enroute])),
            n(deliveries.failed()),
            n(of(&[Unknown])),
            n(of(&[Skipped, Lapsed, Cancelled])),
            n(deliveries.parts),
            n(deliveries.cost),
        ]
    }

    fn legend(&mut self, report: &Report) {
        if report.by.is_none() {
            self.say("");
        }
        for line in legend(report) {
            let line = self.word(&line);
            self.say(&line);
        }
    }
}

fn legend(report: &Report) -> Vec<Phrase> {
    let mut lines = vec![
        phrase!(
            "Có xác nhận: có báo nhận là tin đã đến hoặc đã xem. Chưa có xác nhận: cổng gửi đã nhận nhưng không báo lại,",
            "Confirmed: a receipt says that a message arrived or was seen. Presumed: a gateway that sends no receipts took it,"
        ),
        phrase!(
            "hoặc thư điện tử không bị trả lại trong 72 giờ. Hai số này không cộng với nhau. Tin gửi thử không tính.",
            "or a mail did not bounce within 72 hours. The two are never added up. Test sends count nowhere."
        ),
    ];
    if !report.targets.is_empty() {
        lines.push(phrase!(
            "Tỷ lệ trên dân số cho biết bao nhiêu người được tiếp cận, không phải bao nhiêu người hiểu:\nđiều đó chỉ đo bằng khảo sát.",
            "A share of the population says how many were reached, not how many understood:\nonly a survey measures that."
        ));
    }
    let Some(by) = report.by else { return lines };
    lines
        .push(phrase!("Số người = có xác nhận + chưa xác nhận + chưa tiếp cận.", "People = confirmed + presumed + not reached."));
    lines.push(phrase!(
        "Lượt tin = đã đến + đang xử lý + thất bại + không rõ + không gửi.",
        "Deliveries = arrived + under way + failed + unknown + not sent."
    ));
    if by == Cut::Area {
        lines.push(phrase!(
            "Người đã chuyển địa bàn được tính ở nơi của đợt gửi mới nhất; lượt tin được tính ở nơi đã gửi.",
            "Whoever moved counts where the latest run found them; deliveries count where they went."
        ));
    }
    if !by.parts_people() {
        lines.push(phrase!(
            "Một người có thể thuộc nhiều dòng, nên số người của các dòng không cộng thành tổng.",
            "A person may be in several lines: the lines' people do not add up to the total."
        ));
    }
    if !by.parts_deliveries() {
        lines.push(phrase!("Lượt tin, tin quy đổi và chi phí cũng vậy.", "Neither do their deliveries, parts and costs."));
    }
    lines
}

fn period(selection: &Selection, lang: Lang) -> String {
    let day = |day: NaiveDate| words::date(day, lang);
    match (selection.from.map(day), selection.through.map(day)) {
        (Some(from), Some(through)) => format!("{from} – {through}"),
        (Some(from), None) => phrase!("từ {from}", "from {from}").text(lang).to_string(),
        (None, Some(through)) => phrase!("đến hết {through}", "through {through}").text(lang).to_string(),
        (None, None) => lang.pick("tất cả", "all").to_string(),
    }
}

/// Whether so many of all are at least that share.
#[expect(clippy::cast_precision_loss, reason = "people, not atoms")]
fn meets(part: i64, whole: i64, goal: f64) -> bool {
    whole > 0 && part as f64 >= goal * whole as f64
}

fn per_cent(share: f64, lang: Lang) -> String {
    format!("{} %", (share * 1_000.0).round() / 10.0).replace('.', lang.pick(",", "."))
}

/// The page of who was not reached, by place and reason, or by one of them.
pub(super) fn unreached(gaps: &[Gap], by: Option<Cut>, lang: Lang) -> String {
    if gaps.is_empty() {
        return lang.pick("Không còn ai chưa được tiếp cận.\n", "Nobody was left unreached.\n").to_string();
    }
    let mut rows: BTreeMap<(String, String), i64> = BTreeMap::new();
    for gap in gaps {
        let area = match &gap.area {
            Some(code) => format!("{code} {}", Places::built_in().name(code).unwrap_or_default()),
            None => lang.pick("(chưa rõ địa bàn)", "(not known)").to_string(),
        };
        let key = match by {
            Some(Cut::Area) => (area, String::new()),
            Some(_) => (String::new(), gap.outcome.why().text(lang).to_string()),
            None => (area, gap.outcome.why().text(lang).to_string()),
        };
        *rows.entry(key).or_default() += gap.people;
    }
    let total: i64 = rows.values().sum();
    let mut rows: Vec<((String, String), i64)> = rows.into_iter().collect();
    // Places in their order, what lies in none at the end; within a place, and without places, the most first.
    rows.sort_by_key(|((area, _), people)| (area.starts_with('('), area.clone(), std::cmp::Reverse(*people)));
    let mut cells: Vec<Vec<String>> =
        rows.into_iter().map(|((area, why), people)| vec![area, why, words::number(people, lang)]).collect();
    let all = lang.pick("Tổng số người chưa tiếp cận được", "Everybody not reached").to_string();
    let all = if by == Some(Cut::Reason) { [String::new(), all] } else { [all, String::new()] };
    cells.push(all.into_iter().chain([words::number(total, lang)]).collect());
    let heading = match lang {
        Lang::Vi => ["Địa bàn", "Lý do", "Số người"],
        Lang::En => ["Area", "Reason", "People"],
    };
    let mut page = table::with_figures(&heading, &cells, 2);
    let hint = phrase!(
        "`--format csv` liệt kê từng người theo mã (ref), không có địa chỉ.",
        "`--format csv` lists each person by ref, without addresses."
    );
    // Writing to a string cannot fail.
    let _ = write!(page, "\n{}\n", hint.text(lang));
    page
}
