//! Sources of bulletins: whether they can be read, and until when their certificates hold.

use super::{Findings, Globals, relay::expiry};
use crate::{
    bulletin::poll::sources,
    cap::Certificate,
    config::Config,
    db::{Db, Result},
    phrase,
    words::minute,
};

/// Looks at each source of the settings.
pub(super) async fn look(db: &Db, config: &Config, globals: &Globals, findings: &mut Findings) -> Result<()> {
    if config.bulletins.is_empty() {
        return Ok(());
    }
    let known = sources(db).await?;
    for wanted in &config.bulletins {
        let name = &wanted.name;
        let source = known.iter().find(|source| source.name == *name);
        match source.map(|source| (source.trouble(), source.read_at)) {
            Some((Some(trouble), _)) => {
                let (vi, en) = (trouble.vi, trouble.en);
                findings.bad(
                    "bulletins",
                    phrase!("nguồn bản tin {name}: {vi}", "the source of bulletins {name}: {en}"),
                    phrase!(
                        "sửa [[bulletins]] hoặc hỏi nơi phát hành; `loa bulletins poll {name}` thử lại ngay",
                        "mend [[bulletins]] or ask its publisher; `loa bulletins poll {name}` tries again"
                    ),
                );
            }
            Some((None, Some(at))) => {
                let at = minute(at);
                findings.well(
                    "bulletins",
                    phrase!("nguồn bản tin {name} đọc được lúc {at}", "the source of bulletins {name} was read at {at}"),
                );
            }
            _ => findings.warn(
                "bulletins",
                phrase!("nguồn bản tin {name}: chưa đọc lần nào", "the source of bulletins {name} was never read"),
                phrase!(
                    "`loa bulletins poll {name}` đọc thử; `loa serve` đọc đều đặn",
                    "`loa bulletins poll {name}` reads it; `loa serve` does so from time to time"
                ),
            ),
        }
        // Nothing is believed of a source whose certificate has ended.
        if let Some(one) = wanted.certificate.as_ref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok()) {
            let help = phrase!("xin nơi phát hành chứng thư mới", "ask its publisher for a new one");
            expiry("bulletins", &format!("[[bulletins]] {name}"), &one, globals.clock.millis(), help, findings);
        }
    }
    Ok(())
}
