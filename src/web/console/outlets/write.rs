//! One outlet written: added or changed. What does not fit is told beside its field, and what was typed is kept.

use axum::{
    extract::{self, FromRequestParts, Path},
    http::request::Parts,
    response::{IntoResponse as _, Response},
};
use minijinja::{Value, context};

use super::{facts, listed, seen, typed_areas};
use crate::{
    audience::place::Places,
    cap::Certificate,
    outlet::{self, Kind, Outlet, Refused, Way, Written},
    phrase, transaction,
    user::{self, Right},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes, Upload},
            visitor::{Visitor, see_other},
        },
    },
    words::Lang,
};

/// Bytes of the longest certificate.
const LONGEST_CERTIFICATE: u64 = 20_000;

/// A visitor who may write outlets: asked before anything of a form is taken.
pub struct Manager(pub Visitor);

impl FromRequestParts<State> for Manager {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.needs(Right::ManageOutlets).map_err(Fault::into_response)?;
        Ok(Self(visitor))
    }
}

/// What a form says, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Entered {
    slug: String,
    title: String,
    kind: String,
    way: String,
    url: String,
    certificate: String,
    drop_certificate: bool,
    contact: String,
    drop_contact: bool,
    areas: String,
    owner: String,
    sender: String,
    /// When the outlet was last changed before its form was shown.
    seen: String,
}

impl Entered {
    fn of_form(fields: &Fields) -> Self {
        let get = |name: &str| fields.get(name).to_string();
        Self {
            slug: get("slug"),
            title: get("title"),
            kind: get("kind"),
            way: get("way"),
            url: get("url"),
            certificate: get("certificate"),
            drop_certificate: fields.has("drop_certificate"),
            contact: get("contact"),
            drop_contact: fields.has("drop_contact"),
            areas: get("areas"),
            owner: get("owner"),
            sender: get("sender"),
            seen: get("seen"),
        }
    }

    /// An outlet as it stands. Its contact and its certificate are kept unless something else is said.
    pub fn of(outlet: &Outlet) -> Self {
        Self {
            slug: outlet.slug.clone(),
            title: outlet.title.clone(),
            kind: outlet.kind.name().to_string(),
            way: outlet.way.name().to_string(),
            url: outlet.url.clone().unwrap_or_default(),
            areas: listed(&outlet.areas),
            owner: outlet.owner.clone(),
            sender: outlet.sender.clone(),
            seen: outlet.changed_at.to_string(),
            ..Self::default()
        }
    }

    fn values(&self, owners: &[String], mistakes: &Mistakes, lang: Lang) -> Value {
        let ways = Way::ALL.map(|way| {
            let why = match way {
                Way::Push => phrase!(
                    "Loa gửi văn bản CAP đã ký tới địa chỉ https của đơn vị",
                    "Loa posts the signed CAP document to its address"
                ),
                Way::Pull => phrase!("Chương trình của đơn vị hỏi API bằng mã truy cập", "Its program asks the API with a token"),
                Way::Hand => {
                    phrase!("Phiếu yêu cầu ký gửi, hoặc trang riêng của đơn vị trong Loa", "An order sheet, or its own page here")
                }
            };
            context! { value => way.name(), label => way.label().text(lang), why => why.text(lang) }
        });
        let kinds = Kind::ALL.map(|kind| context! { value => kind.name(), label => kind.label().text(lang) });
        context! {
            typed => context! {
                slug => &self.slug, title => &self.title, kind => &self.kind, way => &self.way, url => &self.url, certificate => &self.certificate,
                drop_certificate => self.drop_certificate, contact => &self.contact, drop_contact => self.drop_contact,
                areas => &self.areas, owner => &self.owner, sender => &self.sender, seen => &self.seen,
            },
            kinds => kinds.to_vec(), ways => ways.to_vec(), owners => choices(owners, lang), mistakes => mistakes.list(lang), errors => mistakes.by_field(lang),
        }
    }

    /// What it says, if it fits; else why not goes to `mistakes`.
    fn written(&self, was: Option<&Outlet>, now: i64, mistakes: &mut Mistakes) -> Option<Written> {
        let kind = Kind::named(&self.kind);
        if kind.is_none() {
            mistakes.add("kind", phrase!("Chọn loại đơn vị", "Choose what it is"));
        }
        let way = Way::named(&self.way);
        if way.is_none() {
            mistakes.add("way", phrase!("Chọn cách giao yêu cầu", "Choose how orders get there"));
        }
        let areas = typed_areas(&self.areas).unwrap_or_else(|wrong| {
            for why in wrong {
                mistakes.add("areas", why);
            }
            Vec::new()
        });
        let certificate = match (self.certificate.as_str(), was) {
            ("", Some(was)) if !self.drop_certificate => was.certificate.clone(),
            ("", _) => None,
            (pem, _) => {
                match Certificate::from_pem(pem.as_bytes()) {
                    Ok(certificate) if certificate.until().saturating_mul(1_000) < now => {
                        mistakes.add("certificate", phrase!("chứng thư này đã hết hạn", "this certificate is over"));
                    }
                    Ok(_) => {}
                    Err(error) => mistakes.add("certificate", error.words()),
                }
                Some(pem.to_string())
            }
        };
        let contact = match (self.contact.as_str(), self.drop_contact) {
            ("", true) => Some(String::new()),
            ("", false) => None,
            (mailbox, _) => Some(mailbox.to_string()),
        };
        let written = Written {
            slug: was.map_or_else(|| self.slug.clone(), |was| was.slug.clone()),
            title: self.title.clone(),
            kind: kind.unwrap_or(Kind::Carrier),
            way: way.unwrap_or(Way::Hand),
            url: Some(self.url.clone()),
            certificate,
            contact,
            areas,
            owner: self.owner.clone(),
            sender: self.sender.clone(),
        };
        match written.checked(|code| Places::built_in().name(code).is_some()) {
            Ok(written) => mistakes.is_empty().then_some(written),
            Err(Refused::Field(field, why)) => {
                mistakes.add(field, why);
                None
            }
            Err(refused) => {
                mistakes.add("slug", refused.words());
                None
            }
        }
    }
}

/// The departments to which the visitor may give an outlet, empty for all of them. Whoever does not see them all takes none from the
/// others, and cannot hand what is everybody's to their own.
pub async fn owners(state: &Shared, visitor: &Visitor, was: Option<&Outlet>) -> Result<Vec<String>, Fault> {
    let scope = &visitor.user.departments;
    if let Some(was) = was.filter(|was| was.owner.is_empty() && !scope.is_everything()) {
        return Ok(vec![was.owner.clone()]);
    }
    let mut owners = vec![String::new()];
    let departments = user::departments(&state.parts.db).await?;
    owners.extend(departments.into_iter().map(|department| department.name).filter(|name| scope.sees(name)));
    // A department that has gone since.
    owners.extend(was.map(|was| was.owner.clone()).filter(|owner| !owners.contains(owner)));
    Ok(owners)
}

/// The same for a list of choices.
pub fn choices(owners: &[String], lang: Lang) -> Vec<Value> {
    let everybody = lang.pick("Mọi đơn vị (dùng chung)", "All departments");
    let label = |owner: &String| if owner.is_empty() { everybody.to_string() } else { owner.clone() };
    owners.iter().map(|owner| context! { value => owner, label => label(owner) }).collect()
}

/// The pasted certificate, or the one of the chosen file.
fn with_file(entered: &mut Entered, upload: &Upload, mistakes: &mut Mistakes) -> Result<(), Fault> {
    let Some(file) = upload.files.iter().find(|file| file.field == "certificate_file" && file.size > 0) else { return Ok(()) };
    if file.size > LONGEST_CERTIFICATE {
        mistakes.add("certificate", phrase!("tệp này không phải một chứng thư", "this file is no certificate"));
        return Ok(());
    }
    let bytes = std::fs::read(file.spooled.path()).map_err(anyhow::Error::from)?;
    entered.certificate = String::from_utf8_lossy(&bytes).replace('\0', "").trim().to_string();
    Ok(())
}

/// Whether the department that was chosen is one that may be.
fn may_own(entered: &Entered, owners: &[String], mistakes: &mut Mistakes) {
    if !owners.contains(&entered.owner) {
        mistakes.add("owner", phrase!("Chọn một đơn vị của bạn", "Choose a department of yours"));
    }
}

async fn new_page(state: &Shared, visitor: &Visitor, entered: &Entered, mistakes: &Mistakes) -> Result<Response, Fault> {
    let owners = owners(state, visitor, None).await?;
    Ok(state.view_as(mistakes.status(), visitor, "outlets/new", entered.values(&owners, mistakes, visitor.lang)))
}

pub async fn ask(extract::State(State(state)): extract::State<State>, Manager(visitor): Manager) -> Result<Response, Fault> {
    let entered = Entered { kind: Kind::Carrier.name().into(), way: Way::Hand.name().into(), ..Entered::default() };
    new_page(&state, &visitor, &entered, &Mistakes::default()).await
}

pub async fn add(
    extract::State(State(state)): extract::State<State>,
    Manager(visitor): Manager,
    upload: Upload,
) -> Result<Response, Fault> {
    let (mut entered, mut mistakes) = (Entered::of_form(&upload.fields), Mistakes::default());
    let now = state.parts.clock.millis();
    with_file(&mut entered, &upload, &mut mistakes)?;
    may_own(&entered, &owners(&state, &visitor, None).await?, &mut mistakes);
    let Some(written) = entered.written(None, now, &mut mistakes) else {
        return new_page(&state, &visitor, &entered, &mistakes).await;
    };
    let (db, seal) = (&state.parts.db, &state.parts.seal);
    match transaction!(db, |tx| outlet::add(tx, seal, &written, &visitor.actor, now).await)? {
        Ok(_) => {
            let title = &written.title;
            visitor.flash(&phrase!("Đã thêm “{title}”.", "“{title}” is added.")).await?;
            Ok(see_other(&format!("/outlets/{}", written.slug)))
        }
        Err(refused) => {
            mistakes.add("slug", refused.words());
            new_page(&state, &visitor, &entered, &mistakes).await
        }
    }
}

/// The page of one outlet, with its form where the visitor may write.
pub async fn page(
    state: &Shared,
    visitor: &Visitor,
    outlet: &Outlet,
    entered: &Entered,
    mistakes: &Mistakes,
) -> Result<Response, Fault> {
    let owners = owners(state, visitor, Some(outlet)).await?;
    let values = context! {
        ..facts(state, visitor, outlet).await?,
        ..entered.values(&owners, mistakes, visitor.lang)
    };
    Ok(state.view_as(mistakes.status(), visitor, "outlets/show", values))
}

pub async fn change(
    extract::State(State(state)): extract::State<State>,
    Manager(visitor): Manager,
    Path(slug): Path<String>,
    upload: Upload,
) -> Result<Response, Fault> {
    let outlet = seen(&state, &visitor, &slug).await?;
    let (mut entered, mut mistakes) = (Entered::of_form(&upload.fields), Mistakes::default());
    if entered.seen != outlet.changed_at.to_string() {
        return Err(Fault::Conflict(phrase!(
            "Vừa có người khác sửa đơn vị này. Hãy mở lại trang rồi sửa.",
            "Somebody else has just changed this outlet. Open its page again, and change it there."
        )));
    }
    let now = state.parts.clock.millis();
    with_file(&mut entered, &upload, &mut mistakes)?;
    may_own(&entered, &owners(&state, &visitor, Some(&outlet)).await?, &mut mistakes);
    let Some(written) = entered.written(Some(&outlet), now, &mut mistakes) else {
        return page(&state, &visitor, &outlet, &entered, &mistakes).await;
    };
    let (db, seal) = (&state.parts.db, &state.parts.seal);
    transaction!(db, |tx| outlet::change(tx, seal, &written, &visitor.actor, now).await)??;
    visitor.flash(&phrase!("Đã lưu.", "Saved.")).await?;
    Ok(see_other(&format!("/outlets/{slug}")))
}
