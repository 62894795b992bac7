//! The stand-in HTTP gateways, all on one port: their paths do not meet. One file a gateway says how it words things.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::connect_info::Connected,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
    serve::{IncomingStream, Listener},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::exchange::Exchange;

mod esms;
mod esms_bulk;
mod fpt;
mod kannel;
mod speedsms;
mod stringee;
mod telegram;
mod vietguys;
mod viettel;
mod vnpt;
pub mod zalo;

/// Serves until told to stop; then every request in hand is answered first.
pub(super) async fn serve(listener: TcpListener, exchange: Arc<Exchange>, mut stopping: watch::Receiver<bool>) {
    let router = Router::new()
        .route("/MainService.svc/json/SendMultipleMessage_V4_post_json", post(esms::send))
        .route("/MainService.svc/json/SendMultipleMessage_V4_post_json/", post(esms::send))
        .route("/MainService.svc/json/SendMultipleSMSBrandname_json", post(esms_bulk::send))
        .route("/MainService.svc/json/SendMultipleSMSBrandname_json/", post(esms_bulk::send))
        .route("/MainService.svc/json/GetSmsReceiverStatus_get", get(esms_bulk::status))
        .route("/MainService.svc/json/GetBalance_json", post(esms_bulk::balance))
        .route("/oauth2/token", post(fpt::token))
        .route("/api/push-brandname-otp", post(fpt::send))
        .route("/v1/sms", post(stringee::send))
        .route("/bulkapi", post(viettel::send))
        .route("/index.php/sms/send", post(speedsms::send))
        .route("/index.php/user/info", get(speedsms::about))
        .route("/smsmarketing/api", post(vnpt::send))
        .route("/api/index.php", post(vietguys::send))
        .route("/cgi-bin/sendsms", any(kannel::send))
        .route("/v4/oa/access_token", post(zalo::token))
        .route("/message/template", post(zalo::to_phone))
        .route("/v3.0/oa/message/template", post(zalo::to_user))
        .route("/v3.0/oa/message/cs", post(zalo::consult))
        .route("/message/status", get(zalo::status))
        .route("/message/quota", get(zalo::quota))
        .route("/template/info/v2", get(zalo::template))
        .route("/{bot}/sendMessage", post(telegram::send))
        .route("/{bot}/getMe", get(telegram::about).post(telegram::about))
        .with_state(exchange)
        .into_make_service_with_connect_info::<Line>();
    let stopped = async move {
        // An error means that the sandbox is gone.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    // Serving ends by the signal only: axum retries failed accepts itself.
    let _ = axum::serve(Plug(listener), router).with_graceful_shutdown(stopped).await;
}

/// The connection of a request: a handler can close it instead of answering.
#[derive(Debug, Clone, Default)]
struct Line(Arc<AtomicBool>);

impl Line {
    /// Closes the connection: no octet of this handler's answer is written.
    fn cut(&self) -> Response {
        self.0.store(true, Ordering::Release);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl Connected<IncomingStream<'_, Plug>> for Line {
    fn connect_info(stream: IncomingStream<'_, Plug>) -> Self {
        stream.io().line.clone()
    }
}

/// A listener whose connections can be cut.
struct Plug(TcpListener);

impl Listener for Plug {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, from) = <TcpListener as Listener>::accept(&mut self.0).await;
        // Without it, answers merely come later.
        let _ = stream.set_nodelay(true);
        (Wire { stream, line: Line::default() }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that refuses to write once it is cut, upon which the server drops it.
struct Wire {
    stream: TcpStream,
    line: Line,
}

impl Wire {
    fn whole(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.line.0.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.whole()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.whole()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What the proxies before these gateways answer while the gateway cannot.
fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "Service Unavailable").into_response()
}

fn json(status: u16, body: &Value) -> Response {
    answer(status, "application/json; charset=utf-8", body.to_string())
}

fn answer(status: u16, content_type: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// A JSON field as text, whether it came as a string or a number; empty where it is missing.
fn text(value: &Value, field: &str) -> String {
    match &value[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Form fields, of a body or a query; the first of each name counts.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// Whether this can be a Vietnamese mobile number: `84` or `0` and nine digits, a plus allowed.
fn is_mobile(phone: &str) -> bool {
    let phone = phone.strip_prefix('+').unwrap_or(phone);
    let rest = phone.strip_prefix("84").or_else(|| phone.strip_prefix('0')).unwrap_or_default();
    rest.len() == 9 && rest.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(['3', '5', '7', '8', '9'])
}

/// Seconds to wait, rounded up and at least one.
fn seconds(time: std::time::Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobile_numbers() {
        for good in ["84901234567", "+84901234567", "0351234567"] {
            assert!(is_mobile(good), "{good}");
        }
        for bad in ["901234567", "8490123456", "0241234567", "09012345ab", ""] {
            assert!(!is_mobile(bad), "{bad}");
        }
    }
}
