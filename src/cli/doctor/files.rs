//! The key file, the embedded database's file and the disk that they are on.

use std::{fs, path::Path};

use super::Findings;
use crate::{
    app,
    config::Config,
    db::disk::{self, Room},
    phrase,
};

/// Whether there is a key, and who may read it.
pub(super) fn key(config: &Config, findings: &mut Findings) {
    let file = app::key::file(config);
    let shown = file.display();
    match (&config.server.key, file.exists()) {
        (None, true) => findings.bad(
            "key",
            phrase!(
                "tệp khóa {shown} không đọc được hoặc không phải khóa",
                "the key file {shown} cannot be read or holds no key"
            ),
            phrase!("lấy lại tệp từ bản sao: 64 chữ số thập lục phân", "put back the copy that you keep: 64 hexadecimal digits"),
        ),
        (None, false) => findings.bad(
            "key",
            phrase!("chưa có khóa ({shown})", "there is no key ({shown})"),
            phrase!(
                "máy mới: `loa init` tạo khóa; máy đã dùng: chép lại tệp khóa từ bản sao",
                "a new machine: `loa init` makes one; otherwise put back the copy that you keep"
            ),
        ),
        (Some(_), _) => findings.well("key", phrase!("có khóa", "there is a key")),
    }
    if file.is_file() && exposed(&file) {
        findings.bad(
            "key-permissions",
            phrase!("người khác trên máy này đọc được tệp khóa {shown}", "others on this machine can read the key file {shown}"),
            phrase!("chmod 600 {shown}", "chmod 600 {shown}"),
        );
    }
}

/// Who may read the embedded database, and how much room it has.
pub(super) fn database(config: &Config, findings: &mut Findings) {
    let Some(file) = disk::embedded(&config.database_url) else { return };
    let shown = file.display();
    if file.is_file() && exposed(&file) {
        findings.bad(
            "database-permissions",
            phrase!(
                "người khác trên máy này đọc được cơ sở dữ liệu {shown}",
                "others on this machine can read the database {shown}"
            ),
            phrase!("chmod 600 {shown}*", "chmod 600 {shown}*"),
        );
    }
    let Some(room) = Room::of(&config.database_url) else { return };
    let mib = room.free / 1024 / 1024;
    let more = phrase!("giải phóng ổ đĩa chứa cơ sở dữ liệu", "make room on the database's disk");
    let says = phrase!("ổ đĩa còn trống {mib} MiB", "{mib} MiB are free on the disk");
    match (room.is_gone(), room.is_little()) {
        (true, _) => findings.bad("disk", says, more),
        (_, true) => findings.warn("disk", says, more),
        _ => findings.well("disk", says),
    }
}

/// Whether people other than its owner and the owner's group may read a file.
#[cfg(unix)]
fn exposed(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|about| about.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn exposed(_file: &Path) -> bool {
    false
}
