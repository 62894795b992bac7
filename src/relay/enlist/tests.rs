use super::*;
use crate::outlet::Way;

fn ground(known: &[Outlet]) -> Ground {
    Ground {
        known: known.iter().map(|outlet| (outlet.slug.clone(), outlet.clone())).collect(),
        mailboxes: known.iter().map(|outlet| (outlet.id, "vp@example.vn".to_string())).collect(),
        kind: None,
        owner: "Sở Giáo dục".into(),
        sees_all: false,
    }
}

fn school() -> Outlet {
    Outlet {
        id: 7,
        slug: "thcs-le-loi".into(),
        title: "Trường THCS Lê Lợi".into(),
        kind: Kind::School,
        way: Way::Hand,
        url: None,
        certificate: None,
        contact: Some("v…@example.vn".into()),
        areas: vec!["01".into()],
        owner: "Sở Giáo dục".into(),
        sender: "thcs-le-loi".into(),
        active: true,
        created_at: 1,
        changed_at: 5,
    }
}

fn of(text: &str, ground: &Ground) -> std::result::Result<Listed, EnlistError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truong.csv");
    std::fs::write(&path, text).unwrap();
    read(&path, ground, |owner| owner != "Sở khác")
}

#[test]
fn a_list_says_what_each_of_its_rows_would_do() {
    let text = "DANH SÁCH TRƯỜNG;;;;\nMã trường;Tên trường;Loại;Địa bàn;Email\n\
                thcs-le-loi;Trường THCS Lê Lợi;Trường học;Hà Nội;vp@example.vn\n\
                THPT-CVA;Trường THPT Chu Văn An;trường;Thành phố Hà Nội;\n\
                ;Trường Tiểu học Kim Đồng;school;01;\n";
    let listed = of(text, &ground(&[school()])).unwrap();
    assert_eq!(listed.wrong, []);
    let rows: Vec<_> = listed.rows.iter().map(|row| (row.line, row.written.slug.as_str(), &row.what)).collect();
    assert_eq!(
        rows,
        [(3, "thcs-le-loi", &What::Same), (4, "thpt-cva", &What::Add), (5, "truong-tieu-hoc-kim-dong", &What::Add),]
    );
    let new = &listed.rows[1].written;
    assert_eq!((new.owner.as_str(), new.way, &new.areas[..]), ("Sở Giáo dục", Way::Hand, &["01".to_string()][..]));
    assert_eq!(listed.counts(), (2, 0, 1));
}

#[test]
fn blank_cells_leave_what_there_is() {
    let listed = of("ma,ten,email,dia_ban\nthcs-le-loi,Trường Lê Lợi,khac@example.vn,\n", &ground(&[school()])).unwrap();
    assert_eq!(listed.rows[0].what, What::Change(5, vec!["title".into(), "contact".into()]));
    assert_eq!(listed.rows[0].written.areas, ["01"]);
}

#[test]
fn bad_rows_say_why_and_stop_nobody() {
    let text = "ten,loai,dia_ban,email,owner\nA,truong,Nơi không có,,\nB,khac,,,\nC,truong,,khong-phai-thu,\nD,truong,,,Sở khác\n\
                E,truong,,,\nE,truong,,,\n,truong,,,\n";
    let listed = of(text, &ground(&[])).unwrap();
    let wrong: Vec<_> = listed.wrong.iter().map(|wrong| (wrong.line, wrong.column)).collect();
    assert_eq!(
        wrong,
        [(2, Some("areas")), (3, Some("kind")), (4, Some("contact")), (5, Some("owner")), (7, Some("slug")), (8, Some("slug")),]
    );
    assert_eq!(listed.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [6]);
}

#[test]
fn what_is_everybodys_is_taken_from_everybody_by_whoever_sees_all() {
    let shared = Outlet { owner: String::new(), ..school() };
    let text = "ma,ten,owner\nthcs-le-loi,Trường THCS Lê Lợi,Sở Giáo dục\n";
    let refused = of(text, &ground(std::slice::from_ref(&shared))).unwrap();
    assert_eq!((refused.rows.len(), refused.wrong.len(), refused.wrong[0].column), (0, 1, Some("owner")));
    let whole = Ground { sees_all: true, ..ground(std::slice::from_ref(&shared)) };
    assert_eq!(of(text, &whole).unwrap().rows[0].what, What::Change(5, vec!["owner".into()]));
    // What the row does not name stays everybody's.
    let kept = of("ma,ten\nthcs-le-loi,Trường Lê Lợi\n", &ground(&[shared])).unwrap();
    assert_eq!(kept.rows[0].written.owner, "");
}

#[test]
fn a_file_that_is_no_list_says_so() {
    assert!(matches!(of("a,b\n1,2\n", &ground(&[])), Err(EnlistError::Header)));
    assert!(matches!(of("ten,ten_truong\nA,B\n", &ground(&[])), Err(EnlistError::Twice(_))));
    assert!(matches!(of("ten,loai\n", &ground(&[])), Err(EnlistError::Empty)));
}

#[test]
fn a_place_is_its_code_its_name_or_both() {
    assert_eq!(area("01 – Thành phố Hà Nội"), Ok("01"));
    assert_eq!(area(" Hà Nội "), Ok("01"));
    assert!(area("Nơi không có").is_err());
}
