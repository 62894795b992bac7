//! What outlets reported, as the end of a report's page.

use super::Page;
use crate::{
    cli::table,
    phrase,
    relay::count::{Cut, Figures},
    report::relayed::{self, Relayed},
    words::{self, Lang},
};

impl Page {
    /// What outlets reported: below everything else, and never among it.
    pub(super) fn relayed(&mut self, reported: &Relayed) {
        let title = self.word(&relayed::label());
        self.say(&format!("\n{title}"));
        let columns = relayed::columns();
        let cells = |name: &str, figures: &Figures| -> Vec<String> {
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
            tables.push((Cut::Kind, relayed::others(), rows));
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
}
