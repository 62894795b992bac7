//! The command does what the page does.

use std::{fmt::Write as _, fs};

use loa::sandbox::Behaviour;

use super::server::Server;
use crate::helpers::office::Office;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_reads_looks_and_lists() {
    let office = Office::prepare(Behaviour::default()).await;
    let server = Server::open().await;
    let mut config = fs::read_to_string(office.dir().join("loa.toml")).unwrap();
    let url = format!("{}/feed", server.address);
    write!(config, "[[bulletins]]\nname = \"ncsc\"\nurl = \"{url}\"\nallow_private = true\n").unwrap();
    fs::write(office.dir().join("loa.toml"), config).unwrap();
    fs::write(office.dir().join("tin.txt"), "Giả danh điện lực\nKhông chuyển tiền.").unwrap();
    office.loa(&["migrate"]);
    let read = ["bulletins", "read", "tin.txt", "--source", "Công an tỉnh", "--by", "Lan"];
    let preview = office.loa(&[&read[..], &["--dry-run", "--json"]].concat());
    assert!(preview.contains("Giả danh điện lực") && preview.contains("\"signature\": \"none\""), "{preview}");
    assert_eq!(office.loa(&["bulletins", "list", "--all", "--json"]), "[]\n", "it was only looked at");
    assert_eq!(office.loa(&["bulletins", "list"]), "Không có bản tin nào chờ xử lý.\n");
    let first = office.loa(&read);
    assert!(first.contains("1. Giả danh điện lực: bản nháp ban-tin-"), "{first}");
    assert_eq!(office.loa(&read), "1. Giả danh điện lực: đã có\n");
    let listed = office.loa(&["bulletins", "list", "--json"]);
    assert!(listed.contains("Công an tỉnh") && listed.contains("\"state\": \"waiting\""), "{listed}");

    let two = "<rss><channel><title>x</title><item><guid>a</guid><title>Một</title></item><item><guid>b</guid><title>Hai</title></item></channel></rss>";
    fs::write(office.dir().join("hai.xml"), two).unwrap();
    let unclear = office.command().args(["bulletins", "read", "hai.xml", "--source", "x", "--by", "Lan"]).output().unwrap();
    assert_eq!(unclear.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unclear.stderr).contains("có 2 bản tin"), "{unclear:?}");
    let one = office.loa(&["bulletins", "read", "hai.xml", "--source", "x", "--by", "Lan", "--item", "b"]);
    assert!(one.contains("Hai: bản nháp") && !one.contains("Một"), "{one}");

    let doctor = || {
        let said = office.command().args(["doctor", "--lang", "en"]).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    assert!(doctor().contains("! the source of bulletins ncsc was never read"), "{}", doctor());
    server.says("/feed", 200, &[], "<html/>");
    let failed = office.command().args(["bulletins", "poll"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stdout).contains("ncsc: không phải Atom, RSS hay CAP"), "{failed:?}");
    assert!(doctor().contains("✗ the source of bulletins ncsc: "), "{}", doctor());
    server.says("/feed", 200, &[], two);
    assert_eq!(office.loa(&["bulletins", "poll", "ncsc"]), "ncsc: 0 bản nháp mới, 2 ghi nhận, 0 không nhận, 0 đã sửa\n");
    assert!(doctor().contains("✓ the source of bulletins ncsc was read at "), "{}", doctor());
    let unknown = office.command().args(["bulletins", "poll", "ncsx"]).output().unwrap();
    assert!(unknown.status.code() == Some(2) && String::from_utf8_lossy(&unknown.stderr).contains("ncsc"), "{unknown:?}");
}
