//! Which message goes out when.

use insta::assert_snapshot;

use super::check::office;
use crate::folder::Folder;

#[test]
fn a_plan_names_day_hour_and_message() {
    let ended = office().loa(&["plan", "--from", "23/11/2026", "--count", "4"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_snapshot!(ended.out, @r#"
    Thứ      Ngày        Giờ    Chiến dịch  Tin  Tin riêng cho nhóm      Giai đoạn
    Thứ Hai  23/11/2026  08:30  nhan-dien   otp                          dau
    Thứ Năm  26/11/2026  08:30  nhan-dien   otp                          dau
    Thứ Hai  30/11/2026  08:30  nhan-dien   otp                          dau
    Thứ Năm  03/12/2026  08:30  nhan-dien   otp  ong-ba: nguoi-cao-tuoi  cuoi
    "#);
}

#[test]
fn a_holiday_moves_an_occurrence_and_says_so() {
    let folder = Folder::new().with("campaigns/segments.toml", super::check::SEGMENTS).with(
        "campaigns/tet.toml",
        r#"title = "Tết"
kind  = "awareness"
owner = "Sở"
[cadence]
every = "month"
on    = 5
at    = "08:30"
holidays = "next-workday"
[audience]
segments = ["can-bo"]
[channels]
use = ["sms"]
[[message]]
id  = "mot"
sms = "Mot"
[[message]]
id  = "hai"
sms = "Hai"
"#,
    );
    let ended = folder.loa(&["plan", "tet", "--from", "2027-01-01", "--count", "3", "--lang", "en"]);
    assert_snapshot!(ended.out, @r#"
    Weekday  Date        Time   Campaign  Message  Notes
    Tue      05/01/2027  08:30  tet       mot
    Thu      11/02/2027  08:30  tet       hai      moved from 05/02/2027 (Giao thừa Tết Nguyên Đán)
    Fri      05/03/2027  08:30  tet       mot
    "#);
    let ended = folder.loa(&["plan", "--from", "2027-02-01", "--count", "1", "--json"]);
    assert_eq!(ended.json()[0]["due"], "2027-02-11T08:30:00+07:00");
    assert_eq!(ended.json()[0]["moved_from"], "2027-02-05");
    let ended = folder.loa(&["plan", "--from", "2031-02-01", "--count", "1"]);
    assert!(ended.out.contains("chưa có lịch nghỉ lễ năm 2031"), "{}", ended.out);
}

#[test]
fn an_unknown_campaign_is_a_mistake() {
    let ended = office().loa(&["plan", "nhan-dein"]);
    assert_eq!(ended.code, 2);
    assert_eq!(ended.err, "lỗi: không có chiến dịch `nhan-dein`. Có phải ý là `nhan-dien`?\n");
}

#[test]
fn a_broken_neighbour_does_not_hide_the_plan() {
    let folder = office().with("campaigns/hong.toml", "title = 1");
    let ended = folder.loa(&["plan", "--from", "2026-10-01", "--count", "1", "--json"]);
    assert_eq!(ended.code, 0);
    assert_eq!(ended.json()[0]["campaign"], "nhan-dien");
    assert!(ended.err.contains("hong.toml"));
}
