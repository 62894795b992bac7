//! Who may sign in to the demo's console: one of each role, with a password that is made anew each time and printed once.

use std::io::{self, Write};

use super::super::table;
use super::partners::{CARRIERS, SCHOOLS};
use crate::{
    app::App,
    approval,
    audit::Actor,
    campaign::Library,
    phrase,
    relay::partner,
    seal::Seal,
    user::{self, New, Role, password},
    words::Lang,
};

/// The roles that have something to do in the demo, with who has them. Names and addresses are made up (RFC 6761).
const PEOPLE: [(Role, &str, &str); 6] = [
    (Role::Officer, "can-bo@demo.example", "Trần Thị Soạn"),
    (Role::Approver, "lanh-dao@demo.example", "Lê Văn Duyệt"),
    (Role::Manager, "quan-ly@demo.example", "Phạm Thị Xem"),
    (Role::Partner, CARRIER, "Hoàng Thị Trúc"),
    (Role::Partner, SCHOOL, "Đỗ Thị Thư"),
    (Role::Administrator, "quan-tri@demo.example", "Võ Văn Trị"),
];
/// Who acts for the first of the carriers, and who for the first of the schools.
const CARRIER: &str = "nha-mang@demo.example";
const SCHOOL: &str = "truong-hoc@demo.example";
/// Letters of passwords: none that are mistaken for another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567893";

/// Somebody who may sign in.
pub(super) struct Person {
    id: i64,
    role: Role,
    email: &'static str,
    name: &'static str,
    password: String,
}

/// Adds them. The approver has approved the campaigns that ship: what waits for somebody is what a visitor writes.
pub(super) async fn add(app: &App, library: &Library) -> anyhow::Result<Vec<Person>> {
    let (actor, now) = (Actor::command("loa demo"), app.clock.millis());
    let mut people = Vec::new();
    for (role, email, name) in PEOPLE {
        let new = New {
            email: email.to_string(),
            name: name.to_string(),
            roles: [role].into_iter().collect(),
            every_department: true,
            departments: Vec::new(),
        };
        let outlet = match email {
            CARRIER => Some(CARRIERS[0].0),
            SCHOOL => Some(SCHOOLS[0].0),
            _ => None,
        };
        let id = partner::add(&app.db, &new, outlet, &actor, now).await?;
        let id = id.map_err(|unfit| anyhow::anyhow!("{}", unfit.words().en))?;
        let password = easy_to_type(&app.seal);
        let hash = password::hash(&password, &app.seal).await?;
        if let Some(user) = user::find(&app.db, id).await? {
            password::change(&app.db, &user, &hash, None, &actor, now).await?;
        }
        people.push(Person { id, role, email, name, password });
    }
    if let Some(approver) = of(&people, Role::Approver) {
        let actor = Actor { user: Some(approver.id), ..Actor::command(approver.name) };
        for source in library.campaigns.values() {
            approval::approve(&app.db, source, &library.segments_text, &actor, now).await?;
        }
    }
    Ok(people)
}

/// Who has this role.
fn of(people: &[Person], role: Role) -> Option<&Person> {
    people.iter().find(|person| person.role == role)
}

/// Fifteen letters in three groups: 75 bits.
fn easy_to_type(seal: &Seal) -> String {
    let letters = seal.random::<15>().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Says where the console is, and who may sign in.
pub(super) fn introduce(out: &mut impl Write, people: &[Person], url: &str, lang: Lang) -> io::Result<()> {
    let intro = phrase!(
        "\nTrang quản lý đã mở: {url}/sign-in\n\
         Đăng nhập để xem các đợt gửi đang chạy, hoặc gửi ngay một cảnh báo: cán bộ mở “Cảnh báo khẩn”,\n\
         người phê duyệt mở “Phê duyệt”. Mật khẩu chỉ dùng cho lần chạy thử này.\n",
        "\nThe console is open: {url}/sign-in\n\
         Sign in to watch the runs as they go, or send a warning at once: the officer by “Urgent warning”,\n\
         the approver by “Approvals”. The passwords are this demo's alone.\n"
    );
    writeln!(out, "{}", intro.text(lang))?;
    let head = [
        phrase!("Vai trò", "Role").text(lang).to_string(),
        phrase!("Đăng nhập bằng", "Sign in as").text(lang).to_string(),
        phrase!("Mật khẩu", "Password").text(lang).to_string(),
    ];
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = people
        .iter()
        .map(|person| vec![person.role.label().text(lang).to_string(), person.email.to_string(), person.password.clone()])
        .collect();
    writeln!(out, "{}", table::render(&head, &rows))
}

/// Says how to send a first warning; the passwords stand here again, for the figures came between.
pub(super) fn first_steps(out: &mut impl Write, people: &[Person], url: &str, lang: Lang) -> io::Result<()> {
    let (Some(officer), Some(approver)) = (of(people, Role::Officer), of(people, Role::Approver)) else {
        return Ok(());
    };
    let Some(school) = people.iter().find(|person| person.email == SCHOOL) else { return Ok(()) };
    let (writes, decides) = (officer.email, approver.email);
    let (its_key, other_key, school_key) = (&officer.password, &approver.password, &school.password);
    let steps = phrase!(
        "\nGửi cảnh báo đầu tiên tại {url}/sign-in\n\
         1. Đăng nhập bằng {writes}, mật khẩu {its_key}. Mở “Cảnh báo khẩn”, chọn mẫu, điền chỗ trống, xem ước tính rồi gửi duyệt.\n\
         2. Mở cửa sổ ẩn danh, đăng nhập bằng {decides}, mật khẩu {other_key}. Mở “Phê duyệt”, chọn cảnh báo ấy và phê duyệt: tin được gửi ngay.\n\
         3. Xem tiến độ ở “Đợt gửi”. Dán tin đã gửi vào {url}/genuine như người dân để kiểm tra tin thật.\n\
         4. “Bản tin cảnh báo”: một cảnh báo của cơ quan (mẫu) đã thành bản nháp, chờ cán bộ hoàn thiện.\n\
         5. Đăng nhập bằng {SCHOOL}, mật khẩu {school_key}: nhận yêu cầu như văn thư của trường, rồi xác nhận đã phổ biến.\n   \
            Cán bộ thấy ngay ở “Yêu cầu phối hợp”, cùng số liệu mà ba nhà mạng báo cáo.\n\
         Mọi cổng gửi ở đây là giả: không tin nào ra khỏi máy này. Dừng chạy thử: Ctrl-C.",
        "\nSend a first warning at {url}/sign-in\n\
         1. Sign in as {writes}, password {its_key}. Open “Urgent warning”, take a pattern, fill in its blanks, look at the estimate, and submit it.\n\
         2. In a private window, sign in as {decides}, password {other_key}. Open “Approvals”, choose the warning, and approve it: it is sent at once.\n\
         3. Watch it under “Runs”. Paste its text into {url}/genuine, as a resident does who asks whether it is real.\n\
         4. “Bulletins”: a warning of a (made-up) authority has become a draft, which waits for the officer.\n\
         5. Sign in as {SCHOOL}, password {school_key}: take the order as a school's clerk does, and confirm that it was passed on.\n   \
            The officer sees it at once under “Orders”, with what three carriers report.\n\
         All gateways here are stand-ins: nothing leaves this machine. Stop the demo: Ctrl-C."
    );
    writeln!(out, "{}", steps.text(lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_good_enough_for_whom_they_are_for() {
        let seal = Seal::new(&crate::config::SecretKey(std::sync::Arc::new(secrecy::SecretBox::new(Box::new([7; 32])))), &[]);
        for (_, email, name) in PEOPLE {
            let password = easy_to_type(&seal);
            assert!(password::check(&password, email, name).is_ok(), "{password}");
        }
    }
}
