//! The office's pages of relay orders, over HTTP: an order goes out on paper and comes back on paper, is updated, cancelled and closed; who
//! may do what, and whose orders nobody else sees.

mod stands_in;
mod stopped;

use loa::{
    audit::{self, Actor},
    outlet::{Kind, Outlet, Way},
    relay::{Content, Eyes, Order, State, make::Run, order, paper, sheet},
    user::{self, New, Role, password},
};
use reqwest::StatusCode;

use super::sign_in::desk::{Answer, Browser, Desk, PASSWORD};
use crate::helpers::orders::{self, written};

const OFFICE: &str = "Sở Văn hóa";
const SCAN: &[u8] = b"%PDF-1.7 made up";

/// Two carriers and two schools, an order to each of them of one run; one more of another department's run.
struct Scene {
    desk: Desk,
}

impl Scene {
    async fn all() -> Vec<Self> {
        let mut scenes = Vec::new();
        for desk in Desk::all().await {
            let scene = Self { desk };
            let (db, by) = (&scene.desk.ground.db, Actor::command("test"));
            user::add_department(db, OFFICE, &by, scene.now()).await.unwrap().unwrap();
            scene.user("can-bo", &[Role::Officer], None).await;
            scene.user("lanh-dao", &[Role::Approver], None).await;
            scene.user("quan-ly", &[Role::Manager], None).await;
            scene.user("phong-khac", &[Role::Officer], Some("Phòng Khác")).await;
            let mut asked = Vec::new();
            for (slug, kind) in
                [("viettel", Kind::Carrier), ("vina", Kind::Carrier), ("truong-a", Kind::School), ("truong-b", Kind::School)]
            {
                asked.push((scene.outlet(slug, kind).await, scene.content(kind)));
            }
            let run = "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                                        due_at, expires_at, fan_cursor, fan_top, created_at)
                       VALUES (1, 'chien-dich', '2026-11-02', 0, 0, 'h', '2026-11-02', 0, 'relay', '[]', 2, false, 0, 9000000000000, 0, 0, 0)";
            scene.desk.ground.execute(run).await;
            scene.orders(1, OFFICE, &asked).await;
            scenes.push(scene);
        }
        scenes
    }

    fn now(&self) -> i64 {
        self.desk.clock.millis()
    }

    /// Somebody `NAME@example.vn` of every department, or of this one alone.
    async fn user(&self, name: &str, roles: &[Role], department: Option<&str>) {
        let (db, now, by) = (&self.desk.ground.db, self.now(), Actor::command("test"));
        let mut departments = Vec::new();
        if let Some(department) = department {
            departments.push(user::add_department(db, department, &by, now).await.unwrap().unwrap());
        }
        let new = New {
            email: format!("{name}@example.vn"),
            name: name.to_string(),
            roles: roles.iter().copied().collect(),
            every_department: department.is_none(),
            departments,
        };
        let id = user::add(db, &new, &by, now).await.unwrap().unwrap();
        let user = user::find(db, id).await.unwrap().unwrap();
        let hash = password::hash(PASSWORD, &self.desk.ground.seal).await.unwrap();
        password::change(db, &user, &hash, None, &by, now).await.unwrap();
    }

    async fn outlet(&self, slug: &str, kind: Kind) -> Outlet {
        let written = written(slug, kind, Way::Hand);
        orders::add(&self.desk.ground.db, &self.desk.ground.seal, written, self.now()).await
    }

    fn content(&self, kind: Kind) -> Content {
        Content { areas: vec!["01".into(), "79".into()], ..orders::content(kind, self.now()) }
    }

    async fn orders(&self, run: i64, owner: &str, asked: &[(Outlet, Content)]) {
        let run = Run { run, campaign: "chien-dich", owner };
        orders::ask(&self.desk.ground.db, run, "Trần Thị Soạn", asked, self.now()).await;
    }

    /// The latest order of an outlet, as it stands.
    async fn order_of(&self, slug: &str) -> Order {
        let query = format!("SELECT max(o.id) FROM relay_order o JOIN outlet t ON t.id = o.outlet WHERE t.slug = '{slug}'");
        let id = self.desk.ground.number(&query).await;
        order::one(&self.desk.ground.db, id, Eyes::All, self.now()).await.unwrap().unwrap()
    }

    async fn page_of(&self, slug: &str) -> String {
        format!("/orders/{}", self.order_of(slug).await.identifier)
    }

    async fn signed_in(&self, name: &str) -> Browser {
        self.desk.signed_in(&format!("{name}@example.vn")).await
    }

    /// The record of who did what is whole.
    async fn is_sound(&self) {
        assert_eq!(audit::verify(&self.desk.ground.db, &[]).await.unwrap().broken, None);
    }
}

fn page(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for words in words {
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
}

/// A form that is shown again, with these fields wrong.
fn wrong(answer: &Answer, fields: &[&str]) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    for field in fields {
        assert!(answer.text.contains(&format!("href=\"#{field}\"")), "{field}: {}", answer.text);
        assert!(
            answer.text.contains(&format!("aria-describedby=\"{field}-")) || answer.text.contains(&format!("{field}-error\"")),
            "{field} has no word beside it: {}",
            answer.text
        );
    }
}

fn leads(answer: &Answer, to: &str) {
    assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, to), "{}", answer.text);
}

#[tokio::test]
async fn an_order_goes_out_on_paper_and_comes_back_on_paper() {
    for scene in Scene::all().await {
        let (officer, at) = (scene.signed_in("can-bo").await, scene.page_of("viettel").await);
        let order = scene.order_of("viettel").await;
        page(&officer.get("/orders").await, &["Chờ giao: <strong>4</strong>", "Đơn vị viettel", "Nhà mạng", &order.identifier]);
        page(&officer.get("/orders?outlet=viettel&state=approved").await, &["Đơn vị viettel"]);
        page(&officer.get("/orders?outlet=viettel&state=refused").await, &["Không có yêu cầu nào khớp"]);
        // By its name, however it is typed; what is several outlets' is nobody's.
        page(&officer.get("/orders?outlet=don+vi+VIETTEL&state=approved").await, &["Đơn vị viettel"]);
        page(&officer.get("/orders?outlet=don+vi").await, &["Không có yêu cầu nào khớp", "hãy ghi đầy đủ hơn"]);
        leads(&officer.get(&format!("/orders?find={}", order.identifier)).await, &at);
        page(&officer.get("/orders?find=loa-0").await, &["Không có yêu cầu mang mã này"]);

        // The sheet leaves, and only then somebody says so.
        let check = sheet::check(&order);
        let sheet = officer.get(&format!("{at}/sheet")).await;
        page(&sheet, &["Kính gửi: Đơn vị viettel", "Khong cung cap ma OTP.", "Thành phố Hà Nội", check.as_str(), "Đã gửi phiếu"]);
        let docx = officer.get(&format!("{at}/files/phieu-yeu-cau.docx")).await;
        assert!(docx.status == StatusCode::OK && docx.text.starts_with("PK"));
        let cap = officer.get(&format!("{at}/files/yeu-cau.xml")).await;
        page(&cap, &[&format!("<identifier>{}</identifier>", order.identifier)]);
        assert_eq!(officer.get(&format!("{at}/files/khac.docx")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(scene.order_of("viettel").await.state, State::Approved, "looking hands nothing over");
        leads(&officer.post_from(&at, &format!("{at}/hand-over"), &[("how", "công văn 12")]).await, &at);
        page(&officer.get(&at).await, &["Đã giao", "công văn 12"]);

        // The answer, typed in with its scan.
        let answer = format!("{at}/answer");
        wrong(
            &officer.post_files(&answer, &answer, &[("answer", "refuse"), ("check", "ABCD-EFGH")], &[]).await,
            &["note", "check", "document"],
        );
        let bad = officer.post_files(&answer, &answer, &[("answer", "acknowledge")], &[("document", "tra-loi.exe", b"MZ")]).await;
        wrong(&bad, &["document"]);
        let fields = [("answer", "acknowledge"), ("note", "Đồng ý"), ("check", &check.to_lowercase())];
        leads(&officer.post_files(&answer, &answer, &fields, &[("document", "tra-loi.pdf", SCAN)]).await, &at);
        let shown = officer.get(&at).await;
        page(&shown, &["Đã tiếp nhận", "Đồng ý", "tra-loi.pdf"]);
        assert!(!shown.text.contains("sha256:"), "{}", shown.text);
        let hash = shown.between("/papers/", "\"").to_string();
        assert_eq!(officer.get(&format!("{at}/papers/{hash}")).await.text.as_bytes(), SCAN);
        let other = scene.page_of("vina").await;
        assert_eq!(officer.get(&format!("{other}/papers/{hash}")).await.status, StatusCode::NOT_FOUND, "another order's paper");
        scene.is_sound().await;
    }
}

/// The fields of a report of two areas, sequence and moment as the form had them.
fn counts<'a>(form: &'a Answer, numbers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let sequence = form.between("name=\"sequence\" type=\"text\" value=\"", "\"");
    let as_of = form.between("name=\"as_of\" type=\"datetime-local\" value=\"", "\"");
    let mut fields = vec![("sequence", sequence), ("as_of", as_of)];
    for (at, code) in [("0", "01"), ("1", "79")] {
        let name = |field: &'static str| -> &'static str { Box::leak(format!("{field}-{at}").into_boxed_str()) };
        fields.extend([(name("area"), code), (name("known"), "1"), (name("round"), "1")]);
    }
    fields.extend_from_slice(numbers);
    fields
}

#[tokio::test]
async fn a_report_on_paper_is_judged_field_by_field_and_corrected() {
    for scene in Scene::all().await {
        let (officer, at) = (scene.signed_in("can-bo").await, scene.page_of("viettel").await);
        let path = format!("{at}/report");
        let form = officer.get(&path).await;
        page(&form, &["Thành phố Hà Nội", "Thành phố Hồ Chí Minh", "Thuê bao mục tiêu"]);
        let scan = [("document", "bao-cao.pdf", SCAN)];
        // What cannot be read, then what does not add up: beside its field, and what was typed stays.
        let typed = counts(&form, &[("targeted-0", "một nghìn"), ("submitted-0", "900")]);
        wrong(&officer.post_files(&path, &path, &typed, &scan).await, &["targeted-0"]);
        let typed =
            counts(&form, &[("targeted-0", "1.000"), ("submitted-0", "1.200"), ("targeted-1", "5"), ("submitted-1", "5")]);
        let again = officer.post_files(&path, &path, &typed, &scan).await;
        wrong(&again, &["targeted-0"]);
        assert!(again.text.contains("value=\"1.200\"") && again.text.contains("bao-cao.pdf"), "{}", again.text);
        // The scan that came with it need not be chosen again.
        let brought = again.between("name=\"brought\" value=\"", "\"").to_string();
        let good =
            [("targeted-0", "1.000"), ("submitted-0", "900"), ("delivered-0", "850"), ("targeted-1", "5"), ("submitted-1", "5")];
        let mut typed = counts(&form, &good);
        wrong(&officer.post_files(&path, &path, &typed, &[]).await, &["document"]);
        typed.push(("brought", &brought));
        leads(&officer.post_files(&path, &path, &typed, &[]).await, &at);
        page(
            &officer.get(&at).await,
            &["Báo cáo số 1", "1.005", "905", "Số thuê bao do nhà mạng báo cáo", "Đã báo cáo một phần"],
        );

        page(&officer.get(&format!("{at}/answer")).await, &["Đơn vị đã trả lời, chỉ còn báo cáo"]);

        // Less than before is no report but a correction, which says why; both stay.
        let form = officer.get(&path).await;
        page(&form, &["value=\"850\"", "Đính chính báo cáo trước"]);
        let less =
            [("targeted-0", "1000"), ("submitted-0", "800"), ("delivered-0", "800"), ("targeted-1", "5"), ("submitted-1", "5")];
        let mut typed = counts(&form, &less);
        wrong(&officer.post_files(&path, &path, &typed, &scan).await, &["submitted-0", "delivered-0"]);
        typed.push(("corrects", "1"));
        wrong(&officer.post_files(&path, &path, &typed, &scan).await, &["reason"]);
        typed.extend([("reason", "Đếm trùng"), ("last", "1")]);
        leads(&officer.post_files(&path, &path, &typed, &scan).await, &at);
        page(&officer.get(&at).await, &["Báo cáo số 1", "Báo cáo số 2", "Đếm trùng", "−100", "Cuối cùng"]);
        let csv = officer.get(&format!("{at}/files/bao-cao.csv")).await;
        assert!(csv.text.lines().count() == 5 && csv.text.contains("Đếm trùng"), "{}", csv.text);
        for file in ["bao-cao.xlsx", "mau-bao-cao.xlsx"] {
            assert!(officer.get(&format!("{at}/files/{file}")).await.text.starts_with("PK"), "{file}");
        }
        leads(&officer.post_from(&at, &format!("{at}/close"), &[]).await, &at);
        page(&officer.get(&path).await, &["Yêu cầu đã đóng"]);
        let silent = officer.post_from(&at, &format!("{at}/reopen"), &[("why", " ")]).await;
        assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
        leads(&officer.post_from(&at, &format!("{at}/reopen"), &[("why", "Còn đính chính")]).await, &at);
        assert_eq!(scene.order_of("viettel").await.state, State::Reported);
        scene.is_sound().await;
    }
}

#[tokio::test]
async fn an_update_is_written_by_one_and_approved_by_another() {
    for scene in Scene::all().await {
        let (officer, approver) = (scene.signed_in("can-bo").await, scene.signed_in("lanh-dao").await);
        let at = scene.page_of("viettel").await;
        let early = officer.get(&format!("{at}/update")).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "{}", early.text);
        assert_eq!(
            officer.post_from(&at, &format!("{at}/cancel"), &[("why", "")]).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        leads(&officer.post_from(&at, &format!("{at}/hand-over"), &[]).await, &at);
        page(&officer.get(&at).await, &["Việc chưa làm được, và vì sao", "chưa xác nhận tiếp nhận"]);
        let answer = format!("{at}/answer");
        let file = [("document", "a.pdf", SCAN)];
        leads(&officer.post_files(&answer, &answer, &[("answer", "acknowledge")], &file).await, &at);

        let path = format!("{at}/update");
        let form = officer.get(&path).await;
        page(&form, &["Khong cung cap ma OTP.", "Thành phố Hà Nội"]);
        let expires = form.between("name=\"expires_at\" type=\"datetime-local\" value=\"", "\"").to_string();
        let report_by = form.between("name=\"report_by\" type=\"datetime-local\" value=\"", "\"").to_string();
        let fields = |sms: &'static str, areas: &'static str, note: &'static str| {
            vec![
                ("sms", sms),
                ("areas", areas),
                ("rounds", "1"),
                ("expires_at", expires.as_str()),
                ("report_by", report_by.as_str()),
                ("note", note),
            ]
        };
        let both = "Thành phố Hà Nội\r\nThành phố Hồ Chí Minh";
        wrong(&officer.post(&path, &fields("Khong cung cap ma OTP.", both, "")).await, &["note"]);
        wrong(&officer.post(&path, &fields("Khong doc ma OTP.", "Atlantis", "x")).await, &["areas"]);
        let same = officer.post(&path, &fields("Khong cung cap ma OTP.", both, "x")).await;
        assert!(same.status == StatusCode::UNPROCESSABLE_ENTITY && same.text.contains("hông có gì thay đổi"), "{}", same.text);
        let written = officer.post(&path, &fields("Không đọc mã OTP.", "Thành phố Hà Nội", "Thu hẹp địa bàn")).await;
        let update = scene.order_of("viettel").await;
        let page_of_it = format!("/orders/{}", update.identifier);
        leads(&written, &page_of_it);
        assert_eq!((update.state, update.content.areas.as_slice()), (State::Drafted, ["01".to_string()].as_slice()));
        assert_eq!(update.content.sms.as_ref().unwrap().text, "Khong doc ma OTP.", "spelled as the order was");
        assert_eq!(update.content.expires_at, scene.content(Kind::Carrier).expires_at, "to the millisecond");
        assert_eq!(officer.get(&format!("{page_of_it}/sheet")).await.status, StatusCode::CONFLICT, "nothing leaves unapproved");

        assert_eq!(officer.post_from(&page_of_it, &format!("{page_of_it}/approve"), &[]).await.status, StatusCode::FORBIDDEN);
        let told = ["Phê duyệt bản sửa đổi", "Thu hẹp địa bàn", "Thay đổi so với yêu cầu trước", "<del>"];
        page(&approver.get(&page_of_it).await, &told);
        leads(&approver.post_from(&page_of_it, &format!("{page_of_it}/approve"), &[]).await, &page_of_it);
        assert_eq!(scene.order_of("viettel").await.state, State::Approved);
        assert_eq!(approver.post_from(&at, &format!("{at}/close"), &[("why", "x")]).await.status, StatusCode::FORBIDDEN);
        // While that is on its way, no other follows.
        assert_eq!(officer.get(&path).await.status, StatusCode::CONFLICT);
        scene.is_sound().await;
    }
}

#[tokio::test]
async fn a_cancel_is_at_once_or_asked_for() {
    for scene in Scene::all().await {
        let officer = scene.signed_in("can-bo").await;
        let nobody = scene.page_of("vina").await;
        leads(&officer.post_from(&nobody, &format!("{nobody}/withdraw"), &[("why", "Trùng")]).await, &nobody);
        assert_eq!(scene.order_of("vina").await.state, State::Cancelled);
        let at = scene.page_of("viettel").await;
        let answer = format!("{at}/answer");
        leads(&officer.post_files(&answer, &answer, &[("answer", "begin")], &[("document", "a.png", b"png")]).await, &at);
        let asked = officer.post_from(&at, &format!("{at}/cancel"), &[("why", "Sai nội dung")]).await;
        let cancel = scene.order_of("viettel").await;
        leads(&asked, &format!("/orders/{}", cancel.identifier));
        page(&officer.get(&format!("/orders/{}/sheet", cancel.identifier)).await, &["thu hồi yêu cầu", "Lý do: Sai nội dung"]);
        page(&officer.get(&at).await, &["Đang thực hiện", &cancel.identifier]);
        let of_it = officer.get(&format!("/orders/{}", cancel.identifier)).await;
        page(&of_it, &["Thu hồi", "vẫn được báo cáo ở yêu cầu trước"]);
        assert!(
            !of_it.text.contains("id=\"reports\"") && !of_it.text.contains("Khong cung cap"),
            "nobody sends or counts a Cancel"
        );
        scene.is_sound().await;
    }
}

#[tokio::test]
async fn who_has_not_confirmed_is_listed_until_everybody_has() {
    for scene in Scene::all().await {
        let officer = scene.signed_in("can-bo").await;
        page(
            &officer.get("/runs/1/orders?kind=school").await,
            &["Trường học: 0 / 2", "mục tiêu 100 %", "Đơn vị truong-a", "Đơn vị truong-b"],
        );
        let at = scene.page_of("truong-a").await;
        let path = format!("{at}/report");
        let form = officer.get(&path).await;
        page(&form, &["Số người đã phổ biến"]);
        assert!(!form.text.contains("Tin quy đổi"), "{}", form.text);
        // A school may have nothing to count: evidence is enough.
        let mut typed = counts(&form, &[]);
        typed.push(("last", "1"));
        leads(&officer.post_files(&path, &path, &typed, &[("document", "anh.jpg", b"jpg")]).await, &at);
        let left = officer.get("/runs/1/orders?kind=school").await;
        page(&left, &["Trường học: 1 / 2", "Trường học: —", "Đơn vị truong-b"]);
        assert!(!left.text.contains("Đơn vị truong-a"), "{}", left.text);
        assert_eq!(officer.get("/runs/2/orders").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn nobody_does_what_is_not_theirs() {
    for scene in Scene::all().await {
        let at = scene.page_of("viettel").await;
        let manager = scene.signed_in("quan-ly").await;
        let seen = manager.get(&at).await;
        page(&seen, &["Nhận diện lừa đảo"]);
        let officer = scene.signed_in("can-bo").await.get(&at).await;
        for button in ["/hand-over", "/withdraw", "/answer", "/report"] {
            assert!(!seen.text.contains(&format!("{button}\"")), "{button}: {}", seen.text);
            assert!(officer.text.contains(&format!("{button}\"")), "{button}: {}", officer.text);
        }
        for action in ["approve", "push-again", "hand-over", "withdraw", "cancel", "close", "reopen", "update"] {
            let answer = manager.post_from("/orders", &format!("{at}/{action}"), &[("why", "x")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{action}");
        }
        for form in ["answer", "report", "update"] {
            assert_eq!(manager.get(&format!("{at}/{form}")).await.status, StatusCode::FORBIDDEN, "{form}");
        }
        let fields = [("answer", "acknowledge")];
        let sent = manager.post_files("/orders", &format!("{at}/answer"), &fields, &[("document", "a.pdf", SCAN)]).await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN);
        assert_eq!(paper::one(&scene.desk.ground.db, &"0".repeat(64)).await.unwrap(), None);
        assert_eq!(scene.desk.ground.number("SELECT count(*) FROM paper").await, 0, "nothing of it is kept");

        // Another department's is none.
        let other = scene.signed_in("phong-khac").await;
        page(&other.get("/orders").await, &["Chờ giao: <strong>0</strong>", "Chưa có yêu cầu nào"]);
        for path in ["", "/sheet", "/report", "/files/phieu-yeu-cau.docx", "/files/yeu-cau.xml"] {
            assert_eq!(other.get(&format!("{at}{path}")).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(other.get("/runs/1/orders").await.status, StatusCode::NOT_FOUND);
        let done = other.post_from("/orders", &format!("{at}/hand-over"), &[]).await;
        assert_eq!(done.status, StatusCode::NOT_FOUND);

        // A form of nobody's page.
        let officer = scene.signed_in("can-bo").await;
        assert_eq!(officer.post_with(&format!("{at}/hand-over"), "x", &[], &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(officer.post_parts(&format!("{at}/answer")).await.status, StatusCode::FORBIDDEN);
        assert_eq!(scene.order_of("viettel").await.state, State::Approved);
    }
}
