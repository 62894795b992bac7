//! `loa preview`: what people will get, in how many parts and for how much.

use std::fs;

use insta::assert_snapshot;

use super::{CAMPAIGN, SECRETS, office};
use crate::folder::Folder;

const PEOPLE: &str = "\
ref,name,phone,email,lang,nghe
an,Nguyễn Văn An,0961234567,,,giao-vien
binh,Trần Thị Bình,0901234567,binh@example.vn,en,
cuc,Lê Thị Cúc,0961234567,,,
dung,Phạm Dũng,0911234567,,,
em,Võ Thị Em,0971234567,,,
";

fn listed() -> Folder {
    let folder = office().with("dan.csv", PEOPLE);
    folder.write("loa.key", "01".repeat(32).as_bytes());
    assert_eq!(folder.loa_with(&["audience", "import", "dan.csv"], &SECRETS).code, 0);
    assert_eq!(folder.loa_with(&["audience", "opt-out", "0971234567"], &SECRETS).code, 0);
    folder
}

#[test]
fn a_preview_shows_texts_parts_and_price() {
    let folder = listed();
    let ended = folder.loa_with(&["preview", "nhan-dien", "--html", "thu.html"], &SECRETS);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @r#"
    Nhận diện lừa đảo

    [otp]
      email (vi)
        │ Mã OTP, Nguyễn Thị Thanh Hương
        │
        │ Không đọc mã OTP cho bất kỳ ai.
        │
        │ --
        │ Sở Văn hóa, Thể thao và Du lịch
        │ Thư này không yêu cầu cung cấp mật khẩu, mã OTP hay chuyển tiền.
        │ Từ chối nhận tin: https://canhbao.example.vn/u/0123456789abcdefghijkl
      sms (vi)
        không dấu · GSM · 1 phần · 85 ký tự
        │ So VHTTDL: Khong doc ma OTP cho bat ky ai, ke ca nguoi xung la cong an hay ngan hang.
      ▸ có dấu · UCS-2 · 2 phần · 85 ký tự
        │ So VHTTDL: Không đọc mã OTP cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng.
      sms (en)
      ▸ GSM · 1 phần · 27 ký tự
        │ Never tell anyone your OTP.
      Ước tính SMS: 2 số
        tài khoản  số  ▸ có dấu: phần  đồng  không dấu: phần  đồng
        viettel     1               2   600                1   300
        Nhiều nhất 3 số = 1.300 đồng nếu các kênh trước không đến được ai.
        1 số chưa có tài khoản nào phục vụ.

    Nếu gửi bây giờ: chưa biết khi nào xong: Thư điện tử không có tài khoản nào gửi được.
    "#);
    assert!(fs::read_to_string(folder.path().join("thu.html")).unwrap().contains("Không đọc mã OTP"));
    // An and Cúc share a number, Em refuses, Bình has mail, nobody serves Dũng's carrier.
    let json = folder.loa_with(&["preview", "nhan-dien", "--json"], &SECRETS).json();
    let estimate = serde_json::json!({
        "parts": 2, "numbers": 2, "price": 600, "unserved": 1, "refused": 0, "most": { "numbers": 3, "price": 1300 },
        "accounts": [{
            "account": "viettel", "numbers": 1,
            "chosen": { "sms_text": "unicode", "parts": 2, "price": 600, "refused": 0 },
            "other": { "sms_text": "unaccented", "parts": 1, "price": 300, "refused": 0 },
        }],
    });
    assert_eq!(json["messages"][0]["estimate"], estimate);
}

#[test]
fn a_preview_for_one_person_hides_the_address() {
    let folder = listed();
    let ended = folder.loa_with(&["preview", "nhan-dien", "--recipient", "binh"], &SECRETS);
    assert_eq!(ended.code, 0);
    assert_snapshot!(ended.out, @r#"
    Nhận diện lừa đảo

    [otp]
      email (vi) → b***@example.vn
        │ Mã OTP, Trần Thị Bình
        │
        │ Không đọc mã OTP cho bất kỳ ai.
        │
        │ --
        │ Sở Văn hóa, Thể thao và Du lịch
        │ Thư này không yêu cầu cung cấp mật khẩu, mã OTP hay chuyển tiền.
        │ Từ chối nhận tin: https://canhbao.example.vn/u/0123456789abcdefghijkl
      sms (en) → +8490*****67
      ▸ GSM · 1 phần · 27 ký tự
        │ Never tell anyone your OTP.
    "#);
    let nobody = folder.loa_with(&["preview", "nhan-dien", "--recipient", "khong-co"], &SECRETS);
    assert_eq!((nobody.code, nobody.err.as_str()), (2, "lỗi: không có ai mang mã `khong-co`\n"));
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghe }}, cho").as_bytes());
    let lacking = folder.loa_with(&["preview", "nhan-dien", "--recipient", "cuc"], &SECRETS);
    assert_eq!(lacking.code, 1);
    assert!(lacking.out.contains("✗ người này không có `nghe`"), "{}", lacking.out);
}

#[test]
fn a_preview_names_what_does_not_exist() {
    let folder = office();
    let campaign = folder.loa_with(&["preview", "nhan-dienn"], &SECRETS);
    assert_eq!((campaign.code, campaign.err.as_str()), (2, "lỗi: không có chiến dịch `nhan-dienn`. Có phải ý là `nhan-dien`?\n"));
    let message = folder.loa_with(&["preview", "nhan-dien", "--message", "opt"], &SECRETS);
    assert_eq!((message.code, message.err.as_str()), (2, "lỗi: không có tin `opt`. Có phải ý là `otp`?\n"));
}

#[test]
fn a_field_that_no_recipient_has_is_a_mistake() {
    let folder = listed();
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghe }}, cho").as_bytes());
    assert_eq!(folder.loa_with(&["check", "campaigns"], &SECRETS).code, 0);
    folder.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("OTP cho", "OTP, {{ nghee }}, cho").as_bytes());
    let ended = folder.loa_with(&["check", "campaigns"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × không người nhận nào có trường nghee
        ╭─[campaigns/nhan-dien.toml:16:54]
     15 │ id  = "otp"
     16 │ sms = "{{ office.short }}: Không đọc mã OTP, {{ nghee }}, cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng."
        ·                                                 ─────
     17 │
        ╰────
      help: có phải ý là nghe?

      × không người nhận nào có trường nghee
        ╭─[campaigns/nhan-dien.toml:20:38]
     19 │ subject = "Mã OTP, {{ name }}"
     20 │ body    = "Không đọc mã OTP, {{ nghee }}, cho bất kỳ ai."
        ·                                 ─────
     21 │
        ╰────
      help: có phải ý là nghe?

      ⚠ Thư điện tử: chưa có tài khoản nào gửi được; tin cho kênh này sẽ chờ đến khi hết hiệu lực
        ╭─[campaigns/nhan-dien.toml:9:7]
      8 │ [channels]
      9 │ use = ["email", "sms"]
        ·       ────────────────
     10 │
        ╰────

    ✗ 2 lỗi
    "#);
}
