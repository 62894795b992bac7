//! `loa check` among an office's own settings: texts, areas, gateways and accounts.

use std::fs;

use insta::assert_snapshot;

use super::{CAMPAIGN, SECRETS, SETTINGS};
use crate::folder::Folder;

#[test]
fn a_check_looks_into_texts_areas_gateways_and_accounts() {
    let folder = Folder::new()
        .with("loa.toml", &SETTINGS.replace("[office]", "[paths]\ngateways = \"cong\"\n\n[office]").replace("sender ", "sendr "))
        .with(
            "cong/rieng.toml",
            "title = \"Riêng\"\nchannel = \"sms\"\nurl = \"https://sms.example.vn\"\n[send]\npath = \"/\"\nqurey = {}\n",
        )
        .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\nany = [{ areas = [\"01\", \"99\"] }]\n")
        .with(
            "campaigns/nhan-dien.toml",
            &CAMPAIGN
                .replace("{{ office.short }}", "{{ office.shrt }}")
                .replace("Mã OTP, {{ name }}", "Mã OTP, {{ name | hoa }}")
                .replace("\"Không đọc mã OTP cho bất kỳ ai.\"", "\"\"\"\nKhông đọc \\\n  mã {% for x in name %}\"\"\""),
        );
    let ended = folder.loa_with(&["check"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × thư mục này có mô tả cổng gửi bị lỗi
       ╭─[loa.toml:7:12]
     6 │ [paths]
     7 │ gateways = "cong"
       ·            ──────
     8 │
       ╰────
      help: `loa check` với thư mục này chỉ ra từng chỗ

      × nothing in [send] says to whom: no template uses `to`
       ╭─[cong/rieng.toml:4:1]
     3 │ url = "https://sms.example.vn"
     4 │ [send]
       · ──────
     5 │ path = "/"
       ╰────

      × no [[send.answer]] says when a message is accepted
       ╭─[cong/rieng.toml:4:1]
     3 │ url = "https://sms.example.vn"
     4 │ [send]
       · ──────
     5 │ path = "/"
       ╰────
      help: then = "accepted"

      × unknown key `qurey` in [send]
       ╭─[cong/rieng.toml:6:1]
     5 │ path = "/"
     6 │ qurey = {}
       · ─────
       ╰────
      help: did you mean `query`?

      × không có địa bàn nào mang mã "99"
       ╭─[campaigns/segments.toml:3:25]
     2 │ title = "Mọi người"
     3 │ any = [{ areas = ["01", "99"] }]
       ·                         ────
       ╰────
      help: mã tỉnh (2 chữ số) hoặc xã, phường (5 chữ số) theo QĐ 19/2025/QĐ-TTg, sau sáp nhập 01/7/2025

      × [office] trong loa.toml không có shrt
        ╭─[campaigns/nhan-dien.toml:16:18]
     15 │ id  = "otp"
     16 │ sms = "{{ office.shrt }}: Không đọc mã OTP cho bất kỳ ai, kể cả người xưng là công an hay ngân hàng."
        ·                  ────
     17 │
        ╰────
      help: có phải ý là office.short?

      × không có bộ lọc này (unknown filter: filter hoa is unknown)
        ╭─[campaigns/nhan-dien.toml:19:31]
     18 │ [message.email]
     19 │ subject = "Mã OTP, {{ name | hoa }}"
        ·                              ───
     20 │ body    = """
        ╰────

      × sai cú pháp (syntax error: unexpected end of input, expected end of block)
        ╭─[campaigns/nhan-dien.toml:22:24]
     21 │ Không đọc \
     22 │   mã {% for x in name %}"""
        ·                       ─
     23 │
        ╰────
      help: chỗ điền viết {{ name }}, lựa chọn viết {% if name %}…{% endif %}

      ⚠ Thư điện tử: chưa có tài khoản nào gửi được; tin cho kênh này sẽ chờ đến khi hết hiệu lực
        ╭─[campaigns/nhan-dien.toml:9:7]
      8 │ [channels]
      9 │ use = ["email", "sms"]
        ·       ────────────────
     10 │
        ╰────

    ✗ 8 lỗi
    "#);
    fs::remove_file(folder.path().join("cong/rieng.toml")).unwrap();
    let ended = folder.loa_with(&["check", "loa.toml"], &SECRETS);
    assert_eq!(ended.code, 2);
    assert_snapshot!(ended.err, @r#"
      × tài khoản `viettel`: the gateway esms has no setting `sendr`; did you mean `sender`?
        ╭─[loa.toml:13:12]
     12 │ [[account]]
     13 │ name     = "viettel"
        ·            ─────────
     14 │ gateway  = "esms"
        ╰────
      help: `loa gateways esms` giải thích các khóa của cổng này

    ✗ 1 lỗi
    "#);
}
