//! `loa orders`: what outlets are asked to pass on, what they answered and what they counted; and what an officer does about it, typed in
//! from a paper or the telephone as well.

mod export;
mod report;
mod show;
mod update;

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use super::{Globals, Mistake, audience::opened, outlets};
use crate::{
    audit::Actor,
    config::Config,
    db::Db,
    document::suggestion,
    outlet, phrase,
    relay::{
        By, Eyes, Order, Refusal, State, Tried, answer,
        follow::{self, Cancelled},
        hand,
        order::{self, Filter},
    },
    seal::Seal,
    words::Phrase,
};

/// Relay orders: what outlets are asked to pass on, what they answered and counted
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Who does it; without it, the name under which you are signed in on this machine
    #[arg(long, value_name = "NAME", global = true)]
    by: Option<String>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show them, the latest first (also without a word)
    List(show::List),
    /// Show one: what it says, what happened to it, its reports and counts
    Show {
        /// Its number, or its name in CAP
        order: String,
    },
    /// Write its CAP document, its sheet (.docx), its reports (.csv, .xlsx) or a form for the next report (.xlsx) to a file
    Export(export::Args),
    /// Take a report in: JSON, CSV or XLSX
    Report(report::Args),
    /// Write an Update of one; somebody else approves it
    Update(Box<update::Args>),
    /// Approve an Update that somebody else wrote
    Approve {
        /// Its number, or its name in CAP
        order: String,
    },
    /// Note that it was handed over by hand
    Hand {
        /// Its number, or its name in CAP
        order: String,
        /// How: on paper and under which number, by mail, in person
        how: String,
    },
    /// Note that the outlet will do it
    Ack {
        /// Its number, or its name in CAP
        order: String,
        /// What the outlet said
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Note that the outlet will not do it
    Refuse {
        /// Its number, or its name in CAP
        order: String,
        /// Why
        why: String,
    },
    /// Note that the outlet has begun
    Begin {
        /// Its number, or its name in CAP
        order: String,
        /// What the outlet said
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Take one back that nobody has
    Withdraw {
        /// Its number, or its name in CAP
        order: String,
        /// Why
        why: String,
    },
    /// Cancel one: at once where nobody has it, else by a Cancel to the outlet
    Cancel {
        /// Its number, or its name in CAP
        order: String,
        /// Why: the outlet reads it
        why: String,
    },
    /// Expect nothing more of one
    Close {
        /// Its number, or its name in CAP
        order: String,
        /// Why, where its final report has not come
        #[arg(default_value = "")]
        why: String,
    },
    /// Take a closing back
    Reopen {
        /// Its number, or its name in CAP
        order: String,
        /// Why
        why: String,
    },
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let what = args.what.unwrap_or_else(|| What::List(show::List::default()));
    // A document is signed by the key that the settings name.
    let signs = matches!(&what, What::Export(export) if export.signs());
    let config = if signs { globals.settings_with_secrets()? } else { globals.settings()? };
    let (db, seal) = opened(&config).await?;
    let desk = Desk { db: &db, seal: &seal, config: &config, globals, by: args.by };
    let done = desk.does(what).await;
    db.close().await;
    done
}

/// What every subcommand works with.
struct Desk<'a> {
    db: &'a Db,
    seal: &'a Seal,
    config: &'a Config,
    globals: &'a Globals,
    by: Option<String>,
}

impl Desk<'_> {
    async fn does(&self, what: What) -> anyhow::Result<ExitCode> {
        match what {
            What::List(list) => self.list(list).await?,
            What::Show { order } => self.show(&self.find(&order).await?).await?,
            What::Export(args) => self.export(args).await?,
            What::Report(args) => return self.report(args).await,
            What::Update(args) => self.update(*args).await?,
            What::Approve { order } => self.approve(&order).await?,
            What::Cancel { order, why } => self.cancel(&order, &why).await?,
            What::Hand { order, how } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(hand::by_hand(self.db, order.id, &how, &self.acting(&actor)).await)?;
            }
            What::Ack { order, note } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(answer::acknowledge(self.db, order.id, &note, &self.acting(&actor)).await)?;
            }
            What::Refuse { order, why } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(answer::refuse(self.db, order.id, &why, &self.acting(&actor)).await)?;
            }
            What::Begin { order, note } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(answer::begin(self.db, order.id, &note, &self.acting(&actor)).await)?;
            }
            What::Withdraw { order, why } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(order::withdraw(self.db, order.id, &why, &self.acting(&actor)).await)?;
            }
            What::Close { order, why } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(order::close(self.db, order.id, &why, &self.acting(&actor)).await)?;
            }
            What::Reopen { order, why } => {
                let (order, actor) = (self.find(&order).await?, self.actor()?);
                self.done(order::reopen(self.db, order.id, &why, &self.acting(&actor)).await)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn actor(&self) -> Result<Actor, Mistake> {
        self.globals.actor(self.by.clone())
    }

    fn now(&self) -> i64 {
        self.globals.clock.millis()
    }

    /// Somebody at this machine sees all orders.
    fn acting<'b>(&self, actor: &'b Actor) -> By<'b> {
        By { actor, eyes: Eyes::All, now: self.now() }
    }

    fn say(&self, words: &Phrase) -> io::Result<()> {
        if self.globals.json {
            return Ok(());
        }
        writeln!(io::stdout(), "{}", words.text(self.globals.lang))
    }

    /// The order of this number or name.
    async fn find(&self, named: &str) -> anyhow::Result<Order> {
        let by_name = order::by_identifier(self.db, named, Eyes::All, self.now()).await?;
        let found = match (by_name, named.parse::<i64>()) {
            (Some(order), _) => Some(order),
            (None, Ok(id)) => order::one(self.db, id, Eyes::All, self.now()).await?,
            (None, Err(_)) => None,
        };
        if let Some(order) = found {
            return Ok(order);
        }
        let latest = order::list(self.db, &Filter::default(), Eyes::All, 200, self.now()).await?;
        let nearest = suggestion(named, latest.iter().map(|order| order.identifier.as_str()));
        Err(Mistake(phrase!("không có yêu cầu `{named}`", "there is no order `{named}`").then(&nearest)).into())
    }

    /// The outlet of this name.
    async fn outlet(&self, slug: &str) -> anyhow::Result<i64> {
        match outlet::by_slug(self.db, self.seal, slug).await? {
            Some(outlet) => Ok(outlet.id),
            None => Err(outlets::unknown(self.db, slug).await?.into()),
        }
    }

    /// Says how an order stands after something was done to it; what was refused is the person's mistake.
    fn done(&self, tried: Tried<Order>) -> anyhow::Result<()> {
        let order = tried?.map_err(refused)?;
        if self.globals.json {
            return Ok(Globals::print_json(&show::as_json(&order))?);
        }
        let (identifier, outlet) = (&order.identifier, &order.outlet_title);
        let state = order.state.label();
        let (vi, en) = (state.vi, state.en);
        self.say(&phrase!("{identifier} ({outlet}): {vi}.", "{identifier} ({outlet}): {en}."))?;
        Ok(())
    }

    async fn approve(&self, named: &str) -> anyhow::Result<()> {
        let (order, actor) = (self.find(named).await?, self.actor()?);
        // At a keyboard nobody is a user of the console: the name tells who wrote it.
        if order.state == State::Drafted && order.made_by.to_lowercase() == actor.name.to_lowercase() {
            return Err(refused(Refusal::OwnWriting).into());
        }
        self.done(order::approve(self.db, order.id, &self.acting(&actor)).await)
    }

    async fn cancel(&self, named: &str, why: &str) -> anyhow::Result<()> {
        let (order, actor) = (self.find(named).await?, self.actor()?);
        match follow::cancel(self.db, order.id, why, &self.acting(&actor)).await?.map_err(refused)? {
            Cancelled::AtOnce(order) => self.done(Ok(Ok(order))),
            Cancelled::Asked(cancel) => {
                let (identifier, outlet) = (&cancel.identifier, &cancel.outlet_title);
                self.say(&phrase!(
                    "Lệnh thu hồi {identifier} đang chờ giao cho {outlet}; yêu cầu còn hiệu lực đến khi họ tiếp nhận lệnh này.",
                    "The Cancel {identifier} goes to {outlet}; the order holds until they acknowledge it."
                ))?;
                if self.globals.json {
                    Globals::print_json(&show::as_json(&cancel))?;
                }
                Ok(())
            }
        }
    }
}

/// What does not fit is the person's mistake.
fn refused(refusal: Refusal) -> Mistake {
    Mistake(refusal.words())
}

/// Writes to a file, or to standard output for `-`.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if file.as_os_str() == "-" {
        io::stdout().write_all(bytes)?;
        return Ok(());
    }
    std::fs::write(file, bytes).map_err(|error| {
        let name = file.display();
        Mistake(phrase!("không ghi được {name}", "cannot write {name}").because(&error)).into()
    })
}
