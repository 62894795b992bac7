//! The sheet as a Word document.

use docx_rs::{AlignmentType, Docx, LineSpacing, Paragraph, TableRow};

use super::{Letter, Passage, Table};
use crate::official::{
    self, BODY, Letterhead, TABLE, Unwritten, WIDTH, bare, cell, centred, heading, left, ruled, run, sentence, text, tight, title,
};

/// The narrow columns of the table to be filled in.
const ROUND: usize = 560;

impl Letter {
    /// The sheet as a Word document, to be signed and sent.
    pub fn docx(&self) -> Result<Vec<u8>, Unwritten> {
        let head = Letterhead {
            superior: self.superior.as_deref(),
            office: &self.office,
            number: &self.number,
            about: Some(&self.about),
            place_and_day: &self.place_and_day,
        };
        let to = format!("Kính gửi: {}", self.to);
        let mut document = official::page()
            .add_table(official::head(&head))
            .add_paragraph(centred(run(&to, BODY)).line_spacing(LineSpacing::new().before(240).after(240)));
        if let Some(banner) = &self.banner {
            let words = centred(run(banner, BODY).bold()).line_spacing(LineSpacing::new().before(0).after(120));
            document = document.add_table(ruled(vec![TableRow::new(vec![cell(WIDTH, vec![words])])], vec![WIDTH]));
        }
        for said in &self.opening {
            document = document.add_paragraph(sentence(said));
        }
        document = document.add_table(facts(&self.facts));
        for one in &self.texts {
            document = boxed(document, one);
        }
        document = document.add_paragraph(space());
        for said in &self.closing {
            document = document.add_paragraph(sentence(said));
        }
        document = answer(document.add_table(signed(self)), self);
        if !self.appendix.is_empty() {
            document = document.add_paragraph(heading("PHỤ LỤC: ĐỊA BÀN").page_break_before(true));
            for (at, place) in self.appendix.iter().enumerate() {
                document = document.add_paragraph(left(run(&format!("{}. {place}", at + 1), TABLE)));
            }
        }
        official::pack(document)
    }
}

fn space() -> Paragraph {
    tight(run("", TABLE), AlignmentType::Left)
}

fn facts(facts: &[(String, String)]) -> docx_rs::Table {
    let grid = [WIDTH * 32 / 100, WIDTH - WIDTH * 32 / 100];
    let row = |(name, said): &(String, String)| {
        TableRow::new(vec![text(grid[0], name, TABLE), text(grid[1], said, TABLE)]).cant_split()
    };
    ruled(facts.iter().map(row).collect(), grid.to_vec())
}

/// A text in a box, its lines as they are.
fn boxed(document: Docx, one: &Passage) -> Docx {
    let lines = Paragraph::new().add_run(official::lines(&one.text, 26)).line_spacing(LineSpacing::new().before(60).after(60));
    let mut inside = vec![lines];
    inside.extend(one.note.as_ref().map(|note| left(run(note, 20).italic())));
    document.add_paragraph(heading(&one.title)).add_table(ruled(vec![TableRow::new(vec![cell(WIDTH, inside)])], vec![WIDTH]))
}

fn signed(letter: &Letter) -> docx_rs::Table {
    let half = WIDTH / 2;
    let to = official::recipients(letter.recipients.iter().map(String::as_str));
    let who = official::signature("THỦ TRƯỞNG ĐƠN VỊ", "(Ký, ghi rõ họ tên, đóng dấu)");
    bare(vec![TableRow::new(vec![cell(half, to), cell(half, who)]).cant_split()], vec![half, half])
}

/// What the outlet fills in and sends back.
fn answer(document: Docx, letter: &Letter) -> Docx {
    let code = format!("Mã yêu cầu: {} · Mã kiểm tra: {}", letter.identifier, letter.check);
    let mut document = document
        .add_paragraph(centred(run("PHẦN XÁC NHẬN VÀ BÁO CÁO CỦA ĐƠN VỊ THỰC HIỆN", BODY).bold()).page_break_before(true))
        .add_paragraph(centred(run(&code, 24).bold()))
        .add_paragraph(space())
        .add_paragraph(left(run("☐ Tiếp nhận và thực hiện", BODY)))
        .add_paragraph(left(run("☐ Từ chối, lý do: ……………………………………………………………", BODY)));
    if let Some(table) = &letter.table {
        document = document
            .add_paragraph(space())
            .add_paragraph(left(run("Số liệu lũy kế đến …… giờ …… ngày ……/……/…………", BODY)))
            .add_paragraph(left(run("☐ Báo cáo cuối cùng", BODY)))
            .add_paragraph(left(run("☐ Đính chính, lý do: …………………………………………………………", BODY)))
            .add_paragraph(space())
            .add_table(counts(table))
            .add_paragraph(left(run(&table.note, 20).italic()));
    }
    let half = WIDTH / 2;
    let who = official::signature("ĐẠI DIỆN ĐƠN VỊ THỰC HIỆN", "(Ký, ghi rõ họ tên, đóng dấu)");
    let row = TableRow::new(vec![cell(half, vec![Paragraph::new()]), cell(half, who)]).cant_split();
    document.add_paragraph(space()).add_table(bare(vec![row], vec![half, half]))
}

fn counts(table: &Table) -> docx_rs::Table {
    let others = table.columns.len().saturating_sub(2).max(1);
    let area = WIDTH * 24 / 100;
    let each = (WIDTH - area - ROUND) / others;
    let width = |at: usize| match at {
        0 => WIDTH - ROUND - each * others,
        1 => ROUND,
        _ => each,
    };
    let head = table.columns.iter().enumerate().map(|(at, name)| title(width(at), name, 20));
    let mut rows = vec![TableRow::new(head.collect()).cant_split()];
    for (area, round) in &table.lines {
        let said = [area.as_str(), round.as_str()];
        let cells = (0..table.columns.len()).map(|at| text(width(at), said.get(at).copied().unwrap_or_default(), 20));
        rows.push(TableRow::new(cells.collect()).cant_split());
    }
    ruled(rows, (0..table.columns.len()).map(width).collect())
}
