//! Every page as people meet it: in both themes, on a phone and on a desk, by keyboard, without script. axe-core finds nothing.

mod routes;

use loa::{dispatch::unsubscribe_token, on, sandbox::Behaviour};
use providers::Channel;

use crate::helpers::{
    browser::{Browser, Role, Theme, WIDTHS},
    office::Office,
};
use routes::WALK;

/// The narrowest window in which everything must be readable without pushing it sideways (WCAG 2.2, 1.4.10).
const NARROWEST: u32 = 320;

/// Looks at the page that is open, in every way. `name` is what its pictures are called.
async fn look_at(browser: &Browser, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for width in WIDTHS {
        for theme in Theme::ALL {
            browser.look(width, theme).await;
            browser.shoot(&format!("{name}-{}-{width}", theme.name())).await;
            wrong.extend(browser.axe().await.into_iter().map(|one| format!("{} {width}: {one}", theme.name())));
        }
    }
    browser.look(NARROWEST, Theme::Light).await;
    wrong.extend(browser.sticks_out().await);
    browser.look(WIDTHS[1], Theme::Light).await;
    wrong.extend(browser.tab_walk().await);
    wrong.extend(browser.complaints().await.into_iter().map(|one| format!("the browser complains: {one}")));
    wrong.into_iter().map(|one| format!("{name}: {one}")).collect()
}

/// What somebody pastes, and what the page says of it.
const LOOK_UPS: [(&str, Option<&str>, &str); 4] = [
    ("look-up", None, "Dán vào đây"),
    (
        "genuine",
        Some("So VHTTDL: Không đọc mã OTP cho bất kỳ ai. Báo tin lừa đảo: 156 hoặc 5656."),
        "Đúng: tin này do chúng tôi gửi",
    ),
    (
        "near",
        Some("So VHTTDL: Khong doc ma OTP cho bat ky ai. Bao tin lua dao: 0900156156 hoac bit.ly/5656."),
        "Cẩn thận: tin này khác với tin thật",
    ),
    ("unknown", Some("Quý khách đã trúng thưởng, xem https://quatang.example.com/nhan"), "Không thấy tin này"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_public_sees_is_open_to_everybody() {
    let mut office = Office::prepare(Behaviour::default()).await;
    let file = office.dir().join("loa.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, settings.replace("[server]\n", "[server]\npublic_url = \"https://canhbao.example.vn\"\n")).unwrap();
    office.import(30);
    office.serve();
    let seal = office.seal().await;
    office.loa(&["send", "ma-otp"]);
    office.until("everything is sent", SENT).await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for (name, text, says) in LOOK_UPS {
        browser.go(&format!("{}/genuine", office.url)).await;
        if let Some(text) = text {
            browser.fill("Nội dung tin", text).await;
            browser.press("Kiểm tra").await;
        }
        browser.sees(says).await;
        wrong.extend(look_at(&browser, name).await);
    }
    browser.press("English").await;
    browser.sees("We have sent no such message").await;
    browser.go(&format!("{}/u/{}", office.url, unsubscribe_token(&seal, Channel::Sms, 42))).await;
    wrong.extend(look_at(&browser, "unsubscribe").await);
    browser.choose("Ngừng mọi tin").await;
    browser.press("Ngừng nhận tin").await;
    browser.sees("Đã ghi nhận lựa chọn của quý vị.").await;
    wrong.extend(look_at(&browser, "unsubscribed").await);
    browser.follow("English").await;
    browser.sees("Nothing is sent to you by SMS").await;
    browser.go(&format!("{}/u/broken", office.url)).await;
    wrong.extend(look_at(&browser, "notice").await);
    browser.go(&format!("{}/sign-in", office.url)).await;
    browser.sees("loa user add").await;
    wrong.extend(look_at(&browser, "sign-in-nobody").await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An order to a carrier that took it and reported on it, and one to a school, of a third run; the order's identifier.
async fn ordered(office: &Office) -> String {
    let file = office.dir().join("campaigns/nhan-tin-qua-nha-mang.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace("status        = \"exercise\"", "status        = \"actual\"")
        .replace("partners =", "kinds = [\"school\"]\npartners =");
    std::fs::write(&file, text).unwrap();
    office.loa(&["approve", "nhan-tin-qua-nha-mang", "--by", "Lê Văn Duyệt"]);
    office.loa(&["send", "nhan-tin-qua-nha-mang"]);
    let db = office.db().await;
    let of = "SELECT o.identifier FROM relay_order o JOIN outlet t ON t.id = o.outlet WHERE t.slug = 'viettel'";
    let order: String = on!(db.read, |pool, _sql| sqlx::query_scalar(of).fetch_one(pool).await).unwrap();
    office.loa(&["orders", "ack", &order, "--by", "story"]);
    std::fs::write(office.dir().join("report.csv"), "code,round,targeted,submitted,delivered\n01,1,1000,900,850\n").unwrap();
    office.loa(&["orders", "report", "report.csv", "--order", &order, "--by", "story"]);
    order
}

/// What an authority published: of a feed it would have come by itself.
const BULLETIN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>ncsc-2026-117</identifier>
  <sender>ncsc.example.vn</sender>
  <sent>2026-11-20T09:00:00+07:00</sent>
  <status>Actual</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <language>vi-VN</language>
    <category>Security</category>
    <event>Cảnh báo lừa đảo trực tuyến</event>
    <urgency>Expected</urgency>
    <severity>Moderate</severity>
    <certainty>Likely</certainty>
    <senderName>Cục An toàn thông tin</senderName>
    <headline>Giả danh cán bộ thuế yêu cầu cài ứng dụng</headline>
    <description>Kẻ gian tự xưng là cán bộ thuế, gọi điện và gửi đường dẫn để cài ứng dụng giả. Không cài, không đọc mã OTP.</description>
    <instruction>Nghi bị lừa: gọi 156.</instruction>
    <area>
      <areaDesc>Cả nước</areaDesc>
    </area>
  </info>
</alert>
"#;

/// Brings a bulletin, of which a draft is made; its number.
async fn told(office: &Office) -> i64 {
    std::fs::write(office.dir().join("ban-tin.xml"), BULLETIN).unwrap();
    office.loa(&["bulletins", "read", "ban-tin.xml", "--source", "Cục An toàn thông tin", "--by", "story"]);
    office.number("SELECT max(id) FROM bulletin").await
}

/// 1 once everything is sent.
const SENT: &str = "SELECT (SELECT count(*) FROM delivery) > 0 AND (SELECT count(*) FROM delivery WHERE state IN (0, 1, 2)) = 0";

/// Makes something of every kind, so that there is something to see; what the addresses of the walk stand for.
async fn scene(office: &Office, browser: &Browser) -> Vec<(&'static str, String)> {
    browser.go(&format!("{}/campaigns/ma-otp/clone", office.url)).await;
    browser.fill("Mã của bản sao", "ban-sao").await;
    browser.press("Nhân bản").await;
    browser.sees("Gửi phê duyệt").await;
    browser.go(&format!("{}/warnings/new?pattern=dau-tu-sieu-loi-nhuan", office.url)).await;
    browser.press("Xem trước và ước tính").await;
    browser.sees("Ước tính nếu gửi bây giờ").await;
    let warning = browser.path().await;
    browser.press("Gửi duyệt; duyệt xong gửi ngay").await;
    browser.sees("Chờ phê duyệt").await;
    browser.go(&format!("{}/approvals", office.url)).await;
    browser.follow("Cảnh báo: sàn đầu tư lãi cao lừa đảo").await;
    browser.sees("Mã nội dung").await;
    let approval = browser.path().await;
    browser.go(&format!("{}/requests", office.url)).await;
    browser.fill("Mã người nhận, số điện thoại hoặc thư điện tử", "nguoi-mau@example.com").await;
    browser.press("Tiếp nhận").await;
    browser.sees("Đã tiếp nhận yêu cầu").await;
    browser.go(&format!("{}/requests", office.url)).await;
    browser.follow_in_row("Xem dữ liệu").await;
    let request = browser.path().await;
    let last = |path: String| path.rsplit('/').next().unwrap().to_string();
    let person = office.number("SELECT min(id) FROM recipient").await;
    let bulletin = told(office).await;
    vec![
        ("{run}", "2".into()),
        ("{settled}", "1".into()),
        ("{person}", person.to_string()),
        ("{campaign}", "ma-otp".into()),
        ("{draft}", "ban-sao".into()),
        ("{version}", "1".into()),
        ("{warning}", last(warning)),
        ("{bulletin}", bulletin.to_string()),
        ("{approval}", last(approval)),
        ("{request}", last(request)),
        ("{segment}", "nguoi-cao-tuoi".into()),
        ("{outlet}", "truong-mau".into()),
        ("{relay}", "nhan-tin-qua-nha-mang".into()),
        ("{relayed}", "3".into()),
        ("{account}", "esms".into()),
        ("{period}", "2026-Q3".into()),
        ("{user}", "1".into()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_console_is_open_to_everybody() {
    let mut office = Office::prepare(Behaviour::default()).await;
    office.import(200);
    let password = office.user("moi-viec@example.vn", "Lê Thị Mẫu", &["officer", "approver", "manager", "administrator"]);
    office.outlet("truong-mau", "Trường THCS Mẫu", "school");
    office.outlet("viettel", "Viettel", "carrier");
    office.serve();
    office.loa(&["approve", "ma-otp", "--by", "Lê Văn Duyệt"]);
    office.loa(&["send", "ma-otp"]);
    office.until("everything is sent", SENT).await;
    office.loa(&["send", "ma-otp"]);
    office.loa(&["pause", "2"]);
    let order = ordered(&office).await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for address in WALK.iter().filter(|address| address.starts_with("/sign-in")) {
        browser.go(&format!("{}{address}", office.url)).await;
        wrong.extend(look_at(&browser, &name_of(address)).await);
    }
    office.sign_in(&browser, "moi-viec@example.vn", &password).await;
    let mut scene = scene(&office, &browser).await;
    scene.push(("{order}", order));
    for address in WALK.iter().filter(|address| !address.starts_with("/sign-in")) {
        let path = scene.iter().fold((*address).to_string(), |path, (name, value)| path.replace(name, value));
        let url = format!("{}{path}", office.url);
        browser.go(&url).await;
        let status = browser.status().await;
        if status != 200 {
            wrong.push(format!("{address} answers with {status}"));
            continue;
        }
        let heading = browser.heading().await;
        wrong.extend(look_at(&browser, &name_of(address)).await);
        browser.scripts(false).await;
        browser.go(&url).await;
        if browser.heading().await != heading {
            wrong.push(format!("{address}: without script it is “{}”, with script “{heading}”", browser.heading().await));
        }
        if !browser.has(Role::Link, "Tổng quan").await {
            wrong.push(format!("{address}: without script the sections are not to be seen"));
        }
        browser.scripts(true).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the pictures of an address are called.
fn name_of(address: &str) -> String {
    let name: String = address.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "home".to_string() } else { name.to_string() }
}
