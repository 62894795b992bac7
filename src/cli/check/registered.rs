//! Registered templates: what their gateway says of each is compared with what the campaigns fill in (`loa check --online`).
//!
//! What enters is a campaign; what leaves is a fault for each parameter that is missing, unknown or too long, at its place. Each
//! template is asked about once. What can go wrong: the gateway cannot be asked, which is a fault of the template's line.

use std::{collections::BTreeMap, sync::Arc};

use providers::{Provider, SendError, Template};
use tokio::sync::Mutex;

use super::super::{Globals, accounts::base};
use crate::{
    account,
    campaign::{Campaign, ChatBody},
    config::Config,
    message::TemplateFault,
    phrase,
    words::Phrase,
};

/// What an account's gateway says of a template.
type Said = Result<Template, SendError>;

/// The accounts whose gateways know templates, and what they said so far.
pub(super) struct Registers {
    accounts: Vec<(String, Arc<dyn Provider>)>,
    said: Mutex<BTreeMap<(usize, String), Said>>,
}

impl Registers {
    /// The accounts of the settings.
    pub(super) async fn of(config: &Config, globals: &Globals) -> anyhow::Result<Self> {
        // A second installation fails, which is as good: some provider is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut accounts = Vec::new();
        let mine = config.accounts.iter().filter(|account| account.gateway == account::ZALO);
        let mut known = None;
        for account in mine {
            if known.is_none() {
                known = base(config).await?;
            }
            let base = known.as_ref().map(|(db, seal)| (db, seal));
            // An account that cannot be built is told of with the settings.
            if let Ok(provider) = account::provider(account, config, &account::Gateways::new(), &globals.clock, base) {
                accounts.push((account.name.clone(), provider));
            }
        }
        Ok(Self { accounts, said: Mutex::default() })
    }

    /// What is wrong with how a campaign fills in its templates.
    pub(super) async fn faults(&self, campaign: &Campaign) -> Vec<TemplateFault> {
        let mut faults = Vec::new();
        for message in &campaign.messages {
            let bodies = std::iter::once((None, &message.body)).chain(message.lang.iter().map(|(lang, body)| (Some(lang), body)));
            for (lang, chat) in bodies.filter_map(|(lang, body)| Some((lang, body.chat.as_ref()?))) {
                let Some(id) = &chat.template else { continue };
                for at in 0..self.accounts.len() {
                    for (field, text, help) in self.compared(at, id, chat).await {
                        let (message, lang) = (message.id.clone(), lang.cloned());
                        faults.push(TemplateFault { message, lang, field, text, help, offset: None });
                    }
                }
            }
        }
        faults
    }

    /// What is wrong by one account: the field, what, and what would be right.
    async fn compared(&self, at: usize, id: &str, chat: &ChatBody) -> Vec<(String, Phrase, Option<Phrase>)> {
        let (account, provider) = &self.accounts[at];
        let mut said = self.said.lock().await;
        let key = (at, id.to_owned());
        if !said.contains_key(&key) {
            let Some(answer) = provider.template(id).await else { return Vec::new() };
            said.insert(key.clone(), answer);
        }
        match said.get(&key) {
            None => Vec::new(),
            Some(Err(error)) => {
                let what = phrase!(
                    "tài khoản `{account}`: không hỏi được mẫu `{id}`: {error}",
                    "account `{account}`: template `{id}` could not be asked about: {error}"
                );
                vec![("chat.template".to_owned(), what, None)]
            }
            Some(Ok(template)) => compare(account, id, template, chat),
        }
    }
}

/// A template beside what fills it in.
fn compare(account: &str, id: &str, template: &Template, chat: &ChatBody) -> Vec<(String, Phrase, Option<Phrase>)> {
    let mut faults = Vec::new();
    if !template.usable {
        let state = &template.state;
        let what = phrase!(
            "tài khoản `{account}`: mẫu `{id}` chưa dùng được, trạng thái {state}",
            "account `{account}`: template `{id}` cannot be used, its state is {state}"
        );
        faults.push(("chat.template".to_owned(), what, None));
    }
    let names: Vec<&str> = template.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    for parameter in &template.parameters {
        let name = &parameter.name;
        match chat.data.get(name) {
            None if parameter.required => {
                let what = phrase!(
                    "mẫu `{id}` của tài khoản `{account}` cần tham số `{name}`",
                    "template `{id}` of account `{account}` needs the parameter `{name}`"
                );
                let help = phrase!("thêm vào data: {name} = \"…\"", "add to data: {name} = \"…\"");
                faults.push(("chat.data".to_owned(), what, Some(help)));
            }
            Some(text) => {
                let least = least_length(text);
                if let Some(longest) = parameter.longest.filter(|longest| least > *longest) {
                    let what = phrase!(
                        "tham số `{name}` của mẫu `{id}` chỉ nhận {longest} ký tự, ở đây có ít nhất {least}",
                        "the parameter `{name}` of template `{id}` takes {longest} characters, and here are at least {least}"
                    );
                    faults.push((format!("chat.data.{name}"), what, None));
                }
            }
            None => {}
        }
    }
    for name in chat.data.keys().filter(|name| !names.contains(&name.as_str())) {
        let what = phrase!(
            "mẫu `{id}` của tài khoản `{account}` không có tham số `{name}`",
            "template `{id}` of account `{account}` has no parameter `{name}`"
        );
        faults.push((format!("chat.data.{name}"), what, Some(crate::document::suggestion(name, names.iter().copied()))));
    }
    faults
}

/// The characters that a text has whatever its placeholders become.
fn least_length(text: &str) -> usize {
    let (mut rest, mut count) = (text, 0);
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        count += rest[..start].chars().count();
        let close = match rest.as_bytes().get(start + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => "#}",
        };
        let Some(end) = rest[start..].find(close) else { return count };
        rest = &rest[start + end + close.len()..];
    }
    count + rest.chars().count()
}

#[cfg(test)]
mod tests {
    use providers::Parameter;

    use super::*;

    #[test]
    fn what_placeholders_become_is_not_counted() {
        for (text, least) in [("", 0), ("Chào", 4), ("Chào {{ name }}!", 6), ("{% if a %}ấy{% endif %}", 2), ("{{ name", 0)] {
            assert_eq!(least_length(text), least, "{text}");
        }
    }

    #[test]
    fn missing_unknown_and_too_long_parameters_are_told_apart() {
        let parameter = |name: &str, required, longest| Parameter { name: name.into(), required, longest };
        let parameters = vec![parameter("ten", true, Some(3)), parameter("ma", true, None), parameter("them", false, None)];
        let template = Template { usable: true, state: "ENABLE".into(), parameters };
        let data = [("ten", "{{ name }} ơi nhé"), ("me", "1")].map(|(key, text)| (key.to_string(), text.to_string()));
        let chat = ChatBody { text: None, template: Some("1".into()), data: data.into() };
        let fields: Vec<String> = compare("zalo", "1", &template, &chat).into_iter().map(|(field, ..)| field).collect();
        assert_eq!(fields, ["chat.data.ten", "chat.data", "chat.data.me"]);
    }
}
