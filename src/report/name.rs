//! What the numbers of a cut's lines mean, and what a stored key means in each run: the third segment of one definition
//! may be the first of another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Cause, Cut, Run, Selection, Subject, cut::place_of};
use crate::{
    audience::{address::ChatService, phone::Carrier, place::Places},
    campaign::{Campaign, Segments},
    db::{Db, Result, Sql, Tx, list},
    on, phrase,
    user::Scope,
    within,
    words::{self, Lang, Phrase},
};

static DEFINITIONS: Sql = Sql::new(
    r"SELECT hash, campaign, body, segments FROM definition
      WHERE hash IN (SELECT hash FROM :rows($1; hash TEXT) AS wanted)",
);

static ACCOUNTS: Sql = Sql::new(r"SELECT id, name FROM account");

static GROUPS: Sql = Sql::new(r"SELECT DISTINCT grp FROM membership ORDER BY grp");

/// The line of what belongs to none.
pub(super) const NONE: i64 = -1;

/// The kept definitions, by hash; one that this version cannot read is left out.
async fn definitions(tx: &mut Tx, hashes: impl Iterator<Item = &str>) -> Result<BTreeMap<String, (Campaign, Segments)>> {
    #[derive(Serialize)]
    struct Hash<'a> {
        hash: &'a str,
    }
    let mut wanted: Vec<&str> = hashes.collect();
    wanted.sort_unstable();
    wanted.dedup();
    let wanted = list(&wanted.into_iter().map(|hash| Hash { hash }).collect::<Vec<_>>());
    let rows: Vec<(String, String, String, String)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&DEFINITIONS)).bind(&wanted).fetch_all(c).await)?;
    let read = |(hash, slug, body, segments): (String, String, String, String)| {
        let campaign = Campaign::parse(&slug, &slug, &body).ok()?;
        Some((hash, (campaign, Segments::parse("segments.toml", &segments).unwrap_or_default())))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// What campaigns are called, by slug, as the latest of these runs has each.
pub(super) async fn titles(tx: &mut Tx, runs: &[Run], campaigns: &BTreeSet<&str>) -> Result<BTreeMap<String, String>> {
    let of_these = runs.iter().filter(|run| campaigns.contains(run.campaign.as_str()));
    let latest: BTreeMap<&str, &str> = of_these.map(|run| (run.campaign.as_str(), run.definition.as_str())).collect();
    let read = definitions(tx, latest.values().copied()).await?;
    let title = |(slug, hash): (&str, &str)| Some((slug.to_string(), read.get(hash)?.0.title.clone()));
    Ok(latest.into_iter().filter_map(title).collect())
}

/// The campaign that all these runs are of, as the latest of them has it; none where there are several.
pub(super) async fn subject(tx: &mut Tx, runs: &[Run]) -> Result<Option<Subject>> {
    let Some(latest) = runs.last() else { return Ok(None) };
    if runs.iter().any(|run| run.campaign != latest.campaign) {
        return Ok(None);
    }
    let mut read = definitions(tx, std::iter::once(latest.definition.as_str())).await?;
    Ok(read.remove(&latest.definition).map(|(campaign, _)| Subject {
        slug: campaign.slug,
        title: campaign.title,
        basis: campaign.basis.map(|basis| basis.number),
        goal: campaign.audience.goal,
    }))
}

static OWNERS: Sql = Sql::new(
    r"SELECT r.campaign, d.body FROM run r JOIN definition d ON d.hash = r.definition
      WHERE r.id IN (SELECT max(id) FROM run WHERE origin <> 2 GROUP BY campaign) ORDER BY r.campaign",
);

/// Campaigns that have runs: slug, title, and the department that owns each, as its latest run has them.
pub async fn owners(db: &Db) -> Result<Vec<(String, String, String)>> {
    /// No more of a definition is read than that.
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Owned {
        title: String,
        owner: String,
    }
    let rows: Vec<(String, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&OWNERS)).fetch_all(pool).await)?;
    let read = |(slug, body): (String, String)| {
        let Owned { title, owner } = toml::from_str(&body).unwrap_or_default();
        let title = if title.is_empty() { slug.clone() } else { title };
        (slug, title, owner)
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Campaigns of the departments that somebody sees, as slug and title; and their slugs where these are not all.
pub async fn seen_by(db: &Db, scope: &Scope) -> Result<(Vec<(String, String)>, Option<BTreeSet<String>>)> {
    let all = owners(db).await?;
    let seen: Vec<(String, String)> =
        all.into_iter().filter(|(_, _, owner)| scope.sees(owner)).map(|(slug, title, _)| (slug, title)).collect();
    let only = (!scope.is_everything()).then(|| seen.iter().map(|(slug, _)| slug.clone()).collect());
    Ok((seen, only))
}

/// What a delivery's row says of the lines that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) channel: i64,
    /// See [`super::cut::place_number`].
    pub(super) place: i64,
    pub(super) route: i64,
    pub(super) account: i64,
    /// See [`Cause::number`].
    pub(super) cause: i64,
    /// Its place in the definition.
    pub(super) message: i64,
    /// A bit for each of its run's segments.
    pub(super) segments: i64,
}

/// The lines of one cut.
pub(super) struct Names {
    pub(super) by: Cut,
    /// The line of each run's campaign.
    campaigns: BTreeMap<i64, i64>,
    /// The line of each message, by run.
    messages: BTreeMap<i64, Vec<i64>>,
    /// The line of each segment, by run: the bit that stands for it there, and the line.
    segments: BTreeMap<i64, Vec<(i64, i64)>>,
    /// The line of each group.
    pub(super) groups: BTreeMap<String, i64>,
    /// Key and name of each line, where they are read from the database.
    named: BTreeMap<i64, (String, Phrase)>,
    /// Places are told apart by ward.
    wards: bool,
}

impl Names {
    /// Reads what the lines of a cut are called.
    pub(super) async fn read(tx: &mut Tx, runs: &[Run], by: Cut, selection: &Selection) -> Result<Self> {
        let mut names = Self {
            by,
            campaigns: BTreeMap::new(),
            messages: BTreeMap::new(),
            segments: BTreeMap::new(),
            groups: BTreeMap::new(),
            named: BTreeMap::new(),
            wards: selection.area.is_some(),
        };
        match by {
            Cut::Account => {
                let rows: Vec<(i64, String)> = within!(tx, |c, sql| sqlx::query_as(sql(&ACCOUNTS)).fetch_all(c).await)?;
                names.named = rows.into_iter().map(|(id, name)| (id, (name.clone(), name.into()))).collect();
            }
            Cut::Group => names.read_groups(tx).await?,
            Cut::Campaign | Cut::Message | Cut::Segment => names.read_defined(tx, runs).await?,
            Cut::Channel | Cut::Area | Cut::Carrier | Cut::Reason => {}
        }
        Ok(names)
    }

    async fn read_groups(&mut self, tx: &mut Tx) -> Result<()> {
        let groups: Vec<String> = within!(tx, |c, sql| sqlx::query_scalar(sql(&GROUPS)).fetch_all(c).await)?;
        self.groups = groups.iter().cloned().zip(0..).collect();
        self.named = (0..).zip(groups).map(|(line, group)| (line, (group.clone(), group.into()))).collect();
        Ok(())
    }

    /// Campaigns, segments and messages: by what the runs' definitions call them.
    async fn read_defined(&mut self, tx: &mut Tx, runs: &[Run]) -> Result<()> {
        let definitions = definitions(tx, runs.iter().map(|run| run.definition.as_str())).await?;
        let several = runs.iter().any(|run| run.campaign != runs[0].campaign);
        let mut lines: BTreeMap<String, i64> = BTreeMap::new();
        for run in runs {
            let read = definitions.get(&run.definition);
            if self.by == Cut::Campaign {
                let title = read.map_or_else(|| run.campaign.clone(), |(campaign, _)| campaign.title.clone());
                let line = self.line_of(&mut lines, run.campaign.clone(), title);
                self.campaigns.insert(run.id, line);
                continue;
            }
            let Some((campaign, known)) = read else { continue };
            if self.by == Cut::Message {
                for one in &campaign.messages {
                    // The same id in another campaign is another message.
                    let key = if several { format!("{}/{}", campaign.slug, one.id) } else { one.id.clone() };
                    let line = self.line_of(&mut lines, key.clone(), key);
                    self.messages.entry(run.id).or_default().push(line);
                }
            } else {
                for (at, slug) in campaign.audience.segments.iter().take(62).enumerate() {
                    let title = known.get(slug).map_or(slug, |segment| &segment.title);
                    let line = self.line_of(&mut lines, slug.clone(), title.clone());
                    self.segments.entry(run.id).or_default().push((1 << at, line));
                }
            }
        }
        Ok(())
    }

    fn line_of(&mut self, lines: &mut BTreeMap<String, i64>, key: String, title: String) -> i64 {
        let next = i64::try_from(lines.len()).unwrap_or(i64::MAX);
        let line = *lines.entry(key.clone()).or_insert(next);
        // The latest run's title is the one that people know.
        self.named.insert(line, (key, title.into()));
        line
    }

    /// The lines that a delivery of a run is in, by number; that of what belongs to none where it is in no other. Groups are
    /// people's: no row tells them.
    pub(super) fn each_line(&self, run: i64, facts: Facts, mut take: impl FnMut(i64)) {
        match self.by {
            Cut::Channel => take(facts.channel),
            Cut::Campaign => take(self.campaigns.get(&run).copied().unwrap_or(NONE)),
            Cut::Area => take(facts.place),
            Cut::Carrier => take(facts.route),
            Cut::Account => take(facts.account),
            Cut::Reason => take(facts.cause),
            Cut::Message => {
                let line = self.messages.get(&run).zip(usize::try_from(facts.message).ok());
                take(line.and_then(|(lines, at)| lines.get(at).copied()).unwrap_or(NONE));
            }
            Cut::Segment => {
                let known = self.segments.get(&run).map_or(&[][..], Vec::as_slice);
                let mut own = known.iter().filter(|(bit, _)| facts.segments & bit != 0).map(|(_, line)| *line).peekable();
                if own.peek().is_none() {
                    take(NONE);
                }
                own.for_each(take);
            }
            Cut::Group => take(NONE),
        }
    }

    /// The line that a counted number belongs to: wards count in their province.
    pub(super) fn line(&self, number: i64) -> i64 {
        match self.by {
            Cut::Area if !self.wards => {
                let province = place_of(number).and_then(|code| Places::built_in().province_of(&code));
                province.and_then(|code| code.parse::<i64>().ok()).map_or(number, |code| 1_000 + code)
            }
            _ => number,
        }
    }

    /// Whether a line is of what belongs to none.
    pub(super) fn is_none(&self, line: i64) -> bool {
        match self.by {
            Cut::Account | Cut::Area | Cut::Reason => line == 0,
            _ => line == NONE,
        }
    }

    /// What programs and people call a line.
    pub(super) fn of(&self, line: i64) -> (String, Phrase) {
        if self.is_none(line) {
            return ("none".to_string(), self.nothing());
        }
        if let Some((key, name)) = self.named.get(&line) {
            return (key.clone(), name.clone());
        }
        match self.by {
            Cut::Channel => channel(line),
            Cut::Carrier => route(line),
            Cut::Area => {
                let code = place_of(line).unwrap_or_default();
                let name = Places::built_in().name(&code).unwrap_or(&code).into();
                (code, name)
            }
            Cut::Reason => {
                let cause = Cause::from_number(line);
                (cause.name().to_string(), cause.label())
            }
            Cut::Account | Cut::Campaign | Cut::Group | Cut::Message | Cut::Segment => {
                (line.to_string(), line.to_string().into())
            }
        }
    }

    fn nothing(&self) -> Phrase {
        match self.by {
            Cut::Account => phrase!("(chưa chọn tài khoản)", "(no account yet)"),
            Cut::Area => phrase!("(chưa rõ địa bàn)", "(not known)"),
            Cut::Reason => phrase!("(không có lý do)", "(no reason)"),
            Cut::Segment | Cut::Group => phrase!("(không thuộc nhóm nào)", "(in none)"),
            Cut::Campaign | Cut::Message | Cut::Channel | Cut::Carrier => phrase!("(không đọc được)", "(unreadable)"),
        }
    }
}

fn channel(number: i64) -> (String, Phrase) {
    let key = providers::Channel::from_number(number).map_or("unknown", providers::Channel::name);
    (key.to_string(), Phrase { vi: words::channel(key, Lang::Vi).to_string(), en: words::channel(key, Lang::En).to_string() })
}

/// A route: carriers matter to SMS only, services to chat only.
pub fn route(number: i64) -> (String, Phrase) {
    let (key, name) = channel(number >> 4);
    let group = match key.as_str() {
        "sms" => Carrier::from_number(number & 15).map(Carrier::name),
        "chat" => ChatService::from_number(number & 15).map(ChatService::name),
        _ => None,
    };
    let Some(group) = group else { return (key, name) };
    let word = |lang| words::carrier(group, lang);
    let name = Phrase { vi: format!("{} {}", name.vi, word(Lang::Vi)), en: format!("{} {}", name.en, word(Lang::En)) };
    (format!("{key}:{group}"), name)
}
