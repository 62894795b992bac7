//! Lists come in: by their columns, after a look at what they would change, and nothing of them stays behind.

use loa::{
    audience::figure::{self, Cut},
    intake,
    user::Role,
};
use reqwest::StatusCode;

use super::Console;
use crate::helpers::grounds;

const LIST: &str = "Mã,Họ tên gọi,Liên hệ,Tỉnh,Nhóm\nA1,Nguyễn Thị Mẫu,0901234567,Hà Nội,nguoi-cao-tuoi\nA2,Trần Văn Thử,0912345678,Hà Nội,\nA3,Lê Sai,12,Hà Nội,\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_by_its_columns_and_nothing_is_written_before() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (status, page) = officer.upload("can-bo.csv", LIST, &[("kind", "audience")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        let (_, text) = officer.get(&page).await;
        // No column says that it holds addresses: the guess is said to be no use, and the cells stand there masked.
        assert!(text.contains("không thấy cột địa chỉ nào"), "{text}");
        assert!(text.contains("09******67") && !text.contains("0901234567") && !text.contains("Nguyễn Thị"), "{text}");
        let check = format!("{page}/check");
        let said = |contact: &'static str| {
            vec![
                ("source", "can-bo"),
                ("mode", "replace"),
                ("basis", "consent"),
                ("basis_source", "phiếu 2026"),
                ("column-0", "ref"),
                ("column-1", "name"),
                ("column-2", contact),
                ("column-3", "province"),
                ("column-4", "groups"),
            ]
        };
        let (status, _, text) = officer.post(&check, &said("-")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("Chọn ít nhất một cột"), "{text}");
        let (status, to, _) = officer.post(&check, &said("phone")).await;
        assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, page.as_str()));
        assert!(console.intake.step().await.unwrap());
        let (_, text) = officer.get(&page).await;
        assert!(
            text.contains("\"Dòng\">4</td>") && text.contains("\"Cột\">Liên hệ</td>"),
            "the refused row by line and column: {text}"
        );
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient").await, 0, "nothing is written yet");
        assert_eq!(console.files(), 1);

        let (status, ..) = officer.post(&format!("{page}/confirm"), &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        assert_eq!(
            console.ground.number("SELECT count(*) FROM recipient WHERE state = 0 AND consent_basis = 'consent'").await,
            2
        );
        assert_eq!(console.files(), 1, "the list is gone, its refused rows wait");
        let rejected = format!("{page}/rejected");
        let (status, _, text) = officer.post(&rejected, &[]).await;
        assert!(status == StatusCode::OK && text.contains("Lê Sai"), "{status} {text}");
        assert_eq!(officer.post(&rejected, &[]).await.0, StatusCode::CONFLICT, "once");
        assert_eq!(console.files(), 0);
        // Twice confirmed is once.
        assert_eq!(officer.post(&format!("{page}/confirm"), &[]).await.0, StatusCode::CONFLICT);

        // Counted in the background, shown by list and by province.
        assert!(figure::count(&console.ground.db, console.ground.clock.millis()).await.unwrap());
        assert_eq!(figure::read(&console.ground.db, Cut::List, "", &[]).await.unwrap().sum().people, 2);
        let (_, text) = officer.get("/audience").await;
        assert!(text.contains("can-bo") && text.contains("Hà Nội"), "{text}");
        assert!(officer.get("/audience/groups").await.1.contains("nguoi-cao-tuoi"));
        let actions: Vec<String> = console.audited().await.into_iter().map(|(action, _)| action).collect();
        for action in ["audience.upload", "audience.confirm", "audience.import", "audience.rejected"] {
            assert!(actions.iter().any(|one| one == action), "{action}: {actions:?}");
        }
        // Whoever may only read figures brings nothing.
        let manager = console.sign_in("minh", &[Role::Manager], &[]).await;
        assert_eq!(manager.upload("x.csv", LIST, &[]).await.0, StatusCode::FORBIDDEN);
        assert_eq!(manager.get("/audience").await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_known_by_what_stands_in_them() {
    let list = "Danh sách hội viên 2026,,,\nSTT,Tên hội viên,Số máy,Liên hệ qua thư\n1,Nguyễn Thị Mẫu,0901 234 567,mau@example.vn\n2,Trần Văn Thử,+84 912.345.678,thu@example.vn\n";
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (_, page) = officer.upload("hoi-vien.csv", list, &[]).await;
        assert!(console.intake.step().await.unwrap());
        let (_, text) = officer.get(&page).await;
        assert!(
            text.contains("<option value=\"phone\" selected>") && text.contains("<option value=\"email\" selected>"),
            "{text}"
        );
        assert!(!text.contains("Danh sách hội viên 2026"), "a title is no header: {text}");
        assert_eq!(officer.post(&format!("{page}/confirm"), &[]).await.0, StatusCode::SEE_OTHER);
        assert!(console.intake.step().await.unwrap());
        assert_eq!(console.ground.number("SELECT count(*) FROM recipient WHERE email_hash IS NOT NULL").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_nobody_waits_for_are_removed() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (_, page) = officer.upload("can-bo.csv", LIST, &[]).await;
        assert_eq!(console.files(), 1);
        let folder = intake::folder(&console.config);
        let waiting = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        // What processes that died left: a list of which no row tells, its refused rows, a file half sent up; and somebody's own file.
        let left = ["0123456789abcdef01234567", "0123456789abcdef01234567.rejected.csv", ".upload-x1", "GHI-CHU.txt"];
        for name in left {
            std::fs::write(folder.join(name), "phone").unwrap();
        }
        let written = |path: &std::path::Path, ago: i64| {
            let at = console.ground.clock.now() - chrono::TimeDelta::hours(ago);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(at.into()).unwrap();
        };
        for name in left {
            written(&folder.join(name), 23);
        }
        assert!(console.intake.step().await.unwrap());
        assert_eq!(console.files(), 5, "a file may be younger than its row");
        for name in left {
            written(&folder.join(name), 25);
        }
        written(&waiting, 25);
        assert!(!console.intake.step().await.unwrap());
        assert_eq!(console.files(), 2);
        assert!(waiting.exists() && folder.join("GHI-CHU.txt").exists());
        assert_eq!(officer.post(&format!("{page}/drop"), &[]).await.0, StatusCode::SEE_OTHER);
        assert!(!waiting.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_brought_is_bounded() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let endless = "x".repeat(100 * 1024);
        let (status, _) = officer.upload("a.csv", LIST, &[("source", endless.as_str())]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "a field beside a file is kept in memory");
        assert_eq!(officer.upload("a.csv", "", &[]).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(officer.upload("a.xlsx", "PK\u{3}\u{4} none", &[]).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(console.files(), 0, "nothing is left of what is no list");
        let mut page = String::new();
        for _ in 0..20 {
            let brought = officer.upload("a.csv", LIST, &[]).await;
            assert_eq!(brought.0, StatusCode::SEE_OTHER);
            page = brought.1;
        }
        assert_eq!(officer.upload("a.csv", LIST, &[]).await.0, StatusCode::UNPROCESSABLE_ENTITY, "twenty wait already");
        assert_eq!(console.files(), 20);
        // Somebody else is not kept from theirs, and what is thrown away makes room.
        let other = console.sign_in("mai", &[Role::Officer], &[]).await;
        assert_eq!(other.upload("a.csv", LIST, &[]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(officer.post(&format!("{page}/drop"), &[]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(officer.upload("a.csv", LIST, &[]).await.0, StatusCode::SEE_OTHER);
    }
}
