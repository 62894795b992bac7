//! A person asks what is known, objects, withdraws, and is forgotten: an officer deals with it on the command line.

use serde_json::Value;

use crate::folder::{Ended, Folder};

const LIST: &str = "ref,name,phone,email,groups,born,consent_basis,consent_source,consent_at,consent_wording\n\
    cb-1,Nguyễn Thị Hoa,0901234567,hoa@example.vn,can-bo,1950,đồng ý,phiếu,01/10/2026,Tôi đồng ý nhận tin\n\
    cb-2,Trần Văn Nam,0912345678,,can-bo,,,,,\n";

fn office() -> Folder {
    let folder = Folder::new().with("loa.toml", "[server]\nkey = { file = \"loa.key\" }\n").with("loa.key", &"01".repeat(32));
    folder.write("ds.csv", LIST.as_bytes());
    done(&folder, &["audience", "import", "ds.csv"]);
    folder
}

fn run(folder: &Folder, arguments: &[&str]) -> Ended {
    folder.loa_with(arguments, &[("USER", "lan")])
}

fn done(folder: &Folder, arguments: &[&str]) -> String {
    let ended = run(folder, arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}{}", ended.out, ended.err);
    ended.out
}

fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let ended = run(folder, arguments);
    assert_eq!(ended.code, 2, "{arguments:?}: {}{}", ended.out, ended.err);
    ended.err
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    run(folder, &[arguments, &["--json"]].concat()).json()
}

#[test]
fn an_officer_sees_masked_what_the_person_gets_whole() {
    let folder = office();
    done(&folder, &["audience", "consent", "cb-1", "--channel", "sms", "--source", "quầy số 3", "--wording", "Cho SMS"]);
    done(&folder, &["audience", "opt-out", "hoa@example.vn", "--until", "01/01/2099", "--wording", "đang ốm"]);
    let shown = done(&folder, &["audience", "show", "cb-1"]);
    for part in ["cb-1", "N. T. H.", "1950", "can-bo", "quầy số 3", "đồng ý", "01/01/2099"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for hidden in ["901234567", "hoa@", "Nguyễn", "đang ốm"] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
    assert!(done(&folder, &["audience", "show", "cb-1", "--reveal"]).contains("+84901234567"));
    let masked = json(&folder, &["audience", "show", "cb-1"]);
    assert_eq!(masked["person"]["email"], "h***@example.vn");

    done(&folder, &["audience", "show", "cb-1", "--output", "hoa.json"]);
    let path = folder.path().join("hoa.json");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(whole["person"]["phone"], "+84901234567");
    assert_eq!(whole["consents"][0]["wording"], "Tôi đồng ý nhận tin");
    assert_eq!(whole["consents"][1]["by"], "lan");
    assert_eq!(whole["refusals"][0]["history"][0]["wording"], "đang ốm");
    assert_eq!(whole["refusals"][0]["until"], "2099-01-02T00:00:00+07:00");
    assert!(refused(&folder, &["audience", "show", "cb-9"]).contains("không có ai mang mã `cb-9`"));
}

#[test]
fn an_address_on_standard_input_stands_for_the_one_person_who_has_it() {
    let folder = office();
    let of = |arguments: &[&str], input: &str| folder.loa_reading(arguments, &[("USER", "lan")], input);
    let told = |arguments: &[&str], input: &str| {
        let ended = of(arguments, input);
        assert_eq!(ended.code, 0, "{arguments:?}: {}{}", ended.out, ended.err);
        assert!(!ended.out.contains("912345678"), "{}", ended.out);
        ended.out
    };
    assert!(told(&["audience", "show", "-"], "0912 345 678\n").contains("cb-2"));
    assert!(told(&["audience", "consent", "-", "--source", "quầy"], "0912345678").contains("`cb-2`"));
    assert!(told(&["audience", "opt-out", "-"], "0912345678").contains("từ chối"));
    // What to do next names the person, never the address.
    let said = told(&["requests", "add", "deletion", "-"], "0912345678");
    assert!(said.contains("loa audience erase cb-2"), "{said}");
    assert!(told(&["requests", "add", "access", "0912345678"], "").contains("loa audience show cb-2"));

    for (input, words) in [("", "đầu vào chuẩn"), ("09123\n", "số điện thoại"), ("0987654321\n", "không có ai")] {
        let ended = of(&["audience", "erase", "-"], input);
        assert_eq!((ended.code, ended.err.contains(words)), (2, true), "{input}: {}", ended.err);
        assert!(!ended.err.contains("987654321"), "{}", ended.err);
    }
    let said = refused(&folder, &["audience", "show", "0912345678"]);
    assert!(said.contains("không phải mã") && !said.contains("912345678"), "{said}");
    folder.write("nha.csv", b"ref,phone\ncb-3,0912345678\n");
    done(&folder, &["audience", "import", "nha.csv"]);
    let shared = of(&["audience", "erase", "-"], "0912345678");
    assert_eq!((shared.code, shared.err.contains("`cb-2`, `cb-3`")), (2, true), "{}", shared.err);
    assert!(told(&["audience", "erase", "cb-2"], "").contains("Đã đóng 2 yêu cầu"));
}

#[test]
fn requests_are_taken_in_answered_and_closed() {
    let folder = office();
    assert!(done(&folder, &["requests"]).contains("Không có yêu cầu nào"));
    let said = done(&folder, &["requests", "add", "access", "cb-1", "--received", "01/10/2024", "--note", "gọi điện ngày rằm"]);
    assert!(
        said.contains("Yêu cầu số 1: xem dữ liệu, `cb-1`. Trả lời chậm nhất 03/10/2024, xong chậm nhất 11/10/2024."),
        "{said}"
    );
    assert!(said.contains("loa audience show cb-1 --output"), "{said}");
    // Known by an address: it is somebody of the list.
    let said = done(&folder, &["requests", "add", "objection", "0912345678", "--until", "2099-03-31"]);
    assert!(said.contains("Không gửi gì đến hết 31/03/2099") && !said.contains("912345678"), "{said}");
    done(&folder, &["requests", "add", "deletion", "cb-1"]);

    let listed = done(&folder, &["requests"]);
    let place = |words: &str| listed.find(words).unwrap_or_else(|| panic!("{words}: {listed}"));
    assert!(place("QUÁ HẠN") < place("Phản đối") && place("Xem dữ liệu") < place("Phản đối"), "late ones come first: {listed}");
    assert!(!listed.contains("rằm") && listed.contains("1 yêu cầu quá hạn"), "{listed}");
    let doctor = run(&folder, &["doctor", "--json"]);
    assert_eq!(doctor.code, 1);
    let findings = doctor.json()["findings"].as_array().unwrap().clone();
    assert!(findings.iter().any(|one| one["about"] == "requests" && one["level"] == "bad"), "{findings:?}");

    done(&folder, &["requests", "close", "1", "--note", "đã giao bản sao"]);
    let shown = done(&folder, &["requests", "show", "1"]);
    assert!(shown.contains("nhận") && shown.contains("xong") && shown.contains("lan") && !shown.contains("rằm"), "{shown}");
    assert!(done(&folder, &["requests", "show", "1", "--reveal"]).contains("gọi điện ngày rằm"));
    assert!(refused(&folder, &["requests", "close", "1"]).contains("đã đóng"));
    assert!(refused(&folder, &["requests", "close", "3"]).contains("loa audience erase"));
    assert!(refused(&folder, &["requests", "add", "access", "cb-1", "--until", "2099-01-01"]).contains("--until"));
    assert!(refused(&folder, &["requests", "add", "objection", "cb-1", "--until", "2020-01-01"]).contains("đã qua"));
    assert!(refused(&folder, &["requests", "add", "access", "cb-1", "--received", "2099-01-01"]).contains("chưa đến"));
    assert!(refused(&folder, &["requests", "add", "access", "khong-co"]).contains("không có ai"));
    assert!(refused(&folder, &["requests", "add", "access", "09123"]).contains("số điện thoại"));

    done(&folder, &["requests", "lift", "2"]);
    let said = done(&folder, &["audience", "erase", "cb-1"]);
    assert!(said.contains("Đã đóng 1 yêu cầu"), "{said}");
    let all = json(&folder, &["requests", "--all"]);
    let states: Vec<_> = all.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "done", "done"]);
    assert!(!all.to_string().contains("cb-1"), "{all}");
}
