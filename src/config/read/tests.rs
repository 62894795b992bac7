use providers::Channel;
use secrecy::ExposeSecret as _;

use super::*;
use crate::config::{Price, Rate};

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

fn parse(text: &str, pairs: &[(&str, &str)]) -> Config {
    Config::parse(Path::new("/srv/loa/loa.toml"), text, &env(pairs), true).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn nothing_written_is_something_that_works() {
    let config = Config::parse(Path::new("loa.toml"), "", &env(&[]), true).unwrap();
    assert_eq!(config.database_url, "sqlite:loa.db");
    assert_eq!(config.server.listen, DEFAULT_LISTEN);
    assert_eq!(config.server.key_file.as_deref(), Some(Path::new("loa.key")));
    assert_eq!(config.campaigns_dir, Path::new("campaigns"));
    assert_eq!((config.approval_required, config.limits), (None, Limits::default()));
}

#[test]
fn paths_are_read_from_where_the_file_lies() {
    let config = parse("[database]\nurl = \"sqlite:data/loa.db\"\n[paths]\ncampaigns = \"chien-dich\"\n", &[]);
    assert_eq!(config.database_url, "sqlite:/srv/loa/data/loa.db");
    assert_eq!(config.server.key_file.as_deref(), Some(Path::new("/srv/loa/data/loa.key")));
    assert_eq!(config.campaigns_dir, Path::new("/srv/loa/chien-dich"));
    assert_eq!(parse("[database]\nurl = \"sqlite:/var/loa.db\"\n", &[]).database_url, "sqlite:/var/loa.db");
}

#[test]
fn an_account_is_read_whole() {
    let text = r#"
[[account]]
name     = "viettel"
gateway  = "smpp"
rate     = "60/m"
daily    = 500_000
price    = { viettel = 300, default = 350 }
carriers = ["viettel"]
host     = "smpp.example.vn"
port     = 2775
password = { env = "VIETTEL_PASSWORD" }
sender   = { ton = 5 }

[[account]]
name     = "mail"
gateway  = "smtp"
rate     = "100/s"
price    = 12
"#;
    let overrides =
        [("VIETTEL_PASSWORD", "hunter2"), ("LOA_ACCOUNT__VIETTEL__WINDOW", "7"), ("LOA_ACCOUNT__MAIL__PASSWORD", "12345")];
    let config = parse(text, &overrides);
    let [viettel, mail] = &config.accounts[..] else { panic!("{:?}", config.accounts) };
    assert_eq!((viettel.channel, viettel.window, viettel.daily, viettel.receipts), (Channel::Sms, 7, Some(500_000), true));
    assert_eq!(viettel.rate, Rate { count: 60, per: Duration::from_mins(1) });
    assert_eq!(viettel.price, Price { default: 350, by_carrier: [("viettel".to_string(), 300)].into() });
    assert_eq!(viettel.secrets["password"].expose_secret(), "hunter2");
    assert_eq!(viettel.settings["port"].as_integer(), Some(2775));
    assert_eq!(viettel.settings["sender"]["ton"].as_integer(), Some(5));
    assert_eq!((mail.channel, mail.receipts, mail.price.default), (Channel::Email, false, 12));
    assert_eq!(mail.secrets["password"].expose_secret(), "12345", "a secret is text, whatever it looks like");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_environment_overrules_the_file() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n[notify]\nemail = [\"a@example.vn\"]\n";
    let overrides = [
        ("LOA_SERVER__LISTEN", "127.0.0.1:2"),
        ("LOA_SERVER__KEY", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("LOA_DATABASE__URL", "postgres://loa:pw@db/loa"),
        ("LOA_NOTIFY__EMAIL", "[\"b@example.vn\", \"c@example.vn\"]"),
        ("LOA_LIMITS__CAP__MESSAGES", "3"),
        ("LOA_LIMITS__CAP__PER", "7d"),
        ("LOA_APPROVAL__REQUIRED", "true"),
        ("LOA_OFFICE__NAME", "Sở"),
        ("LOA_LANG", "en"),
    ];
    let config = parse(text, &overrides);
    assert_eq!(config.server.listen.port(), 2);
    assert!(config.server.key.is_some() && config.server.key_file.is_none());
    assert_eq!(config.database_url, "postgres://loa:pw@db/loa");
    assert!(!format!("{config:?}").contains("pw@"));
    assert_eq!(config.notify.email, ["b@example.vn", "c@example.vn"]);
    assert_eq!(config.limits.cap, Some((3, 7 * DAY)));
    assert_eq!(config.approval_required, Some(true));
    assert_eq!(config.office.fields["name"], "Sở");
}

#[test]
fn refusals_by_text_have_words_and_a_number() {
    let opt_out = |text: &str| Config::parse(Path::new("loa.toml"), text, &env(&[]), true).map(|config| config.office.opt_out);
    let unsaid = opt_out("").unwrap();
    assert_eq!(
        (unsaid.words, unsaid.number, unsaid.everything),
        (["TC", "TU CHOI", "TU CHOI NHAN TIN", "STOP"].map(String::from).to_vec(), None, false)
    );
    let said = opt_out(
        "[opt_out]\nnumber = \"5656\"\nkeyword = \"NGUNG\"\nscope = \"all\"\nkeep = \"30d\"\nconfirm = { refused = \"{office}: xong luc {time}\" }\n",
    )
    .unwrap();
    assert!(said.words.contains(&"NGUNG".to_string()) && said.everything);
    assert_eq!(said.instruction(false).as_deref(), Some("Soạn NGUNG gửi 5656 để từ chối"));
    assert_eq!(said.keep, 30 * DAY);
    for (text, problem) in [
        ("number = \"SOVHTTDL\"", "loa.toml:2:10: \"SOVHTTDL\" is not a number to text to"),
        ("keyword = \"TỪ CHỐI\"", "is not a keyword"),
        ("words = [\"?\"]", "cannot be a word of a refusal"),
        ("resume = [\"từ chối\"]", "both refuses and takes back"),
        ("confirm = { refused = \"{name}\" }", "has a placeholder that there is not"),
        ("scope = \"some\"", "awareness"),
    ] {
        let problems = opt_out(&format!("[opt_out]\n{text}\n")).unwrap_err().to_string();
        assert!(problems.contains(problem), "{text}: {problems}");
    }
}

#[test]
fn a_password_in_an_address_belongs_elsewhere() {
    let parse = |text: &str| Config::parse(Path::new("loa.toml"), text, &env(&[("DB", "postgres://u:pw@h/d")]), true);
    let problems = parse("[database]\nurl = \"postgres://u:pw@h/d\"\n").unwrap_err();
    assert!(problems.to_string().contains("holds a password") && !problems.to_string().contains("pw@"), "{problems}");
    assert_eq!(parse("[database]\nurl = { env = \"DB\" }\n").unwrap().database_url, "postgres://u:pw@h/d");
}

#[test]
fn a_key_file_is_read_when_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("loa.toml");
    fs::write(&file, "[server]\nkey = { file = \"the.key\" }\n").unwrap();
    let config = Config::read(Some(&file), &env(&[])).unwrap();
    assert!(config.server.key.is_none());
    assert_eq!(config.server.key_file, Some(dir.path().join("the.key")));
    fs::write(dir.path().join("the.key"), "ab".repeat(32) + "\n").unwrap();
    let config = Config::read(Some(&file), &env(&[])).unwrap();
    assert_eq!(config.server.key.unwrap().0.expose_secret(), &[0xab; 32]);
    assert_eq!(config.file, Some(file));
    assert!(Config::read(Some(&dir.path().join("none.toml")), &env(&[])).is_err());
}
