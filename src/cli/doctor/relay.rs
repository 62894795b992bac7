//! Relay orders: whether outlets can be reached, whether documents are signed, and what waits for a person.

use chrono::DateTime;
use providers::webhook::{BadAddress, check_address};

use super::{Findings, Globals};
use crate::{
    cap::Certificate,
    config::Config,
    db::{Db, Result},
    outlet::{self, Outlet, Way},
    phrase,
    relay::{
        attention::{self, Cause},
        order,
    },
    upstream,
    words::{self, Lang, Phrase},
};

/// A certificate that ends within so many seconds is to be renewed.
const SOON: i64 = 30 * 24 * 3_600;

/// Looks at outlets and orders; where nobody passes anything on there is nothing to say.
pub(super) async fn look(db: &Db, config: &Config, globals: &Globals, findings: &mut Findings) -> Result<()> {
    let now = globals.clock.millis();
    upstream(db, config, now, findings).await?;
    let all = outlet::without_contacts(db).await?;
    let outlets: Vec<&Outlet> = all.iter().filter(|outlet| outlet.active).collect();
    if outlets.iter().any(|outlet| outlet.way != Way::Hand) {
        signing(config, now, findings);
    }
    for outlet in outlets.iter().filter(|outlet| outlet.way == Way::Push) {
        address(outlet, config, findings);
    }
    for outlet in outlets {
        certificate(outlet, now, findings);
    }
    for name in config.relay.private.iter().filter(|name| !all.iter().any(|outlet| outlet.slug == **name)) {
        findings.warn(
            "relay",
            phrase!(
                "[relay] private nêu `{name}`, không phải đơn vị phối hợp nào",
                "[relay] private names `{name}`, which is no outlet"
            ),
            phrase!("sửa tên, hoặc bỏ đi", "mend the name, or take it out"),
        );
    }
    let late = order::overdue(db).await?;
    if late > 0 {
        findings.warn(
            "orders",
            phrase!("{late} yêu cầu quá hạn báo cáo", "the reports of {late} orders are overdue"),
            phrase!("xem trang Yêu cầu, hoặc `loa orders`", "see the page of orders, or `loa orders`"),
        );
    }
    for matter in attention::matters(db, now).await?.into_iter().filter(|matter| matter.cause == Cause::Unpushed) {
        let (outlet, n) = (matter.outlet, matter.orders);
        let (vi, en) = (words::said(matter.said.clone(), Lang::Vi), matter.said);
        findings.bad(
            "outlet",
            phrase!("{outlet}: máy chủ chưa nhận {n} yêu cầu: {vi}", "{outlet}: its server has not taken {n} orders: {en}"),
            phrase!(
                "hỏi đơn vị; khi đã sửa xong, Loa gửi lại chậm nhất sau nửa giờ",
                "ask the outlet; once it is mended, Loa tries again within half an hour"
            ),
        );
    }
    Ok(())
}

/// Whether a department's orders come in, and are carried out.
async fn upstream(db: &Db, config: &Config, now: i64, findings: &mut Findings) -> Result<()> {
    let Some(settings) = &config.upstream else { return Ok(()) };
    let url = &settings.url;
    match settings.certificate.as_ref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok()) {
        None => findings.warn(
            "upstream-certificate",
            phrase!(
                "[upstream] không ghim chứng thư: không kiểm được chữ ký trên yêu cầu của {url}",
                "[upstream] pins no certificate: nobody checks who signed the orders of {url}"
            ),
            phrase!(
                "đặt [upstream] certificate, đối chiếu dấu vân tay qua điện thoại",
                "set [upstream] certificate, and compare its fingerprint by telephone"
            ),
        ),
        Some(one) => {
            let help = phrase!("xin nơi yêu cầu chứng thư mới", "ask the department for a new one");
            expiry("upstream-certificate", "[upstream]", &one, now, help, findings);
        }
    }
    let troubles = upstream::troubles(db, settings).await?;
    match upstream::poll(db, url).await?.map(|poll| poll.seen_at) {
        None => findings.warn(
            "upstream",
            phrase!("chưa hỏi {url} lần nào", "{url} was never asked"),
            phrase!("`loa serve` lấy yêu cầu về", "`loa serve` takes orders in"),
        ),
        Some(Some(at)) if troubles.is_empty() => {
            let at = words::minute(at);
            findings.well("upstream", phrase!("{url} trả lời lúc {at}", "{url} answered at {at}"));
        }
        Some(None) if troubles.is_empty() => findings.warn(
            "upstream",
            phrase!("{url} chưa trả lời lần nào", "{url} has never answered"),
            phrase!("kiểm tra [upstream] url và mạng", "check [upstream] url and the network"),
        ),
        Some(_) => {}
    }
    for (order, _, says) in troubles {
        let (vi, en) = (says.vi, says.en);
        let says = match order {
            Some(order) => phrase!("yêu cầu {order}: {vi}", "order {order}: {en}"),
            None => phrase!("[upstream] {url}: {vi}", "[upstream] {url}: {en}"),
        };
        let help = phrase!("xem docs/upstream.md; hỏi nơi yêu cầu nếu cần", "see docs/upstream.md; ask the department");
        findings.bad("upstream", says, help);
    }
    Ok(())
}

/// Whether documents say who sends them, and prove it.
fn signing(config: &Config, now: i64, findings: &mut Findings) {
    if config.relay.sender.is_none() {
        let sender = config.relay_sender();
        findings.warn(
            "relay-sender",
            phrase!(
                "yêu cầu gửi đi dưới tên `{sender}`, vì chưa có [relay] sender",
                "orders go out in the name of `{sender}`, as there is no [relay] sender"
            ),
            phrase!(
                "ghi tên miền của cơ quan vào [relay] sender, và giữ nguyên về sau",
                "write the office's domain into [relay] sender, and keep it"
            ),
        );
    }
    let Some(signing) = &config.relay.signing else {
        findings.warn(
            "relay-signing",
            phrase!(
                "văn bản CAP gửi nhà mạng không có chữ ký số: nơi nhận không kiểm được ai gửi",
                "CAP documents go to partners unsigned: they cannot tell who sent them"
            ),
            phrase!("đặt [relay] signing (docs/relay.md)", "set [relay] signing (docs/relay.md)"),
        );
        return;
    };
    let renew = phrase!(
        "làm chứng thư mới, gửi các đơn vị ghim, rồi thay vào [relay] signing",
        "make a new one, have the outlets pin it, then put it into [relay] signing"
    );
    match Certificate::from_pem(signing.certificate.as_bytes()).ok().and_then(|one| ends(&one, now)) {
        Some((vi, en, true)) => {
            findings.bad(
                "relay-signing",
                phrase!("chứng thư ký văn bản đã hết hạn ngày {vi}", "the certificate that signs documents ended on {en}"),
                renew,
            );
        }
        Some((vi, en, false)) => {
            findings.warn(
                "relay-signing",
                phrase!("chứng thư ký văn bản hết hạn ngày {vi}", "the certificate that signs documents ends on {en}"),
                renew,
            );
        }
        None => findings.well("relay-signing", phrase!("văn bản CAP được ký số", "CAP documents are signed")),
    }
}

/// When a certificate ends or ended, in both languages, if that is soon; true: it has ended.
fn ends(certificate: &Certificate, now: i64) -> Option<(String, String, bool)> {
    let (now, until) = (now.div_euclid(1_000), certificate.until());
    if until > now + SOON {
        return None;
    }
    let day = DateTime::from_timestamp(until, 0).unwrap_or_default().with_timezone(&chrono_tz::Asia::Ho_Chi_Minh).date_naive();
    Some((words::date(day, Lang::Vi), words::date(day, Lang::En), until < now))
}

/// Tells of somebody's certificate that ended, or ends soon.
pub(super) fn expiry(
    about: &'static str,
    whose: &str,
    certificate: &Certificate,
    now: i64,
    help: Phrase,
    findings: &mut Findings,
) {
    match ends(certificate, now) {
        None => {}
        Some((vi, en, true)) => {
            let says = phrase!("{whose}: chứng thư đã hết hạn ngày {vi}", "{whose}: its certificate ended on {en}");
            findings.bad(about, says, help);
        }
        Some((vi, en, false)) => {
            let says = phrase!("{whose}: chứng thư hết hạn ngày {vi}", "{whose}: its certificate ends on {en}");
            findings.warn(about, says, help);
        }
    }
}

fn address(outlet: &Outlet, config: &Config, findings: &mut Findings) {
    let (title, slug) = (&outlet.title, &outlet.slug);
    let mut bad = |says: Phrase, help: Phrase| findings.bad("outlet", says, help);
    let Some(url) = &outlet.url else {
        bad(
            phrase!("{title}: không có địa chỉ để đẩy yêu cầu tới", "{title}: there is no address to push orders to"),
            phrase!("ghi địa chỉ ở trang Đơn vị phối hợp", "write it in the console"),
        );
        return;
    };
    let private = config.relay.private.contains(slug);
    match check_address(url, private) {
        Ok(()) => {}
        Err(BadAddress::Private) => bad(
            phrase!("{title}: địa chỉ nằm trong mạng nội bộ", "{title}: its address is a loopback or private one"),
            phrase!("nếu đúng là ý muốn: thêm `{slug}` vào [relay] private", "if that is meant, add `{slug}` to [relay] private"),
        ),
        Err(error) => bad(
            phrase!("{title}: địa chỉ không dùng được: phải là https", "{title}: its address cannot be used: {error}"),
            phrase!("sửa địa chỉ ở trang Đơn vị phối hợp", "mend it in the console"),
        ),
    }
}

/// Whether the outlet's own documents can be believed.
fn certificate(outlet: &Outlet, now: i64, findings: &mut Findings) {
    let title = &outlet.title;
    let renew = phrase!("xin đơn vị chứng thư mới", "ask the outlet for a new one");
    let Some(pem) = &outlet.certificate else {
        if outlet.way == Way::Push {
            findings.warn(
                "outlet",
                phrase!(
                    "{title}: chưa ghim chứng thư, trả lời của máy chủ được tin theo kết nối https",
                    "{title}: no certificate is pinned, its server's answers are believed by https alone"
                ),
                phrase!(
                    "xin chứng thư của đơn vị và ghi ở trang Đơn vị phối hợp",
                    "ask for its certificate and pin it in the console"
                ),
            );
        }
        return;
    };
    match Certificate::from_pem(pem.as_bytes()) {
        Ok(one) => expiry("outlet", title, &one, now, renew, findings),
        Err(error) => {
            let why = error.words();
            let (vi, en) = (why.vi, why.en);
            findings.bad("outlet", phrase!("{title}: chứng thư: {vi}", "{title}: its certificate: {en}"), renew);
        }
    }
}
