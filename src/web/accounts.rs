//! How the accounts do, as this process sees them.

use serde::Serialize;

use crate::{
    account::{Account, Accounts, trouble::Trouble},
    clock::Ticks,
    words::Lang,
};

/// Whether messages go over an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Condition {
    /// They do.
    Usable,
    /// It failed repeatedly and rests until its next probe.
    Resting,
    /// Its daily quota is used up.
    OutOfQuota,
    /// A person must mend it.
    Stopped,
}

/// An account, for people and machines.
#[derive(Debug, Serialize)]
pub(super) struct AccountView {
    /// The name in loa.toml.
    pub name: String,
    /// The kind of API.
    pub gateway: String,
    /// What it carries.
    pub channel: &'static str,
    /// Lower first.
    pub priority: u32,
    /// How it does.
    pub condition: Condition,
    /// Why a person must mend it: the gateway's words.
    pub why: Option<String>,
    /// What ails it, since when and why, in the reader's language.
    pub troubles: Vec<String>,
}

fn view(account: &Account, ticks: Ticks, troubles: &[Trouble], lang: Lang) -> AccountView {
    let (why, closed) = account.circuit(|circuit| (circuit.stopped().map(str::to_string), circuit.is_usable(ticks)));
    let condition = match (&why, closed) {
        (Some(_), _) => Condition::Stopped,
        (None, false) => Condition::Resting,
        (None, true) if account.is_usable(ticks) => Condition::Usable,
        (None, true) => Condition::OutOfQuota,
    };
    AccountView {
        name: account.config.name.clone(),
        gateway: account.config.gateway.clone(),
        channel: account.config.channel.name(),
        priority: account.config.priority,
        condition,
        why,
        troubles: troubles
            .iter()
            .filter(|trouble| trouble.account == account.id)
            .map(|trouble| trouble.told(account.throttle().pace).text(lang).to_string())
            .collect(),
    }
}

/// All of them, by channel, then by name, with what ails them.
pub(super) fn all(accounts: &Accounts, ticks: Ticks, troubles: &[Trouble], lang: Lang) -> Vec<AccountView> {
    let mut views: Vec<_> =
        accounts.all().iter().map(|account| (account.config.channel, view(account, ticks, troubles, lang))).collect();
    views.sort_by(|(channel, one), (other, two)| (channel, one.priority, &one.name).cmp(&(other, two.priority, &two.name)));
    views.into_iter().map(|(_, view)| view).collect()
}
