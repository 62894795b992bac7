//! What a message costs, as a table for a terminal or for a program.

use serde_json::json;

use super::text::lines;
use crate::{
    campaign::SmsText,
    cli::table,
    phrase,
    preview::{
        estimate::{Cost, Estimate},
        sms::spelling,
    },
    words::{self, Lang, Phrase},
};

/// A table by account, and what it does not say.
pub(super) fn told(estimate: &Estimate, lang: Lang) -> String {
    let numbers = grouped(estimate.numbers);
    let mut out = phrase!("  Ước tính SMS: {numbers} số\n", "  SMS estimate: {numbers} numbers\n").text(lang).to_owned();
    if !estimate.rows.is_empty() {
        out.push_str(&indented(&of_accounts(estimate, lang)));
    }
    let mut add = |line: Phrase| out.push_str(&lines("    ", "    ", line.text(lang)));
    if let Some((most, price)) = estimate.most.filter(|most| *most != (estimate.numbers, estimate.total().price)) {
        let (most, price) = (grouped(most), grouped(price));
        add(phrase!(
            "Nhiều nhất {most} số = {price} đồng nếu các kênh trước không đến được ai.",
            "At most {most} numbers = {price} đồng if the channels before it reach nobody."
        ));
    }
    if estimate.unserved > 0 {
        let unserved = grouped(estimate.unserved);
        add(phrase!("{unserved} số chưa có tài khoản nào phục vụ.", "No account serves {unserved} of the numbers."));
    }
    let refused = estimate.total().refused;
    if refused > 0 {
        let refused = grouped(refused);
        add(phrase!(
            "{refused} số không gửi được vì tài khoản không nhận lời nhắn này.",
            "{refused} numbers would get nothing: their account does not take this text."
        ));
    }
    out
}

fn of_accounts(estimate: &Estimate, lang: Lang) -> String {
    let compared = estimate.rows.iter().any(|row| row.other.is_some());
    let cells = |name: &str, numbers: i64, chosen: Cost, other: Cost| {
        let cost = |cost: Cost| {
            if cost.parts == 0 { ["✗".to_owned(), "✗".to_owned()] } else { [cost.parts.to_string(), grouped(cost.price)] }
        };
        let mut cells = vec![name.to_owned(), grouped(numbers)];
        cells.extend(cost(chosen));
        if compared {
            cells.extend(cost(other));
        }
        cells
    };
    let mut rows: Vec<Vec<String>> =
        estimate.rows.iter().map(|row| cells(&row.account, row.numbers, row.chosen, row.other.unwrap_or(row.chosen))).collect();
    if rows.len() > 1 {
        let numbers = estimate.rows.iter().map(|row| row.numbers).sum();
        rows.push(cells(lang.pick("cộng", "total"), numbers, estimate.total(), estimate.other_total()));
    }
    let mut heading = match lang {
        Lang::Vi => vec!["tài khoản".to_owned(), "số".to_owned()],
        Lang::En => vec!["account".to_owned(), "numbers".to_owned()],
    };
    let (parts, price) = (lang.pick("phần", "parts"), "đồng");
    if compared {
        let (chosen, other) = match estimate.chosen {
            SmsText::Unaccented => (SmsText::Unaccented, SmsText::Unicode),
            SmsText::Unicode => (SmsText::Unicode, SmsText::Unaccented),
        };
        for (mark, spelled) in [("▸ ", chosen), ("", other)] {
            let name = spelling(spelled);
            heading.push(format!("{mark}{}: {parts}", name.text(lang)));
            heading.push(price.to_owned());
        }
    } else {
        heading.extend([parts.to_owned(), price.to_owned()]);
    }
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    table::with_figures(&heading, &rows, 1)
}

pub(super) fn json(estimate: &Estimate) -> serde_json::Value {
    let Cost { parts, price, refused } = estimate.total();
    let flipped = match estimate.chosen {
        SmsText::Unaccented => SmsText::Unicode,
        SmsText::Unicode => SmsText::Unaccented,
    };
    let accounts: Vec<_> = estimate
        .rows
        .iter()
        .map(|row| {
            json!({
                "account": row.account, "numbers": row.numbers, "chosen": cost_json(row.chosen, estimate.chosen),
                "other": row.other.map(|other| cost_json(other, flipped)),
            })
        })
        .collect();
    json!({
        "parts": parts, "numbers": estimate.numbers, "price": price, "unserved": estimate.unserved, "refused": refused,
        "most": estimate.most.map(|(numbers, price)| json!({ "numbers": numbers, "price": price })), "accounts": accounts,
    })
}

fn cost_json(cost: Cost, sms_text: SmsText) -> serde_json::Value {
    let name = SmsText::NAMES.iter().find(|(_, one)| *one == sms_text).map(|(name, _)| *name);
    json!({ "sms_text": name, "parts": cost.parts, "price": cost.price, "refused": cost.refused })
}

fn indented(table: &str) -> String {
    table.lines().fold(String::new(), |out, line| out + "    " + line + "\n")
}

/// Digits in groups of three, as Vietnam writes them: what is printed in both languages.
fn grouped(number: i64) -> String {
    words::number(number, Lang::Vi)
}
