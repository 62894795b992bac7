//! `[[account.template]]`, the wordings that an account has registered with carriers, and `parts`, what they bill.

use chrono::NaiveDate;
use providers::{
    Channel,
    text::{Budget, BudgetError, Encoding, Pattern, PatternError},
};

use super::{
    Purpose, Template,
    account::{carrier, carriers_meet},
};
use crate::{
    document::{Section, Value},
    phrase,
    words::Phrase,
};

/// `parts = { gsm = […], unicode = […] }`.
pub(super) fn parts(value: &Value<'_>, channel: Option<Channel>) -> Option<Budget> {
    sms_only(value, channel)?;
    value.section(|s| {
        let mut budget = Budget::default();
        for (key, encoding) in [("gsm", Encoding::Gsm), ("unicode", Encoding::Ucs2)] {
            budget = s.optional(key, |v| table(&v, encoding, &budget)).unwrap_or(budget);
        }
        if !s.has("gsm") && !s.has("unicode") {
            let help = phrase!("ví dụ: parts = {{ gsm = [122, 268, 421] }}", "for example: parts = {{ gsm = [122, 268, 421] }}");
            return s.refuse(phrase!("`parts` cần `gsm` hoặc `unicode`", "`parts` needs `gsm` or `unicode`"), help);
        }
        Some(budget)
    })
}

fn table(value: &Value<'_>, encoding: Encoding, budget: &Budget) -> Option<Budget> {
    let mut whole = true;
    let table = value.list(|one| {
        let units = one.integer(1..=10_000).and_then(|units| usize::try_from(units).ok());
        whole &= units.is_some();
        units
    })?;
    if !whole {
        return None;
    }
    budget.clone().with(encoding, table).map_or_else(
        |error| {
            let message = match error {
                BudgetError::Length => phrase!("bảng này cần từ 1 đến 10 số", "{error}"),
                BudgetError::Entry { entry, least, most } => {
                    phrase!("số thứ {entry} phải từ {least} đến {most}", "{error}")
                }
            };
            let usual = match encoding {
                Encoding::Gsm => "[160, 306, 459]",
                Encoding::Ucs2 => "[70, 134, 201]",
            };
            value.refuse(
                message,
                phrase!(
                    "số ký tự cộng dồn tính thành 1 phần, 2 phần, 3 phần…; thường là {usual}",
                    "characters billed in all as 1 part, 2 parts, 3 parts…; usually {usual}"
                ),
            )
        },
        Some,
    )
}

/// All wordings of an account. Of one name only one holds for a carrier on a day.
pub(super) fn templates(value: &Value<'_>, channel: Option<Channel>) -> Option<Vec<Template>> {
    sms_only(value, channel)?;
    let mut known: Vec<Template> = Vec::new();
    value.some(|one| {
        let template = one.section(|s| template(s, channel))?;
        if known.iter().any(|other| other.collides(&template)) {
            let name = &template.name;
            return one.refuse(
                phrase!(
                    "mẫu `{name}` đã có ở trên cho cùng nhà mạng và cùng ngày",
                    "the template `{name}` stands above for the same carriers and days"
                ),
                phrase!(
                    "đặt tên khác, hoặc cho mỗi mẫu nhà mạng hay thời hạn riêng",
                    "give it another name, or each its own carriers or dates"
                ),
            );
        }
        known.push(template.clone());
        Some(template)
    })
}

fn template(section: &mut Section<'_>, channel: Option<Channel>) -> Option<Template> {
    let name = section.required("name", |v| v.slug());
    let pattern = section.required("pattern", |v| wording(&v));
    let from = section.optional("from", |v| v.date());
    let through = section.optional("through", |v| {
        let through = v.date()?;
        if from.is_none_or(|from| from <= through) {
            return Some(through);
        }
        v.refuse(
            phrase!("`through` trước `from`", "`through` is before `from`"),
            phrase!("ghi ngày cuối cùng mẫu còn hiệu lực", "write the last day on which the template holds"),
        )
    });
    let carriers = section.optional("carriers", |v| v.some(|c| carrier(&c, channel))).unwrap_or_default();
    let purposes = [("care", Purpose::Care), ("advertising", Purpose::Advertising)];
    let purpose = section.optional("kind", |v| v.choice(&purposes)).unwrap_or_default();
    Some(Template { name: name?, pattern: pattern?, from, through, carriers, purpose })
}

/// A wording with its slots.
pub fn wording(value: &Value<'_>) -> Option<Pattern> {
    let wording = value.text()?;
    Pattern::parse(&wording).map_or_else(
        |error| {
            let message = match &error {
                PatternError::Empty => phrase!("mẫu phải có chữ ngoài các chỗ trống", "{error}"),
                PatternError::Brace(at) => {
                    phrase!("dấu ngoặc nhọn ở ký tự thứ {at} không thuộc chỗ trống nào", "{error}")
                }
                PatternError::Slot { slot, at } => phrase!("{{{slot}}} ở ký tự thứ {at} không phải chỗ trống", "{error}"),
                PatternError::Twice(slot) => phrase!("chỗ trống {{{slot}}} có hai lần", "{error}"),
                PatternError::Unsendable { character, at } => {
                    let code = u32::from(*character);
                    phrase!("ký tự thứ {at}, U+{code:04X}, không gửi được bằng SMS", "{error}")
                }
            };
            value.refuse(
                message,
                phrase!(
                    "chép nguyên văn mẫu đã đăng ký; chỗ trống viết {{1}}, hoặc {{1:20}} nếu đăng ký nhiều nhất 20 ký tự; dấu ngoặc viết {{{{ và }}}}",
                    "copy the registered wording; a slot is {{1}}, or {{1:20}} where at most 20 characters are registered; a brace is {{{{ or }}}}"
                ),
            )
        },
        Some,
    )
}

fn sms_only(value: &Value<'_>, channel: Option<Channel>) -> Option<()> {
    let field = value.field();
    match channel {
        Some(channel) if channel != Channel::Sms => {
            value.refuse(phrase!("`{field}` chỉ có ở tài khoản SMS", "`{field}` is for SMS accounts only"), Phrase::default())
        }
        _ => Some(()),
    }
}

impl Template {
    /// Whether it holds on a day.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.through.is_none_or(|through| day <= through)
    }

    /// Whether it is registered with a carrier; of a number whose carrier nobody knows, any may be it.
    pub fn is_for(&self, carrier: Option<&str>) -> bool {
        self.carriers.is_empty() || carrier.is_none_or(|carrier| self.carriers.iter().any(|name| name == carrier))
    }

    fn collides(&self, other: &Self) -> bool {
        let days = self.from.is_none_or(|from| other.through.is_none_or(|through| from <= through))
            && other.from.is_none_or(|from| self.through.is_none_or(|through| from <= through));
        self.name == other.name && self.purpose == other.purpose && days && carriers_meet(&self.carriers, &other.carriers)
    }
}
