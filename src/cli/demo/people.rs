//! Who may sign in to the demo's console: one of each role, with a password that is made anew each time and printed once.

use std::io::{self, Write as _};

use super::super::table;
use crate::{
    app::App,
    audit::Actor,
    phrase,
    seal::Seal,
    user::{self, New, Role, password},
    words::Lang,
};

/// The roles that have something to do in the demo, with whom they belong to. Names and addresses are made up (RFC 6761).
const PEOPLE: [(Role, &str, &str); 4] = [
    (Role::Officer, "can-bo@demo.example", "Trần Thị Soạn"),
    (Role::Approver, "lanh-dao@demo.example", "Lê Văn Duyệt"),
    (Role::Manager, "quan-ly@demo.example", "Phạm Thị Xem"),
    (Role::Administrator, "quan-tri@demo.example", "Võ Văn Trị"),
];
/// Letters of passwords: none that are mistaken for another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567893";

/// Somebody who may sign in.
pub(super) struct Person {
    role: Role,
    email: &'static str,
    password: String,
}

/// Adds them.
pub(super) async fn add(app: &App) -> anyhow::Result<Vec<Person>> {
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
        let id = user::add(&app.db, &new, &actor, now).await?.map_err(|refused| anyhow::anyhow!("{refused}"))?;
        let password = easy_to_type(&app.seal);
        let hash = password::hash(&password, &app.seal).await?;
        if let Some(user) = user::find(&app.db, id).await? {
            password::change(&app.db, &user, &hash, None, &actor, now).await?;
        }
        people.push(Person { role, email, password });
    }
    Ok(people)
}

/// Fifteen letters in three groups: 75 bits.
fn easy_to_type(seal: &Seal) -> String {
    let letters = seal.random::<15>().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Says who may sign in, and what to do first.
pub(super) fn introduce(people: &[Person], url: &str, lang: Lang) -> io::Result<()> {
    let mut out = io::stdout();
    let intro = phrase!("\nTrang quản lý: {url}/sign-in (dừng: Ctrl-C)\n", "\nConsole: {url}/sign-in (stop: Ctrl-C)\n");
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
    write!(out, "{}", table::render(&head, &rows))?;
    let steps = phrase!(
        "\nGửi cảnh báo đầu tiên:\n\
         1. Đăng nhập bằng {0}, mở “Cảnh báo khẩn”, chọn mẫu, sửa lời, xem ước tính rồi gửi phê duyệt.\n\
         2. Mở cửa sổ ẩn danh, đăng nhập bằng {1}, mở “Phê duyệt” và duyệt: tin được gửi ngay.\n\
         3. Xem tiến độ ở “Đợt gửi”. Mọi cổng gửi ở đây là giả: không tin nào ra khỏi máy này.",
        "\nSend a first warning:\n\
         1. Sign in as {0}, open “Urgent warning”, take a pattern, change its words, look at the estimate, and submit it.\n\
         2. In a private window, sign in as {1}, open “Approvals”, and approve it: it is sent at once.\n\
         3. Watch it under “Runs”. All gateways here are stand-ins: nothing leaves this machine.",
        PEOPLE[0].1,
        PEOPLE[1].1
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
