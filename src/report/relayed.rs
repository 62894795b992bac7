//! What outlets reported of the orders of a sheet's runs (*số thuê bao do nhà mạng báo cáo*), beside the people that messages went to
//! and never added to them.
//!
//! What enters: the runs of a sheet, over its snapshot. What leaves: [`Relayed`], kept with the sheet and closed with its period. What
//! nobody counts is none, and is shown so. Carriers count subscribers, and the others people of their own: these are never one sum either.
//! What can go wrong is only the database.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Run, Selection, name, size};
use crate::{
    audience::place::Places,
    db::{Result, Tx},
    outlet::Kind,
    phrase,
    relay::{
        State,
        count::{self, Cut, Figures, Progress, Standing},
    },
    words::{self, Lang, Phrase},
};

/// How figures of outlets are called wherever they are shown: so that nobody adds them to people.
pub fn label() -> Phrase {
    phrase!(
        "Số thuê bao do nhà mạng báo cáo (không cộng với số người nhận theo danh sách)",
        "Subscribers as reported by carriers (not to be added to people on lists)"
    )
}

/// Outlets that are named at most.
const NAMED: usize = 300;

/// What a split is called, and what it is by.
pub fn title(cut: Cut) -> (Phrase, Phrase) {
    match cut {
        Cut::Campaign => (phrase!("Theo chiến dịch", "By campaign"), phrase!("Chiến dịch", "Campaign")),
        Cut::Kind => (phrase!("Theo loại đơn vị", "By kind of outlet"), phrase!("Loại đơn vị", "Kind of outlet")),
        Cut::Outlet => (phrase!("Theo nhà mạng", "By carrier"), phrase!("Nhà mạng", "Carrier")),
        Cut::Province => (phrase!("Theo tỉnh, thành phố", "By province"), phrase!("Tỉnh, thành phố", "Province")),
        Cut::Area => (phrase!("Theo địa bàn", "By area"), phrase!("Địa bàn", "Area")),
        Cut::Round => (phrase!("Theo vòng", "By round"), phrase!("Vòng", "Round")),
        Cut::Order => (phrase!("Theo yêu cầu", "By order"), phrase!("Yêu cầu", "Order")),
        Cut::All => (phrase!("Tổng", "Total"), phrase!("Tổng", "Total")),
    }
}

/// The name of a split in files.
pub const fn named(cut: Cut) -> &'static str {
    match cut {
        Cut::Campaign => "relay_campaign",
        Cut::Kind => "relay_kind",
        Cut::Outlet => "relay_outlet",
        Cut::Province => "relay_province",
        Cut::Area => "relay_area",
        Cut::Round => "relay_round",
        Cut::Order => "relay_order",
        Cut::All => "relay_total",
    }
}

/// One line of a split.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// What programs know it by.
    pub key: String,
    /// What people read.
    pub name: String,
    /// What was reported.
    pub figures: Figures,
}

/// How far the outlets of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Far {
    /// Which.
    pub kind: Kind,
    /// Outlets that were asked.
    pub asked: i64,
    /// Of these: whose last report came to all that they were asked. Of schools and agencies: that confirmed it.
    pub done: i64,
    /// Of these: that refused something.
    pub refused: i64,
    /// Of these: whose report is late.
    pub overdue: i64,
}

/// An outlet that reported nothing of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// The outlet.
    pub outlet: String,
    /// What the outlet is.
    pub kind: Kind,
    /// What the campaign is called.
    pub campaign: String,
    /// Where the order stands.
    pub state: State,
    /// Whether the report is late.
    pub overdue: bool,
}

/// What outlets reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// Orders that ask carriers for something, or that carriers reported on before they were withdrawn or replaced.
    pub orders: i64,
    /// All that carriers reported.
    pub total: Figures,
    /// The same, split.
    pub cuts: BTreeMap<Cut, Vec<Line>>,
    /// What other outlets reported, by their kinds: in people of their own.
    pub others: Vec<Line>,
    /// How far the outlets are, by their kinds; none where the figures are of one place.
    pub kinds: Vec<Far>,
    /// Who reported nothing: carriers first. None where the figures are of one place.
    pub silent: Vec<Silent>,
    /// How many more there are of these.
    pub more_silent: i64,
}

impl Relayed {
    /// Counts it.
    pub(super) async fn count(tx: &mut Tx, selection: &Selection, runs: &[Run]) -> Result<Self> {
        let orders = count::of_runs(tx, runs.iter().map(|run| run.id)).await?;
        let areas: Option<BTreeSet<String>> =
            selection.area.as_deref().map(|code| super::places_within(code).into_iter().collect());
        // Within one place its wards are told apart.
        let place = if areas.is_some() { Cut::Area } else { Cut::Province };
        let cuts = [Cut::All, Cut::Campaign, Cut::Outlet, place, Cut::Round];
        let (carriers, others): (Vec<Standing>, Vec<Standing>) =
            orders.iter().cloned().partition(|order| order.kind == Kind::Carrier as i16);
        let mut sums = count::sums(tx, &carriers, areas.as_ref(), &cuts).await?;
        let others = count::sums(tx, &others, areas.as_ref(), &[Cut::Kind]).await?.remove(&Cut::Kind).unwrap_or_default();
        let total = sums.remove(&Cut::All).and_then(|mut all| all.remove("")).unwrap_or_default();
        let campaigns: BTreeSet<&str> = orders.iter().map(|order| order.campaign.as_str()).collect();
        let campaigns = name::titles(tx, runs, &campaigns).await?;
        let outlets: BTreeMap<&str, &str> = orders.iter().map(|order| (order.slug.as_str(), order.title.as_str())).collect();
        let named = |cut: Cut, key: &str| match cut {
            Cut::Campaign => campaigns.get(key).cloned(),
            Cut::Outlet => outlets.get(key).map(ToString::to_string),
            Cut::Area | Cut::Province => Places::built_in().name(key).map(str::to_string),
            Cut::Kind => Kind::named(key).map(|kind| kind.label().vi),
            Cut::Round | Cut::Order | Cut::All => None,
        };
        let lines = |cut: Cut, figures: BTreeMap<String, Figures>| {
            let line =
                |(key, figures): (String, Figures)| Line { name: named(cut, &key).unwrap_or_else(|| key.clone()), key, figures };
            let mut lines: Vec<Line> = figures.into_iter().map(line).collect();
            if cut == Cut::Round {
                lines.sort_by_key(|line| line.key.parse::<i64>().unwrap_or(i64::MAX));
            }
            lines
        };
        let others = lines(Cut::Kind, others);
        let cuts = sums.into_iter().map(|(cut, figures)| (cut, lines(cut, figures))).collect();
        let asked: Vec<&Standing> = orders.iter().filter(|order| order.is_asked()).collect();
        let (kinds, mut silent) =
            if areas.is_some() { (Vec::new(), Vec::new()) } else { (far(&asked), silent(&asked, &campaigns)) };
        let more_silent = size(silent.len().saturating_sub(NAMED));
        silent.truncate(NAMED);
        // Of these some were reported on: those that were withdrawn or replaced since are among both.
        let orders = size(carriers.iter().filter(|order| order.is_asked() || order.report.is_some()).count());
        Ok(Self { orders, total, cuts, others, kinds, silent, more_silent })
    }

    /// Whether there is anything to tell.
    pub const fn is_empty(&self) -> bool {
        self.orders == 0 && self.total.orders == 0 && self.others.is_empty() && self.kinds.is_empty()
    }

    /// The splits that have lines, in the order of pages.
    pub fn splits(&self) -> impl Iterator<Item = (Cut, &[Line])> {
        self.cuts.iter().filter(|(_, lines)| !lines.is_empty()).map(|(cut, lines)| (*cut, lines.as_slice()))
    }

    /// What a manager is told of it.
    pub fn sentences(&self) -> Vec<Phrase> {
        let n = |n: i64| (words::number(n, Lang::Vi), words::number(n, Lang::En));
        let (name, total) = (label(), &self.total);
        let (vi, en) = (name.vi, name.en);
        let ((reported, reported_en), (orders, orders_en)) = (n(total.orders), n(self.orders));
        let mut said = Vec::new();
        if total.lines > 0 {
            let ((subscribers, subscribers_en), (sent, sent_en)) = (n(total.subscribers), n(total.submitted));
            let delivered = shown(total.delivered, Lang::Vi);
            let delivered_en = shown(total.delivered, Lang::En);
            said.push(phrase!(
                "{vi}: {subscribers} thuê bao, {sent} lượt đã gửi, {delivered} lượt thành công; {reported} trên {orders} yêu cầu đã có báo cáo.",
                "{en}: {subscribers_en} subscribers, {sent_en} sent, {delivered_en} delivered; {reported_en} of {orders_en} orders were reported on."
            ));
        } else if self.orders > 0 {
            said.push(phrase!(
                "{vi}: chưa có số liệu; {reported} trên {orders} yêu cầu đã có báo cáo.",
                "{en}: nothing was counted yet; {reported_en} of {orders_en} orders were reported on."
            ));
        }
        for far in self.kinds.iter().filter(|far| far.kind != Kind::Carrier) {
            let (kind, ((done, done_en), (asked, asked_en))) = (far.kind.label(), (n(far.done), n(far.asked)));
            let (share, share_en) = (words::share(far.done, far.asked, Lang::Vi), words::share(far.done, far.asked, Lang::En));
            let (kind, kind_en) = (kind.vi, kind.en);
            said.push(phrase!(
                "{kind} đã xác nhận triển khai: {done} trên {asked} đơn vị được yêu cầu ({share}).",
                "{kind_en} that confirmed: {done_en} of {asked_en} that were asked ({share_en})."
            ));
        }
        said
    }

    /// What it says of one campaign as a whole.
    pub(super) fn of_campaign(&self, slug: &str) -> Self {
        let line = self.cuts.get(&Cut::Campaign).and_then(|lines| lines.iter().find(|line| line.key == slug));
        let total = line.map(|line| line.figures).unwrap_or_default();
        let (others, kinds, silent) = (Vec::new(), Vec::new(), Vec::new());
        Self { orders: total.orders, total, cuts: BTreeMap::new(), others, kinds, silent, more_silent: 0 }
    }

    /// The same without what no row of an order tells: what outlets are called, which may change any day.
    pub(super) fn without_outlets(mut self) -> Self {
        if let Some(lines) = self.cuts.get_mut(&Cut::Outlet) {
            for line in lines {
                line.name.clear();
            }
        }
        self.more_silent += size(self.silent.len());
        self.silent.clear();
        self
    }
}

/// How far the outlets of each kind are.
fn far(asked: &[&Standing]) -> Vec<Far> {
    let far = |(number, of): (i16, Progress)| {
        let kind = Kind::from_number(number)?;
        Some(Far { kind, asked: of.asked, done: of.reported, refused: of.refused, overdue: of.overdue })
    };
    count::progress_of(asked.iter().copied()).into_iter().filter_map(far).collect()
}

/// Who reported nothing.
fn silent(asked: &[&Standing], campaigns: &BTreeMap<String, String>) -> Vec<Silent> {
    let mut silent: Vec<&&Standing> = asked.iter().filter(|order| order.report.is_none()).collect();
    silent.sort_by_key(|order| (order.kind, !order.overdue, order.title.clone(), order.id));
    let told = |order: &&Standing| {
        Some(Silent {
            outlet: order.title.clone(),
            kind: Kind::from_number(order.kind)?,
            campaign: campaigns.get(&order.campaign).unwrap_or(&order.campaign).clone(),
            state: order.state()?,
            overdue: order.overdue,
        })
    };
    silent.into_iter().filter_map(told).collect()
}

/// A column of the figures on paper and on pages: how it is called, its name in files, and what it says of a line; none: not known.
pub type Column = (Phrase, &'static str, fn(&Figures) -> Option<i64>);

/// How what the others reported is called.
pub fn others() -> Phrase {
    phrase!(
        "Số người do trường học, cơ quan, đài, báo tự báo cáo (không cộng với các số khác)",
        "People as reported by schools, agencies, radio and press (not to be added to other figures)"
    )
}

/// The columns.
pub fn columns() -> [Column; 8] {
    // Who counted nothing reported no zeros.
    [
        (phrase!("Thuê bao", "Subscribers"), "relay_subscribers", |of| (of.lines > 0).then_some(of.subscribers)),
        (phrase!("Lượt mục tiêu", "Targeted"), "relay_targeted", |of| (of.lines > 0).then_some(of.targeted)),
        (phrase!("Đã gửi", "Submitted"), "relay_submitted", |of| (of.lines > 0).then_some(of.submitted)),
        (phrase!("Thành công", "Delivered"), "relay_delivered", |of| of.delivered),
        (phrase!("Thất bại", "Failed"), "relay_failed", |of| of.failed),
        (phrase!("Đang chờ", "Pending"), "relay_pending", |of| of.pending),
        (phrase!("Tin quy đổi", "Parts"), "relay_parts", |of| of.parts),
        (phrase!("Chi phí (đồng)", "Cost (đồng)"), "relay_cost", |of| of.cost),
    ]
}

/// What the columns are called in a split: others than carriers count people.
pub fn names(cut: Cut) -> Vec<Phrase> {
    let people = (cut == Cut::Kind).then(|| phrase!("Số người", "People"));
    people.into_iter().chain(columns().into_iter().map(|(name, ..)| name).skip(usize::from(cut == Cut::Kind))).collect()
}

/// A number, a dash where it is not known.
pub fn shown(n: Option<i64>, lang: Lang) -> String {
    n.map_or_else(|| "—".to_string(), |n| words::number(n, lang))
}
