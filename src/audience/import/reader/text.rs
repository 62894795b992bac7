//! Lists of text: CSV with any usual separator, in any encoding of Unicode.
//!
//! It is split here rather than by a library for one reason: a quote that is opened and never closed must cost its own line, not the
//! rest of the list.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
};

use encoding_rs::{Decoder, Encoding};

use super::{LONGEST_ROW, Row, too_long};
use crate::{phrase, words::Phrase};

/// Lines that one quoted field may run over.
const LONGEST_FIELD_LINES: usize = 20;

/// Whether bytes that come in chunks are UTF-8, and if not, on which line.
#[derive(Default)]
pub(super) struct Unicode {
    carried: Vec<u8>,
    line: u64,
    broken: Option<u64>,
}

impl Unicode {
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.carried.extend_from_slice(chunk);
        let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count().saturating_sub(1) as u64;
        match std::str::from_utf8(&self.carried) {
            Ok(_) => {
                self.line += lines(&self.carried);
                self.carried.clear();
            }
            Err(error) => {
                let good = error.valid_up_to();
                self.line += lines(&self.carried[..good]);
                if error.error_len().is_some() || self.carried.contains(&0) {
                    self.broken = Some(self.line + 1);
                }
                self.carried.drain(..good);
            }
        }
    }

    /// The line of the first byte that is not; none: it is UTF-8 so far.
    pub(super) fn broken_at(&self) -> Option<u64> {
        self.broken.or_else(|| (!self.carried.is_empty()).then_some(self.line + 1))
    }
}

/// The separator that the first line with any has most of, outside of quotes.
pub(super) fn separator(head: &str) -> u8 {
    let count = |line: &str, separator: u8| split(line, separator).map_or(0, |cells| cells.len());
    for line in head.lines().take(10) {
        let best = [b',', b';', b'\t'].into_iter().max_by_key(|separator| (count(line, *separator), *separator == b','));
        if let Some(best) = best.filter(|separator| count(line, *separator) > 1) {
            return best;
        }
    }
    b','
}

/// Turns a file of any Unicode encoding into UTF-8 without a byte order mark.
struct Decoded {
    file: File,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Decoded {
    fn new(file: File, decoder: Decoder) -> BufReader<Self> {
        BufReader::new(Self { file, decoder, raw: vec![0; 32 * 1024], text: Vec::new(), at: 0, ended: false })
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            let read = self.file.read(&mut self.raw)?;
            self.ended = read == 0;
            let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(read * 4 + 16);
            self.text.resize(room, 0);
            let (_, _, written, _) = self.decoder.decode_to_utf8(&self.raw[..read], &mut self.text, self.ended);
            self.text.truncate(written);
            self.at = 0;
        }
        let count = buffer.len().min(self.text.len() - self.at);
        buffer[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Why a row with unmatched quotes is refused.
fn unmatched() -> Phrase {
    phrase!(
        "dấu ngoặc kép không khớp: mở mà không đóng, hoặc đóng giữa ô",
        "quotes do not match: one is never closed, or closes in the middle of a cell"
    )
}

/// Hands every row that is not blank to `take`, until it says false. `length`: of the whole file, in bytes.
pub(super) fn each(
    file: File,
    encoding: &'static Encoding,
    separator: u8,
    length: u64,
    take: &mut dyn FnMut(Row) -> bool,
) -> io::Result<()> {
    let mut text = Decoded::new(file, encoding.new_decoder());
    let mut waiting: VecDeque<(String, bool)> = VecDeque::new();
    let (mut line, mut at) = (0_u64, 0_u64);
    loop {
        let Some((first, whole)) = next_line(&mut waiting, &mut text)? else { return Ok(()) };
        line += 1;
        at += first.len() as u64 + 1;
        let here = line;
        if first.trim().is_empty() {
            continue;
        }
        let mut cells = if whole { split(&first, separator).ok_or_else(unmatched) } else { Err(too_long()) };
        if whole && cells.is_err() {
            // A quoted field may run over several lines; one that never ends costs its first line alone.
            let mut joined = first.clone();
            let mut tried = Vec::new();
            while cells.is_err() && tried.len() < LONGEST_FIELD_LINES && joined.len() < LONGEST_ROW {
                let Some((more, whole)) = next_line(&mut waiting, &mut text)? else { break };
                joined.push('\n');
                joined.push_str(&more);
                tried.push((more, whole));
                cells = split(&joined, separator).ok_or_else(unmatched);
            }
            if cells.is_ok() {
                line += tried.len() as u64;
                at += (joined.len() - first.len()) as u64;
            } else {
                tried.into_iter().rev().for_each(|line| waiting.push_front(line));
            }
        }
        if cells.as_ref().is_ok_and(|cells| cells.iter().all(|cell| cell.trim().is_empty())) {
            continue;
        }
        if !take(Row { line: here, at: at.min(length), cells }) {
            return Ok(());
        }
    }
}

/// The next line and whether it is whole; what goes beyond the longest row is thrown away.
fn next_line(waiting: &mut VecDeque<(String, bool)>, text: &mut BufReader<Decoded>) -> io::Result<Option<(String, bool)>> {
    if let Some(line) = waiting.pop_front() {
        return Ok(Some(line));
    }
    let mut bytes = Vec::new();
    if text.by_ref().take(LONGEST_ROW as u64).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let mut whole = true;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() == LONGEST_ROW {
        whole = false;
        let mut rest = Vec::new();
        while text.by_ref().take(LONGEST_ROW as u64).read_until(b'\n', &mut rest)? > 0 && rest.last() != Some(&b'\n') {
            rest.clear();
        }
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), whole)))
}

/// Splits a record (RFC 4180); none where its quotes do not match: one is still open at the end, or something follows a
/// closing one. A quote within an unquoted cell is a character.
fn split(text: &str, separator: u8) -> Option<Vec<String>> {
    let separator = char::from(separator);
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut state = Quotes::Fresh;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match state {
            Quotes::Within if c == '"' && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            Quotes::Within if c == '"' => state = Quotes::Closed,
            Quotes::Within => cell.push(c),
            _ if c == separator => {
                cells.push(std::mem::take(&mut cell));
                state = Quotes::Fresh;
            }
            Quotes::Fresh if c == '"' => state = Quotes::Within,
            Quotes::Fresh | Quotes::Bare => {
                cell.push(c);
                state = Quotes::Bare;
            }
            Quotes::Closed if c == ' ' => {}
            Quotes::Closed => return None,
        }
    }
    cells.push(cell);
    (state != Quotes::Within).then_some(cells)
}

/// Where in a cell the splitting stands.
#[derive(PartialEq, Eq)]
enum Quotes {
    /// At its beginning.
    Fresh,
    /// In a cell without quotes.
    Bare,
    /// Between quotes.
    Within,
    /// After the closing one.
    Closed,
}
