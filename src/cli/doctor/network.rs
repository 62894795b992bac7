//! Accounts, the address at which gateways reach us, and our own ports.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Findings, Globals};
use crate::{account, config::Config, phrase};

/// A port of this machine answers at once or not at all.
const ANSWER: Duration = Duration::from_secs(2);

/// Whether every account can be built, and its gateway can report back.
pub(super) fn accounts(config: &Config, globals: &Globals, findings: &mut Findings) {
    // A second installation fails, which is as good: some provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gateways = match account::gateways(config.gateways_dir.as_deref()) {
        Ok(gateways) => gateways,
        Err(error) => {
            findings.bad(
                "gateways",
                phrase!("mô tả cổng gửi: {error}", "gateways: {error}"),
                phrase!("`loa check` chỉ ra từng chỗ", "`loa check` points at each"),
            );
            return;
        }
    };
    if config.accounts.is_empty() {
        findings.warn(
            "accounts",
            phrase!("chưa có tài khoản gửi tin nào", "there are no accounts to send by"),
            phrase!("thêm [[account]]; `loa gateways` liệt kê các cổng", "add [[account]]; `loa gateways` lists the gateways"),
        );
        return;
    }
    let (mut well, mut waiting) = (0, Vec::new());
    for account in &config.accounts {
        match account::provider(account, config, &gateways, &globals.clock, None) {
            Ok(provider) => {
                well += 1;
                // Over SMPP receipts come back over the connection.
                if account.receipts && provider.can().receipts && account.gateway != account::SMPP {
                    waiting.push(account.name.as_str());
                }
            }
            Err(error) => findings.bad(
                "accounts",
                error.phrase(),
                phrase!("sửa [[account]] này; `loa gateways` giải thích từng khóa", "mend it; `loa gateways` explains each key"),
            ),
        }
    }
    if well > 0 {
        findings.well(
            "accounts",
            phrase!(
                "{well} tài khoản gửi tin dùng được (thử: loa accounts --test TÊN)",
                "{well} accounts are well (try: loa accounts --test NAME)"
            ),
        );
    }
    if config.server.public_url.is_none() && !waiting.is_empty() {
        let names = waiting.join(", ");
        findings.warn(
            "public-url",
            phrase!(
                "chưa có public_url: báo phát của {names} không về được, thư không có liên kết từ chối",
                "there is no public_url: receipts for {names} cannot arrive, and mails have no link to refuse"
            ),
            phrase!(
                "đặt public_url trong [server], hoặc receipts = \"none\" cho tài khoản",
                "set public_url in [server], or receipts = \"none\" for the account"
            ),
        );
    }
}

/// What listens where we would.
enum Listener {
    Nobody,
    Loa,
    Other,
}

/// Whether our ports are free, or served by us.
pub(super) async fn ports(config: &Config, findings: &mut Findings) {
    for address in [Some(config.server.listen), config.server.public_listen].into_iter().flatten() {
        match listener(address).await {
            Listener::Nobody => findings.well(
                "port",
                phrase!("{address} còn trống (`loa serve` chưa chạy)", "{address} is free (`loa serve` is not running)"),
            ),
            Listener::Loa => {
                findings.well("port", phrase!("`loa serve` đang chạy ở {address}", "`loa serve` is running at {address}"));
            }
            Listener::Other => findings.bad(
                "port",
                phrase!(
                    "chương trình khác đang chiếm {address}, hoặc loa không trả lời",
                    "another program has {address}, or loa does not answer"
                ),
                phrase!("dừng chương trình đó, hoặc đổi `listen` trong [server]", "stop it, or change `listen` in [server]"),
            ),
        }
    }
}

async fn listener(address: SocketAddr) -> Listener {
    let here = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let asked = timeout(ANSWER, healthy(SocketAddr::new(here, address.port()))).await;
    match asked {
        Ok(Ok(true)) => Listener::Loa,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Listener::Nobody,
        _ => Listener::Other,
    }
}

/// Whether `/healthz` answers 200.
async fn healthy(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    Ok(line.starts_with(b"HTTP/1.") && line.ends_with(b" 200"))
}
