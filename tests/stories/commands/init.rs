//! A first set-up: what `loa init` writes is well, and the accounts it shows work once they are switched on.

use std::fs;

use insta::assert_snapshot;

use super::{SECRETS, begun};
use crate::folder::Folder;

#[test]
fn a_first_set_up_is_well_and_never_written_over() {
    let folder = Folder::new();
    let ended = folder.loa(&["init"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @r#"
    ✓ loa.key: khóa niêm phong dữ liệu cá nhân, chỉ chủ tệp đọc được
    ✓ campaigns: 6 chiến dịch mẫu, nhóm người nhận, mục tiêu
    ✓ loa.toml: cấu hình, có chú thích từng khóa

    Việc tiếp theo:
      1. cất một bản sao khóa ở nơi khác: không có nó thì không đọc được cơ sở dữ liệu
      2. điền [office], bật tài khoản gửi tin trong cấu hình; `loa gateways` liệt kê các cổng
      3. loa check                          kiểm tra cấu hình và chiến dịch
      4. loa audience import DANH_SACH.csv  nhập danh sách người nhận
      5. loa preview nhan-dien-lua-dao      xem trước lời nhắn và chi phí
      6. loa user add ĐỊA_CHỈ_THƯ --name HỌ_TÊN  người đầu tiên vào trang quản lý
      7. loa doctor, rồi loa serve
    "#);
    let key = fs::read(folder.path().join("loa.key")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(folder.path().join("loa.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let checked = folder.loa(&["check"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));

    let again = folder.loa(&["init"]);
    assert_eq!(again.code, 2);
    assert_snapshot!(again.err, @r#"lỗi: loa.toml đã có: `loa init` không ghi đè. Xem `loa doctor` để biết còn thiếu gì"#);
    fs::remove_file(folder.path().join("loa.toml")).unwrap();
    let kept = folder.loa(&["init", "--json"]).json();
    assert_eq!(kept, serde_json::json!({ "made": ["loa.toml"], "kept": ["loa.key", "campaigns"] }));
    assert_eq!(fs::read(folder.path().join("loa.key")).unwrap(), key, "a key is never replaced");
}

#[test]
fn the_example_accounts_work_once_they_are_switched_on() {
    let folder = begun();
    let text = fs::read_to_string(folder.path().join("loa.toml")).unwrap();
    let switched_on = |line: &str| match line.strip_prefix('#') {
        // A hash and a blank begin a comment; these name files that an office may have.
        Some(rest)
            if !rest.starts_with([' ', '-'])
                && !["ca_file", "holidays", "signing", "certificate"].iter().any(|key| rest.starts_with(key)) =>
        {
            rest.to_string()
        }
        _ => line.to_string(),
    };
    let text: Vec<String> = text.lines().map(switched_on).collect();
    folder.write("loa.toml", text.join("\n").as_bytes());
    folder.write("gateways/README", b"");
    let checked = folder.loa_with(&["check"], &SECRETS);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert_snapshot!(folder.loa_with(&["accounts"], &SECRETS).out, @r#"
                                                            Giá
    Tài khoản  Kênh   Cổng      Tốc độ  Cùng lúc  Hôm nay   (đồng/phần)  Ưu tiên  Nhà mạng    Tình trạng
    esms       sms    esms      20/s    20        0/100000  viettel      1                    hoạt động
                                                            350, khác
                                                            400
    viettel    sms    smpp      50/s    10        0         300          1        viettel     hoạt động
    kannel     sms    kannel    50/s    10        0         300          1        viettel,    hoạt động
                                                                                  vinaphone,
                                                                                  mobifone
    speedsms   sms    speedsms  10/s    10        0         420          2                    hoạt động
    smtp       email  smtp      10/s    5         0         0            1                    hoạt động
    zalo       chat   zalo      3000/m  10        0         zalo 100,    1                    hoạt động
                                                            zalo-phone
                                                            300, khác 0
    telegram   chat   telegram  25/s    10        0         0            1                    hoạt động
    "#);
}

#[test]
fn the_definitions_and_gateways_that_ship_are_well() {
    let root = env!("CARGO_MANIFEST_DIR");
    for folder in ["campaigns", "providers/gateways"] {
        let ended = Folder::new().loa(&["check", &format!("{root}/{folder}")]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{folder}");
    }
}

#[test]
fn a_gateway_tells_what_it_wants_to_know() {
    let folder = Folder::new();
    assert_snapshot!(folder.loa(&["gateways", "esms"]).out, @r#"
    esms: eSMS (chăm sóc khách hàng), kênh sms
      có báo phát; bỏ qua tin lặp lại trong 1 ngày; tự hỏi kết quả cách 10 phút, từ 15 phút đến 3 ngày
      sau khi gửi
      Khóa                                       Ý nghĩa
      api_key     bắt buộc, bí mật               API key from the eSMS console
      secret_key  bắt buộc, bí mật               secret key from the eSMS console
      sender      bắt buộc                       registered sender name, at most 11 characters
      sandbox     mặc định 0                     1: eSMS checks the request and sends nothing
      url         mặc định https://rest.esms.vn  địa chỉ của cổng
    "#);
    assert_snapshot!(folder.loa(&["gateways", "smtp", "--lang", "en"]).out, @r#"
    smtp: SMTP, channel email
      sends no receipts
      Key                                                      Meaning
      host         required                                    the mail server's name
      port         default 587; tls = implicit: 465, none: 25  TCP port
      tls          default starttls                            none, starttls or implicit
      username                                                 whom to sign in as; none: without
      password     secret                                      the password to sign in with
      from         required                                    the sender with a display name: Office
                                                               <warn@example.vn>
      reply_to                                                 where answers go, if not to from
      bounce                                                   where bounces go, if not to from; {ref}
                                                               gives each mail its own:
                                                               bounce+{ref}@example.vn
      bounces                                                  where they are read (docs/bounces.md)
      unsubscribe                                              a mailbox that takes refusals, beside the
                                                               one-click link; may have {ref}
      hello_name                                               this machine's name in EHLO
      timeout      default 60s                                 time for one mail, from 1s to 600s
    "#);
    let wrong = folder.loa(&["gateways", "esmss"]);
    assert_eq!((wrong.code, wrong.err.as_str()), (2, "lỗi: không có cổng `esmss`. Có phải ý là `esms`?\n"));
    let all = folder.loa(&["gateways", "--json"]).json();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|gateway| gateway["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "esms",
            "esms-bulk",
            "fpt",
            "kannel",
            "mattermost",
            "rocketchat",
            "smpp",
            "smtp",
            "speedsms",
            "stringee",
            "telegram",
            "viber",
            "vietguys",
            "viettel",
            "vnpt",
            "zalo"
        ]
    );
}
