//! `loa gateways`: the gateways that an account can be on, and what each of them wants to know.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use providers::{Abilities, Channel, Poll, http::Setting, smpp, smtp, zalo};
use serde_json::json;

use super::{Globals, Mistake, outlook, table};
use crate::{
    account::{self, SMPP, SMTP, ZALO},
    document::suggestion,
    phrase,
    words::{Lang, Phrase},
};

/// List the gateways that accounts can be on, with their settings
#[derive(clap::Args)]
pub struct Args {
    /// Only this gateway
    #[arg(value_name = "GATEWAY")]
    name: Option<String>,
}

/// A gateway, wherever its adapter comes from.
struct Gateway {
    name: String,
    title: String,
    channel: Channel,
    abilities: Abilities,
    settings: Vec<Known>,
}

/// A setting of a gateway.
struct Known {
    name: String,
    secret: bool,
    required: bool,
    default: Option<String>,
    about: Phrase,
}

#[expect(clippy::unused_async, reason = "every command has this signature")]
pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let described = account::gateways(config.gateways_dir.as_deref())?;
    let mut gateways = vec![smpp_gateway(), smtp_gateway(), zalo_gateway()];
    gateways.extend(described.into_iter().map(|(name, description)| {
        let url = Known {
            name: "url".into(),
            secret: false,
            required: description.url.is_none(),
            default: description.url.clone(),
            about: phrase!("địa chỉ của cổng", "the gateway's address"),
        };
        Gateway {
            name,
            title: description.title.clone(),
            channel: description.channel,
            abilities: description.abilities,
            settings: description.settings.iter().map(Known::described).chain([url]).collect(),
        }
    }));
    gateways.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(name) = &args.name {
        if !gateways.iter().any(|gateway| gateway.name == *name) {
            let known = suggestion(name, gateways.iter().map(|gateway| gateway.name.as_str()));
            return Err(Mistake(phrase!("không có cổng `{name}`", "there is no gateway `{name}`").then(&known)).into());
        }
        gateways.retain(|gateway| gateway.name == *name);
    }
    if globals.json {
        Globals::print_json(&gateways.iter().map(|gateway| gateway.json(globals.lang)).collect())?;
        return Ok(ExitCode::SUCCESS);
    }
    let texts: Vec<String> = gateways.iter().map(|gateway| gateway.text(globals.lang)).collect();
    write!(io::stdout(), "{}", texts.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

impl Known {
    fn described(setting: &Setting) -> Self {
        let Setting { name, secret, required, default, about } = setting;
        let about = Phrase::from(about.as_str());
        Self { name: name.clone(), secret: *secret, required: *required, default: default.clone(), about }
    }
}

impl Gateway {
    fn text(&self, lang: Lang) -> String {
        let Self { name, title, channel, .. } = self;
        let heading = phrase!("{name}: {title}, kênh {channel}", "{name}: {title}, channel {channel}");
        let abilities: Vec<String> = self.abilities().iter().map(|ability| ability.text(lang).to_string()).collect();
        let columns = match lang {
            Lang::Vi => ["  Khóa", "", "Ý nghĩa"],
            Lang::En => ["  Key", "", "Meaning"],
        };
        let rows: Vec<Vec<String>> = self.settings.iter().map(|setting| setting.cells(lang)).collect();
        format!("{}\n  {}{}", heading.text(lang), table::paragraph(&abilities.join("; ")), table::render(&columns, &rows))
    }

    fn abilities(&self) -> Vec<Phrase> {
        let Abilities { batch, receipts, ignores_repeats_for, echoes_reference, status, poll, .. } = self.abilities;
        let mut told = vec![if receipts {
            phrase!("có báo phát", "sends receipts")
        } else {
            phrase!("không có báo phát", "sends no receipts")
        }];
        let most = batch.most;
        if most > 1 {
            told.push(phrase!("{most} tin một lần gửi", "{most} messages a request"));
        }
        if !ignores_repeats_for.is_zero() {
            let (vi, en) = (spoken(ignores_repeats_for, Lang::Vi), spoken(ignores_repeats_for, Lang::En));
            told.push(phrase!("bỏ qua tin lặp lại trong {vi}", "ignores repeats for {en}"));
        }
        if receipts && !echoes_reference {
            told.push(phrase!("báo phát theo mã của cổng", "receipts carry the gateway's own id"));
        }
        if let Some(Poll { every, after, through, .. }) = poll {
            let [vi, en] = [Lang::Vi, Lang::En].map(|lang| [every, after, through].map(|span| spoken(span, lang)));
            told.push(Phrase {
                vi: format!("tự hỏi kết quả cách {}, từ {} đến {} sau khi gửi", vi[0], vi[1], vi[2]),
                en: format!("is asked for results every {}, from {} to {} after sending", en[0], en[1], en[2]),
            });
        } else if status {
            told.push(phrase!("hỏi lại được kết quả", "can be asked what became of a message"));
        }
        told
    }

    fn json(&self, lang: Lang) -> serde_json::Value {
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|setting| {
                json!({
                    "name": setting.name, "secret": setting.secret, "required": setting.required,
                    "default": setting.default, "about": setting.about.text(lang),
                })
            })
            .collect();
        json!({
            "name": self.name, "title": self.title, "channel": self.channel.name(), "settings": settings,
            "abilities": {
                "batch": self.abilities.batch.most, "receipts": self.abilities.receipts, "status": self.abilities.status,
                "ignores_repeats_for_s": self.abilities.ignores_repeats_for.as_secs(),
                "echoes_reference": self.abilities.echoes_reference,
                "poll": self.abilities.poll.map(|poll| json!({
                    "every_s": poll.every.as_secs(), "after_s": poll.after.as_secs(), "through_s": poll.through.as_secs(),
                })),
            },
        })
    }
}

impl Known {
    fn cells(&self, lang: Lang) -> Vec<String> {
        let mut notes = Vec::new();
        if self.required {
            notes.push(lang.pick("bắt buộc", "required").to_string());
        }
        if self.secret {
            notes.push(lang.pick("bí mật", "secret").to_string());
        }
        if let Some(default) = self.default.as_ref().filter(|default| !default.is_empty()) {
            notes.push(phrase!("mặc định {default}", "default {default}").text(lang).to_string());
        }
        vec![format!("  {}", self.name), notes.join(", "), self.about.text(lang).to_string()]
    }
}

/// A span as people say it.
fn spoken(span: Duration, lang: Lang) -> String {
    match span.as_secs() {
        seconds @ ..60 => format!("{seconds} {}", lang.pick("giây", "s")),
        _ => outlook::span(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), lang),
    }
}

/// The gateway whose adapter is `providers::smpp`.
fn smpp_gateway() -> Gateway {
    let setting = |name: &str| {
        let (default, about) = match name {
            "host" => {
                (None, phrase!("tên hoặc địa chỉ máy chủ SMPP của nhà mạng", "name or address of the carrier's SMPP server"))
            }
            "port" => (Some("2775; tls = implicit: 3550"), phrase!("cổng TCP", "TCP port")),
            "tls" => (Some("none"), phrase!("none hoặc implicit", "none or implicit")),
            "bind" => (
                Some("transceiver"),
                phrase!("transceiver, hoặc pair: transmitter và receiver", "transceiver, or pair: transmitter and receiver"),
            ),
            "binds" => (
                Some("1"),
                phrase!("số kết nối (hoặc cặp), chia nhau window", "connections (or pairs of them), which share the window"),
            ),
            "system_id" => (None, phrase!("tên đăng nhập nhà mạng cấp", "the name that the carrier gave")),
            "password" => (None, phrase!("mật khẩu, nhiều nhất 8 ký tự", "the password, at most 8 characters")),
            "system_type" => {
                (None, phrase!("loại hệ thống, nếu nhà mạng yêu cầu", "kind of system, where the carrier asks for it"))
            }
            "service_type" => (None, phrase!("loại dịch vụ, nếu nhà mạng yêu cầu", "service, where the carrier asks for it")),
            "sender" => (None, phrase!("tên định danh hoặc số gửi đi", "the sender's name (brandname) or number")),
            "source_ton" | "source_npi" => (
                Some("tên: 5 và 0; +84…: 1 và 1; số khác: 0 và 1 / a name: 5 and 0; +84…: 1 and 1; else 0 and 1"),
                phrase!("loại và cách đánh số của sender", "type and plan of the sender's number"),
            ),
            "dest_ton" | "dest_npi" => {
                (Some("1"), phrase!("loại và cách đánh số của người nhận", "type and plan of the recipient's number"))
            }
            "long" => (
                Some("udh"),
                phrase!("cách ghép tin dài: udh, sar hoặc payload", "how long texts are joined: udh, sar or payload"),
            ),
            "reference" => (Some("8"), phrase!("số bit của mã ghép tin: 8 hoặc 16", "bits of a long text's reference: 8 or 16")),
            "charset" => (
                Some("gsm"),
                phrase!("bảng mã của data_coding: gsm, latin1 hoặc ascii", "what data_coding carries: gsm, latin1 or ascii"),
            ),
            "data_coding" => (Some("0"), phrase!("data_coding của tin trong charset", "data_coding of texts in the charset")),
            "data_coding_unicode" => (Some("8"), phrase!("data_coding của tin có dấu", "data_coding of texts in UCS-2")),
            "unicode" => (Some("true"), phrase!("nhà mạng có nhận tin có dấu không", "whether the carrier takes UCS-2")),
            "validity" => (
                Some("relative"),
                phrase!("cách ghi hạn gửi: relative, absolute hoặc none", "how validity is said: relative, absolute or none"),
            ),
            "max_validity" => (None, phrase!("hạn gửi dài nhất, như 24h", "the longest validity, such as 24h")),
            "ids" => (
                Some("string"),
                phrase!(
                    "mã tin trong biên nhận: string, hex-to-dec, dec-to-hex hoặc auto",
                    "ids in receipts: string, hex-to-dec, dec-to-hex or auto"
                ),
            ),
            "receipt_zone" => (Some("+07:00"), phrase!("múi giờ trong biên nhận", "time zone of dates in receipts")),
            "timeout" => {
                (Some("30s"), phrase!("thời gian chờ cho một tin, từ 1s đến 60s", "time for one message, from 1s to 60s"))
            }
            _ => (
                None,
                phrase!(
                    "nghĩa của mã lỗi riêng: {{ \"0x0400\" = \"template\" }}",
                    "meaning of the carrier's own codes: {{ \"0x0400\" = \"template\" }}"
                ),
            ),
        };
        Known {
            name: name.to_string(),
            secret: crate::config::is_secret_name(name),
            required: matches!(name, "host" | "system_id" | "password" | "sender"),
            default: default.map(str::to_string),
            about,
        }
    };
    Gateway {
        name: SMPP.to_string(),
        title: "SMPP 3.4".to_string(),
        channel: Channel::Sms,
        abilities: smpp::ABILITIES,
        settings: smpp::KEYS.iter().map(|name| setting(name)).collect(),
    }
}

/// The gateway whose adapter is `providers::smtp`.
fn smtp_gateway() -> Gateway {
    let setting = |name: &str| {
        let (default, about) = match name {
            "host" => (None, phrase!("tên máy chủ thư", "the mail server's name")),
            "port" => (Some("587; tls = implicit: 465, none: 25"), phrase!("cổng TCP", "TCP port")),
            "tls" => (Some("starttls"), phrase!("none, starttls hoặc implicit", "none, starttls or implicit")),
            "username" => (None, phrase!("tên đăng nhập; bỏ trống: không đăng nhập", "whom to sign in as; none: without")),
            "password" => (None, phrase!("mật khẩu đăng nhập", "the password to sign in with")),
            "from" => (
                None,
                phrase!(
                    "người gửi, kèm tên hiển thị: Sở Văn hóa <canhbao@example.vn>",
                    "the sender with a display name: Office <warn@example.vn>"
                ),
            ),
            "reply_to" => (None, phrase!("nơi nhận thư trả lời, nếu khác from", "where answers go, if not to from")),
            "bounces" => (None, phrase!("hộp thư đọc thư bị trả lại (docs/bounces.md)", "where they are read (docs/bounces.md)")),
            "bounce" => (
                None,
                phrase!(
                    "nơi nhận thư bị trả lại, nếu khác from; {{ref}} cho mỗi thư một địa chỉ: bounce+{{ref}}@example.vn",
                    "where bounces go, if not to from; {{ref}} gives each mail its own: bounce+{{ref}}@example.vn"
                ),
            ),
            "unsubscribe" => (
                None,
                phrase!(
                    "hộp thư nhận yêu cầu từ chối, bên cạnh liên kết một chạm; có thể có {{ref}}",
                    "a mailbox that takes refusals, beside the one-click link; may have {{ref}}"
                ),
            ),
            "hello_name" => (None, phrase!("tên máy này khi chào máy chủ (EHLO)", "this machine's name in EHLO")),
            _ => (Some("60s"), phrase!("thời gian chờ cho một thư, từ 1s đến 600s", "time for one mail, from 1s to 600s")),
        };
        Known {
            name: name.to_string(),
            secret: crate::config::is_secret_name(name),
            required: matches!(name, "host" | "from"),
            default: default.map(str::to_string),
            about,
        }
    };
    Gateway {
        name: SMTP.to_string(),
        title: "SMTP".to_string(),
        channel: Channel::Email,
        abilities: smtp::ABILITIES,
        settings: smtp::KEYS.iter().map(|name| setting(name)).collect(),
    }
}

/// The gateway whose adapter is `providers::zalo`.
fn zalo_gateway() -> Gateway {
    let setting = |name: &str| {
        let (default, about) = match name {
            "app_id" => (None, phrase!("mã ứng dụng trên developers.zalo.me", "the app's id on developers.zalo.me")),
            "secret" => (None, phrase!("khóa bí mật của ứng dụng", "the app's secret key")),
            "oa_id" => (None, phrase!("mã Official Account", "the Official Account's id")),
            "oa_secret" => (
                Some("secret"),
                phrase!("khóa ký webhook của OA, ghi cạnh mục Webhook", "the key that signs webhooks, shown beside them"),
            ),
            "refresh_token" => (
                None,
                phrase!(
                    "refresh token đầu tiên, dùng một lần; sau đó cặp token nằm trong cơ sở dữ liệu",
                    "the first refresh token, good once; afterwards the pair is kept in the database"
                ),
            ),
            "url" => (
                Some("https://openapi.zalo.me"),
                phrase!("địa chỉ thay cho mọi địa chỉ của Zalo", "in place of all of Zalo's addresses"),
            ),
            "template_url" => (
                Some("https://business.openapi.zalo.me"),
                phrase!("địa chỉ gửi tin mẫu theo số điện thoại", "where templates to phone numbers go"),
            ),
            "oauth_url" => (Some("https://oauth.zaloapp.com"), phrase!("địa chỉ lấy token", "where tokens come from")),
            "appsecret_proof" => (
                Some("false"),
                phrase!("gửi kèm appsecret_proof, nếu ứng dụng yêu cầu", "send appsecret_proof along, where the app demands it"),
            ),
            "development" => (
                Some("false"),
                phrase!("chỉ gửi tới quản trị viên ứng dụng, không mất phí", "to the app's administrators only, free of charge"),
            ),
            "trust_numbers" => (
                Some("false"),
                phrase!(
                    "tin số điện thoại người dùng tự khai trong Zalo (không ai kiểm chứng): tin của số đó sẽ tới Zalo của họ",
                    "believe phone numbers that people enter in Zalo (nobody proves them): that number's messages go to their Zalo"
                ),
            ),
            _ => (
                Some("true"),
                phrase!(
                    "gửi tin mẫu theo số điện thoại cho người không có zalo_id",
                    "write by template to the phone number of whoever has no zalo_id"
                ),
            ),
        };
        Known {
            name: name.to_string(),
            secret: crate::config::is_secret_name(name),
            required: matches!(name, "app_id" | "secret" | "oa_id"),
            default: default.map(str::to_string),
            about,
        }
    };
    Gateway {
        name: ZALO.to_string(),
        title: "Zalo".to_string(),
        channel: Channel::Chat,
        abilities: zalo::ABILITIES,
        settings: zalo::KEYS.iter().map(|name| setting(name)).collect(),
    }
}
