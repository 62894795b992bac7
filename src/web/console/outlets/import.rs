//! Many outlets at once: a list comes up, what each row would do is shown, and it is done once that is confirmed. Between the two the
//! rows wait in the page itself, sealed: whatever node is asked then, nothing was left behind for it to forget.

use axum::{
    Router,
    extract::{self, DefaultBodyLimit},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use minijinja::{Value, context};

use super::{
    some_places,
    write::{Manager, choices, owners},
};
use crate::{
    outlet::Kind,
    phrase,
    relay::enlist::{self, Ground, Listed, Row, What, Wrong, column},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Upload},
            visitor::{Visitor, see_other},
        },
        download,
    },
    words::{Lang, Phrase},
};

/// Bytes of the largest list that comes up, and of a page's rows that come back.
const LARGEST: usize = 8 << 20;
const LARGEST_BACK: usize = 16 << 20;
/// How long a page with rows waits for its answer (milliseconds).
const WAITS: i64 = 60 * 60_000;
/// Rows, and mistakes, that the page shows.
const SHOWN: usize = 200;
/// Rows that were not taken after all, which the next page names.
const TOLD: usize = 3;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/outlets/import", get(ask).post(bring).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/outlets/import/take", post(take).layer(DefaultBodyLimit::max(LARGEST_BACK)))
        .route("/outlets/import/example.csv", get(example))
}

/// A list to begin with. Its first bytes tell Excel that it is UTF-8.
const EXAMPLE: &str = "\u{feff}Mã,Tên đơn vị,Loại,Cách giao,Địa bàn,Email,Đơn vị phụ trách\r\n\
    thpt-mau,Trường THPT Mẫu,Trường học,hand,\"Phường Ba Đình, Thành phố Hà Nội\",van-thu@example.vn,\r\n\
    dai-mau,Đài truyền thanh xã Mẫu,Đài truyền thanh,hand,01,dai@example.vn,\r\n";

async fn example(Manager(_): Manager) -> Response {
    download::file(download::CSV, "don-vi-phoi-hop.csv", EXAMPLE)
}

async fn page(state: &Shared, visitor: &Visitor, typed: &Fields, wrong: Option<&Phrase>) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let mut kinds = vec![context! { value => "", label => lang.pick("Theo cột “Loại” trong tệp", "As the column “kind” says") }];
    kinds.extend(Kind::ALL.map(|kind| context! { value => kind.name(), label => kind.label().text(lang) }));
    let owners = choices(&owners(state, visitor, None).await?, lang);
    let text = wrong.map(|words| words.capital().text(lang).to_string());
    let values = context! {
        kinds, owners, kind => typed.get("kind"), owner => typed.get("owner"), most => enlist::MOST,
        mistakes => text.iter().map(|text| context! { field => "file", text }).collect::<Vec<_>>(), file_error => text,
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(state.view_as(status, visitor, "outlets/import", values))
}

async fn ask(extract::State(State(state)): extract::State<State>, Manager(visitor): Manager) -> Result<Response, Fault> {
    page(&state, &visitor, &Fields::default(), None).await
}

fn wrong_value(wrong: &Wrong, lang: Lang) -> Value {
    context! {
        line => wrong.line, column => wrong.column.map(|name| column(name, lang)), why => wrong.why.capital().text(lang),
    }
}

fn row_value(row: &Row, lang: Lang) -> Value {
    let (what, tone, fields) = match &row.what {
        What::Add => (lang.pick("thêm mới", "new"), "good", String::new()),
        What::Change(_, fields) => {
            let named: Vec<&str> = fields.iter().map(|field| column(field, lang)).collect();
            (lang.pick("sửa", "changed"), "amber", named.join(", "))
        }
        What::Same => (lang.pick("giữ nguyên", "as it is"), "", String::new()),
    };
    let written = &row.written;
    context! {
        line => row.line, slug => &written.slug, title => &written.title, kind => written.kind.label().text(lang),
        areas => some_places(&written.areas, lang), owner => &written.owner, what, tone, fields,
    }
}

/// Rows as a page carries them: only we read them, they are of one user, and have an end.
fn carried(state: &Shared, visitor: &Visitor, rows: &[Row]) -> Result<String, Fault> {
    let doing: Vec<&Row> = rows.iter().filter(|row| row.what != What::Same).collect();
    let json = serde_json::to_string(&doing).map_err(anyhow::Error::from)?;
    let until = state.parts.clock.millis() + WAITS;
    Ok(URL_SAFE_NO_PAD.encode(state.parts.seal.seal_token(&format!("outlets {} {until} {json}", visitor.user.id))))
}

/// The rows that a page carried; none: they are not ours, another's, or their time is over.
fn uncarried(state: &Shared, visitor: &Visitor, text: &str) -> Option<Vec<Row>> {
    let text = state.parts.seal.open_token(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = text.splitn(4, ' ');
    let (what, whose, until, json) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let ours = what == "outlets" && whose.parse() == Ok(visitor.user.id);
    let in_time = until.parse::<i64>().is_ok_and(|until| until > state.parts.clock.millis());
    (ours && in_time).then(|| serde_json::from_str(json).ok()).flatten()
}

async fn bring(
    extract::State(State(state)): extract::State<State>,
    Manager(visitor): Manager,
    upload: Upload,
) -> Result<Response, Fault> {
    let fields = &upload.fields;
    let Some(file) = upload.files.iter().find(|file| file.size > 0) else {
        let why = phrase!("chọn tệp danh sách (.csv hoặc .xlsx)", "choose the list's file (.csv or .xlsx)");
        return page(&state, &visitor, fields, Some(&why)).await;
    };
    let owner = fields.get("owner");
    if !owners(&state, &visitor, None).await?.iter().any(|known| known == owner) {
        return Err(Fault::NotFound);
    }
    let mut ground = Ground::of(&state.parts.db, &state.parts.seal, Kind::named(fields.get("kind")), owner).await?;
    ground.sees_all = visitor.user.departments.is_everything();
    let (path, scope) = (file.spooled.path().to_path_buf(), visitor.user.departments.clone());
    // Reading a file is the work of a thread that may block.
    let read = tokio::task::spawn_blocking(move || enlist::read(&path, &ground, |owner| scope.sees(owner)));
    match read.await.map_err(anyhow::Error::from)? {
        Ok(listed) => preview(&state, &visitor, &file.name, &listed),
        Err(error) => page(&state, &visitor, fields, Some(&error.words())).await,
    }
}

fn preview(state: &Shared, visitor: &Visitor, name: &str, listed: &Listed) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let (added, changed, same) = listed.counts();
    // What happens stands before what stays as it is.
    let doing = listed.rows.iter().filter(|row| row.what != What::Same);
    let values = context! {
        name, added, changed, same, wrong => listed.wrong.len(),
        rows => doing.take(SHOWN).map(|row| row_value(row, lang)).collect::<Vec<_>>(), more => (added + changed).saturating_sub(SHOWN),
        mistakes => listed.wrong.iter().take(SHOWN).map(|wrong| wrong_value(wrong, lang)).collect::<Vec<_>>(),
        more_wrong => listed.wrong.len().saturating_sub(SHOWN),
        list => carried(state, visitor, &listed.rows)?,
    };
    Ok(state.view(visitor, "outlets/preview", values))
}

async fn take(
    extract::State(State(state)): extract::State<State>,
    Manager(visitor): Manager,
    fields: Fields,
) -> Result<Response, Fault> {
    let Some(rows) = uncarried(&state, &visitor, fields.get("list")) else {
        return Err(Fault::Conflict(phrase!(
            "Bản xem trước này đã quá hạn. Hãy đưa tệp lên lại.",
            "This preview is over. Bring the file again."
        )));
    };
    // What they may write may have changed since the page was shown.
    if rows.iter().any(|row| !visitor.user.departments.sees(&row.written.owner)) {
        return Err(Fault::NotFound);
    }
    let now = state.parts.clock.millis();
    let done = enlist::take(&state.parts.db, &state.parts.seal, &rows, &visitor.actor, now).await?;
    let (added, changed, left) = (done.added, done.changed, done.left.len());
    let words = phrase!("Đã thêm {added}, sửa {changed} đơn vị.", "{added} added, {changed} changed.");
    if left == 0 {
        visitor.flash(&words).await?;
    } else {
        let lines = done.left.iter().take(TOLD).map(|wrong| {
            let (line, why) = (wrong.line, &wrong.why);
            let (vi, en) = (&why.vi, &why.en);
            phrase!("dòng {line}: {vi}", "line {line}: {en}")
        });
        let told =
            lines.fold(phrase!("{left} dòng không nhập được", "{left} rows were not taken"), |all, line| all.then(&line));
        visitor.warn(&words.then(&told)).await?;
    }
    Ok(see_other("/outlets"))
}
