//! A report as a page of text. Whatever stands above a total adds up to it, and a legend says what each figure means.

mod relayed;

use chrono::NaiveDate;

use crate::{
    audience::place::Places,
    cli::table,
    clock::local,
    delivery::State,
    phrase,
    report::{Cut, Fate, Figures, Report, Selection, Target},
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
        let at = local(report.at);
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
        let verdict = self.verdict(people.meet(goal, people.addressed()));
        let goal = words::per_cent(goal, self.lang);
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
        let value = words::per_cent(goal.value, self.lang);
        let verdict = self.verdict(target.is_met());
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
