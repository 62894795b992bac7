//! An order as a file: its CAP document, its sheet on paper, its reports as a table, or a form for the next report.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Desk, Globals, Mistake, write};
use crate::{
    phrase,
    relay::{
        Eyes, Order,
        issue::{self, Letterhead},
        order,
        report::{self, table},
        sheet::Sheet,
    },
};

/// What is written, and where to.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its number, or its name in CAP
    order: String,
    /// What is written; without it, as the file's name ends
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Where to; `-`: standard output; without it, a file named after the order
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The CAP document as the outlet gets it
    Cap,
    /// The order sheet on paper (.docx)
    Sheet,
    /// Its reports (.csv)
    Csv,
    /// Its reports (.xlsx)
    Xlsx,
    /// A form for the next report (.xlsx)
    Form,
}

impl Format {
    const fn ending(self) -> &'static str {
        match self {
            Self::Cap => "xml",
            Self::Sheet => "docx",
            Self::Csv => "csv",
            Self::Xlsx | Self::Form => "xlsx",
        }
    }

    /// As a file's name ends.
    fn of(file: &Path) -> Option<Self> {
        let ending = file.extension()?.to_str()?.to_lowercase();
        let all = [Self::Cap, Self::Sheet, Self::Csv, Self::Xlsx];
        all.into_iter().find(|format| format.ending() == ending || *format == Self::Cap && ending == "cap")
    }
}

impl Args {
    fn chosen(&self) -> Format {
        self.format.or_else(|| Format::of(self.output.as_deref()?)).unwrap_or(Format::Cap)
    }

    /// Whether the signing key is needed.
    pub(super) fn signs(&self) -> bool {
        self.chosen() == Format::Cap
    }
}

impl Desk<'_> {
    pub(super) async fn export(&self, args: Args) -> anyhow::Result<()> {
        let order = self.find(&args.order).await?;
        let format = args.chosen();
        let bytes = match format {
            Format::Cap => self.document(&order).await?,
            Format::Sheet => self.sheet(&order).await?,
            Format::Csv => table::export_csv(&order, &report::all(self.db, order.id).await?)?,
            Format::Xlsx => table::export_xlsx(&order, &report::all(self.db, order.id).await?, self.globals.lang)?,
            Format::Form => {
                let reports = report::all(self.db, order.id).await?;
                let next = report::next_sequence(self.db, order.id).await?;
                table::template(&order, reports.first().map(|kept| &kept.report), next, self.globals.lang)?
            }
        };
        let named = || PathBuf::from(format!("{}.{}", order.identifier, format.ending()));
        let file = args.output.unwrap_or_else(named);
        let is_text = matches!(format, Format::Cap | Format::Csv);
        if file.as_os_str() == "-" && !is_text && io::stdout().is_terminal() {
            return Err(Mistake(phrase!(
                "không in tệp này ra màn hình: ghi --output TỆP",
                "this file is not for a terminal: write --output FILE"
            ))
            .into());
        }
        write(&file, &bytes)?;
        if file.as_os_str() == "-" {
            return Ok(());
        }
        if self.globals.json {
            return Ok(Globals::print_json(&json!({ "file": file.display().to_string(), "bytes": bytes.len() }))?);
        }
        let name = file.display();
        self.say(&phrase!("Đã ghi {name}.", "Wrote {name}."))?;
        if order.state.is_unsent() && matches!(format, Format::Cap | Format::Sheet) {
            let identifier = &order.identifier;
            self.say(&phrase!(
                "Giao cho đơn vị xong thì ghi lại: loa orders hand {identifier} \"công văn số …\"",
                "Once the outlet has it, note so: loa orders hand {identifier} \"letter no. …\""
            ))?;
        }
        Ok(())
    }

    /// As the outlet gets it: frozen by whoever asks first.
    async fn document(&self, order: &Order) -> anyhow::Result<Vec<u8>> {
        let issued = issue::issue(self.db, order, &Letterhead::of(self.config)).await?;
        Ok(issued.map_err(|unissued| Mistake(unissued.words()))?)
    }

    async fn sheet(&self, order: &Order) -> anyhow::Result<Vec<u8>> {
        let earlier = match order.earlier {
            Some(id) => order::one(self.db, id, Eyes::All, self.now()).await?,
            None => None,
        };
        let sheet = Sheet {
            order,
            earlier: earlier.as_ref(),
            office: &self.config.office.fields,
            reporting: &self.config.reporting,
            contact: self.config.relay.contact.as_deref(),
            today: self.globals.clock.today(),
        };
        Ok(sheet.letter().docx()?)
    }
}
