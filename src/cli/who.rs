//! Of whom a command speaks. What enters is what stands on the command line: a person's reference; or `-` for a phone number or a
//! mail address on standard input, so that it stands in no history of commands and in no list of processes. What leaves is the
//! person. What can go wrong: nobody is meant, or several are; no error repeats an address.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use providers::Channel;

use super::Mistake;
use crate::{
    audience::who,
    db::Db,
    phrase, request,
    seal::{Kind, Seal},
    words::Lang,
};

/// What stands for standard input.
pub const STDIN: &str = "-";

/// A phone number or a mail address as a person wrote it: its channel and its plain form.
pub fn plain(text: &str) -> Result<(Channel, String), Mistake> {
    who::plain(text).map_err(Mistake)
}

/// The same with its keyed hash.
pub fn read_address(seal: &Seal, text: &str) -> Result<(Channel, String, i64), Mistake> {
    let (channel, plain) = plain(text)?;
    let hash = seal.hash(Kind::of(channel), &plain);
    Ok((channel, plain, hash))
}

/// What was written on the command line, or with `-` a line of standard input, which a person at the keyboard is asked for.
pub fn said(argument: &str, lang: Lang) -> anyhow::Result<String> {
    if argument != STDIN {
        return Ok(argument.to_string());
    }
    if io::stdin().is_terminal() {
        write!(io::stderr(), "{}", lang.pick("Số điện thoại hoặc địa chỉ thư: ", "Phone number or mail address: "))?;
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let line = line.trim();
    if line.is_empty() {
        return Err(Mistake(phrase!(
            "dấu `-` cần một số điện thoại hoặc địa chỉ thư trên đầu vào chuẩn, nhưng không có gì ở đó",
            "`-` wants a phone number or a mail address on standard input, and nothing is there"
        ))
        .into());
    }
    Ok(line.to_string())
}

/// The reference of the one person who is meant: the argument itself, or with `-` that of whoever has the address.
pub async fn reference(db: &Db, seal: &Seal, argument: &str, lang: Lang) -> anyhow::Result<String> {
    if argument != STDIN {
        return Ok(argument.to_string());
    }
    let said = said(argument, lang)?;
    let (channel, plain, hash) = read_address(seal, &said)?;
    let masked = providers::mask(&plain);
    let mut holders = request::holders(db, channel, hash).await?.into_iter().map(|(_, reference)| reference);
    let Some(first) = holders.next() else {
        return Err(Mistake(phrase!(
            "không có ai trong danh sách mang địa chỉ {masked}",
            "nobody in the list has the address {masked}"
        ))
        .into());
    };
    let others: Vec<String> = holders.collect();
    if others.is_empty() {
        return Ok(first);
    }
    let all = [vec![first], others].concat().join("`, `");
    Err(Mistake(phrase!(
        "nhiều người dùng chung địa chỉ {masked}: ghi mã của một người (`{all}`)",
        "several people share the address {masked}: name one of them by reference (`{all}`)"
    ))
    .into())
}

/// Nobody has this reference; or it is no reference but an address, which is then not repeated.
pub fn unknown(reference: &str) -> Mistake {
    let Ok((_, plain)) = plain(reference) else {
        return Mistake(phrase!("không có ai mang mã `{reference}`", "nobody has the reference `{reference}`"));
    };
    let masked = providers::mask(&plain);
    Mistake(phrase!(
        "{masked} là địa chỉ, không phải mã: ghi `-` thay cho mã, rồi đưa địa chỉ qua đầu vào chuẩn",
        "{masked} is an address, not a reference: write `-` instead, and give the address on standard input"
    ))
}
