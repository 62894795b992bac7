//! The texts that a draft begins with. What enters is what a bulletin says; what leaves is a suggestion for each channel, in words
//! alone: nothing of it can be a placeholder or markup. Nothing can go wrong.
//!
//! The text message takes the title and as many whole sentences as fit; where something is left out, a blank says so, and a warning
//! with a blank in it cannot be submitted: no text is cut without an officer's seeing it.

use providers::text::{measure, unaccented};

use crate::{campaign::pattern::Texts, words};

/// Parts of the text message that is suggested.
const PARTS: u16 = 2;

/// What is put into words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulletin<'a> {
    pub publisher: &'a str,
    pub title: &'a str,
    pub body: &'a str,
    pub link: Option<&'a str>,
    pub at: Option<i64>,
}

/// A suggestion for every channel.
pub(super) fn texts(bulletin: Bulletin<'_>) -> Texts {
    let (title, body, publisher) = (plain(bulletin.title), plain(bulletin.body), plain(bulletin.publisher));
    let day = bulletin.at.and_then(chrono::DateTime::from_timestamp_millis).map(|at| {
        let day = at.with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive();
        format!(", {}", words::date(day, words::Lang::Vi))
    });
    let source = format!("{publisher}{}", day.unwrap_or_default());
    let chat = [title.as_str(), body.as_str(), &format!("Nguồn: {source}")];
    let chat = chat.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    let link = bulletin.link.map(|link| format!(": <{}>", plain(link))).unwrap_or_default();
    let mail = [markdown(&body), format!("Nguồn: {}{link}", markdown(&source))];
    let mail = mail.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    Texts { title: title.clone(), sms: sms(&title, &body), chat, subject: title, body: mail }
}

/// Words that no template reads as anything else: braces and double brackets would be placeholders and blanks.
fn plain(text: &str) -> String {
    text.replace('{', "(").replace('}', ")").replace("[[", "[").replace("]]", "]")
}

/// Words that Markdown shows as they are.
fn markdown(text: &str) -> String {
    let line = |line: &str| {
        let mut out = String::with_capacity(line.len() + 8);
        let number = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        for (at, c) in line.char_indices() {
            let begins = at == 0 && matches!(c, '#' | '-' | '+' | '=');
            let counts = number > 0 && at == number && matches!(c, '.' | ')');
            if begins || counts || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    // Lines stay lines: in Markdown one line break is a blank.
    text.split("\n\n").map(|part| part.lines().map(line).collect::<Vec<_>>().join("\\\n")).collect::<Vec<_>>().join("\n\n")
}

/// The title, and as many whole sentences as the parts hold.
fn sms(title: &str, body: &str) -> String {
    let mut all = sentences(title);
    all.extend(sentences(body));
    let mut text = String::new();
    let mut taken = 0;
    for sentence in &all {
        let longer = if text.is_empty() { sentence.clone() } else { format!("{text} {sentence}") };
        if taken > 0 && measure(&unaccented(&longer)).parts > PARTS {
            break;
        }
        text = longer;
        taken += 1;
    }
    let left = all.len() - taken;
    if left > 0 {
        text = format!("{text} [[bản tin còn {left} câu: viết gọn lại]]");
    } else if measure(&unaccented(&text)).parts > PARTS {
        text.push_str(" [[dài quá: viết gọn lại]]");
    }
    text
}

/// Whole sentences, each with its end.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut rest = line.trim();
        while !rest.is_empty() {
            let ends = |(at, c): (usize, char)| {
                let after = &rest[at + c.len_utf8()..];
                (matches!(c, '.' | '!' | '?' | '…') && after.starts_with(char::is_whitespace)).then_some(at + c.len_utf8())
            };
            let end = rest.char_indices().find_map(ends).unwrap_or(rest.len());
            let (sentence, after) = rest.split_at(end);
            let sentence = sentence.trim();
            let whole = sentence.ends_with(['.', '!', '?', '…', ':', ';', ',']);
            found.push(if whole { sentence.to_string() } else { format!("{sentence}.") });
            rest = after.trim();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLE: &str = "Cảnh báo giả danh điện lực";

    fn of(title: &str, body: &str) -> Texts {
        texts(Bulletin { publisher: "Cục ATTT", title, body, link: Some("https://example.vn/1"), at: Some(1_795_311_000_000) })
    }

    #[test]
    fn a_short_bulletin_is_taken_whole() {
        let texts = of(TITLE, "Không chuyển tiền. Gọi 156!");
        assert_eq!(texts.sms, "Cảnh báo giả danh điện lực. Không chuyển tiền. Gọi 156!");
        assert_eq!(texts.chat, "Cảnh báo giả danh điện lực\n\nKhông chuyển tiền. Gọi 156!\n\nNguồn: Cục ATTT, 22/11/2026");
        assert!(texts.body.ends_with("Nguồn: Cục ATTT, 22/11/2026: <https://example.vn/1>"), "{}", texts.body);
        assert!(texts.open().is_empty());
    }

    #[test]
    fn what_does_not_fit_is_left_out_by_whole_sentences_and_a_blank_says_so() {
        let body = "Đây là một câu khá dài để thử độ dài của tin nhắn gửi đi. ".repeat(10);
        let texts = of(TITLE, &body);
        let (said, blank) = texts.sms.split_once(" [[").unwrap();
        assert!(said.ends_with("gửi đi.") && measure(&unaccented(said)).parts == PARTS, "{said}");
        let left: usize = blank.split_whitespace().nth(3).unwrap().parse().unwrap();
        assert_eq!(said.matches("Đây là").count() + left, 10);
        assert_eq!(texts.open().len(), 1, "it cannot be submitted like this");
        let long = of(&"Tiêu đề dài mãi không hết ".repeat(20), "");
        assert!(long.sms.contains("hết [[") || long.sms.contains(". [["), "{}", long.sms);
    }

    #[test]
    fn nothing_of_it_is_a_placeholder_a_blank_or_markup() {
        let texts = of(
            "{{ name }} {% if %} [[x]]",
            "# Tiêu đề\n<script>alert(1)</script> *a* [b](javascript:x) {{ phone }}\n1. một\n- hai",
        );
        for (_, text) in texts.all() {
            assert!(!text.contains("{{") && !text.contains("{%") && !text.contains("[[x"), "{text}");
        }
        assert!(texts.body.starts_with("\\# Tiêu đề\\\n\\<script\\>alert(1)\\</script\\> \\*a\\* \\[b\\](javascript:x) (( phone ))\\\n1\\. một\\\n\\- hai"), "{}", texts.body);
    }

    #[test]
    fn sentences_end_where_they_end() {
        assert_eq!(sentences("Một. Hai 1.000.000 đồng\nBa? Bốn"), ["Một.", "Hai 1.000.000 đồng.", "Ba?", "Bốn."]);
        assert!(sentences(" \n").is_empty());
    }
}
