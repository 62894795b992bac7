//! `loa init`: a first loa.toml, a key, and the campaigns that ship. Nothing that exists is ever written over.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use rand::RngCore as _;
use serde_json::json;

use super::{Globals, Mistake};
use crate::{app, phrase, words::Phrase};

/// Make a first loa.toml, a key file and the shipped campaigns
#[derive(clap::Args)]
pub struct Args {}

/// The settings that an office begins with.
const SETTINGS: &str = include_str!("init/loa.toml");

/// What `[server] key` of these settings names.
const KEY: &str = "loa.key";

/// The definitions that ship, by file name.
pub(super) const DEFINITIONS: [(&str, &str); 9] = [
    ("canh-bao-ung-dung-gia.toml", include_str!("../../campaigns/canh-bao-ung-dung-gia.toml")),
    ("gia-dinh-an-toan.toml", include_str!("../../campaigns/gia-dinh-an-toan.toml")),
    ("goals.toml", include_str!("../../campaigns/goals.toml")),
    ("ky-nang-an-toan-so.toml", include_str!("../../campaigns/ky-nang-an-toan-so.toml")),
    ("nhan-dien-lua-dao.toml", include_str!("../../campaigns/nhan-dien-lua-dao.toml")),
    ("nhan-tin-qua-nha-mang.toml", include_str!("../../campaigns/nhan-tin-qua-nha-mang.toml")),
    ("pho-bien-qua-truong-hoc.toml", include_str!("../../campaigns/pho-bien-qua-truong-hoc.toml")),
    ("segments.toml", include_str!("../../campaigns/segments.toml")),
    ("van-ban-dien-tap.pdf", include_str!("../../campaigns/van-ban-dien-tap.pdf")),
];

/// What was made, and what was there before.
#[derive(Default)]
struct Done {
    made: Vec<(PathBuf, Phrase)>,
    kept: Vec<PathBuf>,
}

#[expect(clippy::unused_async, reason = "every command has this signature")]
pub async fn run(_args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let settings = globals.config.clone().unwrap_or_else(|| PathBuf::from("loa.toml"));
    if settings.exists() {
        let file = settings.display();
        return Err(Mistake(phrase!(
            "{file} đã có: `loa init` không ghi đè. Xem `loa doctor` để biết còn thiếu gì",
            "{file} exists already, and `loa init` writes over nothing. `loa doctor` says what is missing"
        ))
        .into());
    }
    let base = settings.parent().unwrap_or(Path::new(""));
    if !base.as_os_str().is_empty() {
        fs::create_dir_all(base).with_context(|| format!("the folder {} cannot be made", base.display()))?;
    }
    let mut done = Done::default();
    make_key(&base.join(KEY), &mut done)?;
    make_definitions(&base.join("campaigns"), &mut done)?;
    // Last, so that an init that broke off can be run again.
    write_new(&settings, SETTINGS.as_bytes())?;
    done.made.push((settings, phrase!("cấu hình, có chú thích từng khóa", "settings, each key explained")));
    done.tell(globals)?;
    Ok(ExitCode::SUCCESS)
}

fn make_key(file: &Path, done: &mut Done) -> anyhow::Result<()> {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    match app::key::write(file, &bytes) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => done.kept.push(file.to_path_buf()),
        written => {
            written.with_context(|| format!("the key file {} cannot be made", file.display()))?;
            let what = phrase!(
                "khóa niêm phong dữ liệu cá nhân, chỉ chủ tệp đọc được",
                "the key that seals personal data, readable by its owner only"
            );
            done.made.push((file.to_path_buf(), what));
        }
    }
    Ok(())
}

fn make_definitions(folder: &Path, done: &mut Done) -> anyhow::Result<()> {
    if folder.exists() {
        done.kept.push(folder.to_path_buf());
        return Ok(());
    }
    fs::create_dir(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    for (name, text) in DEFINITIONS {
        write_new(&folder.join(name), text.as_bytes())?;
    }
    let is_campaign = |name: &str| {
        Path::new(name).extension().is_some_and(|extension| extension == "toml")
            && !matches!(name, "goals.toml" | "segments.toml")
    };
    let campaigns = DEFINITIONS.iter().filter(|(name, _)| is_campaign(name)).count();
    let what =
        phrase!("{campaigns} chiến dịch mẫu, nhóm người nhận, mục tiêu", "{campaigns} campaigns to begin with, segments, goals");
    done.made.push((folder.to_path_buf(), what));
    Ok(())
}

fn write_new(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = File::create_new(file).and_then(|mut new| new.write_all(bytes).and_then(|()| new.sync_all()));
    written.with_context(|| format!("{} cannot be written", file.display()))
}

impl Done {
    fn tell(&self, globals: &Globals) -> io::Result<()> {
        if globals.json {
            let made: Vec<_> = self.made.iter().map(|(path, _)| path.display().to_string()).collect();
            let kept: Vec<_> = self.kept.iter().map(|path| path.display().to_string()).collect();
            return Globals::print_json(&json!({ "made": made, "kept": kept }));
        }
        let mut out = io::stdout();
        for (path, what) in &self.made {
            writeln!(out, "✓ {}: {}", path.display(), what.text(globals.lang))?;
        }
        for path in &self.kept {
            let kept = globals.lang.pick("đã có, giữ nguyên", "was there, left as it is");
            writeln!(out, "· {}: {kept}", path.display())?;
        }
        let next = phrase!(
            "
Việc tiếp theo:
  1. cất một bản sao khóa ở nơi khác: không có nó thì không đọc được cơ sở dữ liệu
  2. điền [office], bật tài khoản gửi tin trong cấu hình; `loa gateways` liệt kê các cổng
  3. loa check                          kiểm tra cấu hình và chiến dịch
  4. loa audience import DANH_SACH.csv  nhập danh sách người nhận
  5. loa preview nhan-dien-lua-dao      xem trước lời nhắn và chi phí
  6. loa user add ĐỊA_CHỈ_THƯ --name HỌ_TÊN  người đầu tiên vào trang quản lý
  7. loa doctor, rồi loa serve",
            "
What comes next:
  1. keep a copy of the key elsewhere: the database cannot be read without it
  2. fill in [office] and switch on accounts in the settings; `loa gateways` lists the gateways
  3. loa check                     checks the settings and the campaigns
  4. loa audience import LIST.csv  takes in a list of recipients
  5. loa preview nhan-dien-lua-dao shows the messages and what they cost
  6. loa user add EMAIL --name NAME  the first person in the console
  7. loa doctor, then loa serve"
        );
        writeln!(out, "{}", next.text(globals.lang))
    }
}
