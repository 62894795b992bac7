//! The console: whether people reach it safely, whether anybody may sign in, and whether somebody is told of what waits for them.

use providers::Channel;

use super::{Findings, Globals};
use crate::{
    config::Config,
    db::{Db, Result},
    notice, phrase, user,
};

/// Where people reach the console: by https, unless they are at this machine.
pub(super) fn address(config: &Config, findings: &mut Findings) {
    let https = phrase!(
        "đặt máy chủ proxy có https ở trước và ghi địa chỉ ấy vào [sign_in] url",
        "put a proxy with https before it, and its address into [sign_in] url"
    );
    let listen = config.server.listen;
    match &config.sign_in.url {
        Some(url) if is_plain(url) => {
            findings.bad(
                "sign-in",
                phrase!("mật khẩu đi qua mạng không mã hóa: {url}", "passwords travel in the clear: {url}"),
                https,
            );
        }
        Some(url) => findings.well("sign-in", phrase!("trang quản lý ở {url}", "the console is at {url}")),
        None if config.sign_in.oidc.is_some() => findings.warn(
            "sign-in",
            phrase!(
                "[sign_in.oidc] không có [sign_in] url: nhà cung cấp trả người dùng về {0}",
                "[sign_in.oidc] without [sign_in] url: the provider sends people back to {0}",
                config.console_url()
            ),
            phrase!("ghi địa chỉ mà mọi người dùng vào [sign_in] url", "set [sign_in] url to the address that people use"),
        ),
        None if !listen.ip().is_loopback() && config.server.trusted_proxies.is_empty() => findings.warn(
            "sign-in",
            phrase!(
                "trang quản lý mở cho máy khác ({listen}) mà không có https",
                "other machines reach the console ({listen}) without https"
            ),
            https,
        ),
        None => {}
    }
}

/// Whether an address of the web is neither https nor this machine.
fn is_plain(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let here = ["127.0.0.1", "[::1]", "localhost"];
    !here.iter().any(|name| rest.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
}

/// Whether anybody may sign in.
pub(super) async fn people(db: &Db, findings: &mut Findings) -> Result<()> {
    if !user::any(db).await? {
        findings.warn(
            "users",
            phrase!("chưa ai đăng nhập được vào trang quản lý", "nobody may sign in to the console"),
            phrase!("loa user add ĐỊA_CHỈ_THƯ --name HỌ_TÊN", "loa user add EMAIL --name NAME"),
        );
    }
    Ok(())
}

/// Mails that tell of what waits for somebody.
pub(super) async fn notified(db: &Db, config: &Config, globals: &Globals, findings: &mut Findings) -> Result<()> {
    let places = config.notify.email.len();
    let sends_mail = config.accounts.iter().any(|account| account.channel == Channel::Email);
    let failing = notice::mail::failing(db, globals.clock.millis()).await?;
    match (places, sends_mail, failing) {
        (_, _, Some(failing)) => {
            let (mails, why) = (failing.mails, failing.detail);
            findings.warn(
                "notify",
                phrase!("{mails} thư báo việc chưa gửi được: {why}", "{mails} mail(s) of notices could not be sent: {why}"),
                phrase!("sửa tài khoản thư, hoặc đặt [notify] account", "mend the mail account, or set [notify] account"),
            );
        }
        (0, ..) => findings.warn(
            "notify",
            phrase!("không ai nhận thư khi có việc chờ xử lý", "nobody gets a mail about what waits"),
            phrase!("ghi địa chỉ người trực vào [notify] email", "put the address of whoever is on duty into [notify] email"),
        ),
        (_, false, None) => findings.warn(
            "notify",
            phrase!(
                "[notify] có nơi nhận thư nhưng không có tài khoản nào gửi thư",
                "[notify] names mail addresses, and no account sends mail"
            ),
            phrase!("thêm một tài khoản thư điện tử vào loa.toml", "add a mail account to loa.toml"),
        ),
        (_, true, None) => {
            findings.well("notify", phrase!("{places} nơi nhận thư báo việc", "{places} place(s) get mails about what waits"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_machine_itself_is_reached_without_https() {
        for url in ["http://loa.example.vn", "http://127.0.0.1.example.vn", "http://10.0.0.4:8080"] {
            assert!(is_plain(url), "{url}");
        }
        for url in ["https://loa.example.vn", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080/"] {
            assert!(!is_plain(url), "{url}");
        }
    }
}
