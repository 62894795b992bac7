//! `loa outlets`: who passes texts on to people of their own, one by one or out of a list. Contacts are shown masked.

mod import;
mod show;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::show::as_json;
use super::{Globals, Mistake, audience::opened, who};
use crate::{
    audience::place::Places,
    audit::Actor,
    cap::Certificate,
    db::Db,
    document::{Problem, Problems, suggestion},
    outlet::{self, Kind, Outlet, Way, Written},
    phrase,
    relay::enlist,
    seal::Seal,
    transaction,
    words::Phrase,
};

/// List, add, change, import, rest or remove those who pass texts on: carriers, agencies, schools, radio, press
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
    /// Show them (also without a word)
    List {
        /// Of this kind alone: carrier, agency, school, radio, press
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: Option<Kind>,
        /// Only those that get orders
        #[arg(long)]
        active: bool,
    },
    /// Show one
    Show {
        /// Its name
        outlet: String,
    },
    /// Add one
    Add {
        /// Its name in campaigns and files
        outlet: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change what is named, and nothing else
    Change {
        /// Its name
        outlet: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Take a list in, .csv or .xlsx; bad rows never stop the good ones
    Import {
        /// The list
        file: PathBuf,
        /// What rows are that do not say
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: Option<Kind>,
        /// Whose new ones are whose rows do not say
        #[arg(long, value_name = "DEPARTMENT")]
        owner: Option<String>,
        /// Only say what each row would do
        #[arg(long)]
        dry_run: bool,
    },
    /// Let one get orders again
    Enable {
        /// Its name
        outlet: String,
    },
    /// Let one rest: it gets no further orders
    Disable {
        /// Its name
        outlet: String,
    },
    /// Remove one that never got an order
    Remove {
        /// Its name
        outlet: String,
    },
}

/// What is said about an outlet.
#[derive(clap::Args)]
struct Fields {
    /// What people call it
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
    /// What it is: carrier, agency, school, radio, press
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
    /// How orders get there: push, pull, hand
    #[arg(long, value_name = "WAY", value_parser = way)]
    way: Option<Way>,
    /// Where they are pushed to, `https://…`; empty: nowhere
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Its certificate, a PEM file: whose signature its documents bear
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The mailbox that is reminded of late reports; `-`: read from standard input; empty: none
    #[arg(long, value_name = "MAILBOX")]
    contact: Option<String>,
    /// An area that it covers, by code or name; again for more; empty: the whole country
    #[arg(long = "area", value_name = "AREA")]
    areas: Option<Vec<String>>,
    /// The department that works with it; empty: all do
    #[arg(long, value_name = "DEPARTMENT")]
    owner: Option<String>,
    /// What it calls itself in CAP documents
    #[arg(long, value_name = "NAME")]
    sender: Option<String>,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::named(text).ok_or_else(|| Kind::ALL.map(Kind::name).join(", "))
}

fn way(text: &str) -> Result<Way, String> {
    Way::named(text).ok_or_else(|| Way::ALL.map(Way::name).join(", "))
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let (db, seal) = opened(&config).await?;
    let what = args.what.unwrap_or(What::List { kind: None, active: false });
    let desk = Desk { db: &db, seal: &seal, globals, by: args.by };
    let done = desk.does(what).await;
    db.close().await;
    done
}

/// What every subcommand works with.
struct Desk<'a> {
    db: &'a Db,
    seal: &'a Seal,
    globals: &'a Globals,
    by: Option<String>,
}

impl Desk<'_> {
    async fn does(&self, what: What) -> anyhow::Result<ExitCode> {
        match what {
            What::List { kind, active } => self.list(kind, active).await?,
            What::Show { outlet } => self.show(&self.find(&outlet).await?)?,
            What::Add { outlet, fields } => self.add(&outlet, fields).await?,
            What::Change { outlet, fields } => self.change(&outlet, fields).await?,
            What::Import { file, kind, owner, dry_run } => return self.import(&file, kind, owner, dry_run).await,
            What::Enable { outlet } => self.set_active(&outlet, true).await?,
            What::Disable { outlet } => self.set_active(&outlet, false).await?,
            What::Remove { outlet } => {
                let removed = outlet::remove(self.db, &outlet, &self.actor()?, self.now()).await?;
                self.refused(removed, &outlet).await?;
                self.say(&phrase!("Đã xóa đơn vị {outlet}.", "Removed the outlet {outlet}."))?;
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

    fn say(&self, words: &Phrase) -> io::Result<()> {
        if self.globals.json {
            return Ok(());
        }
        writeln!(io::stdout(), "{}", words.text(self.globals.lang))
    }

    async fn find(&self, slug: &str) -> anyhow::Result<Outlet> {
        match outlet::by_slug(self.db, self.seal, slug).await? {
            Some(outlet) => Ok(outlet),
            None => Err(unknown(self.db, slug).await?.into()),
        }
    }

    /// What was refused is the person's mistake.
    async fn refused<T>(&self, tried: Result<T, outlet::Refused>, slug: &str) -> anyhow::Result<T> {
        match tried {
            Ok(done) => Ok(done),
            Err(outlet::Refused::NoSuchOutlet) => Err(unknown(self.db, slug).await?.into()),
            Err(refused) => Err(Mistake(refused.words()).into()),
        }
    }

    async fn add(&self, slug: &str, fields: Fields) -> anyhow::Result<()> {
        let Some(title) = fields.title.clone() else {
            return Err(Mistake(phrase!("cần tên đơn vị: --title \"…\"", "it needs a title: --title \"…\"")).into());
        };
        let blank = Written {
            slug: slug.to_string(),
            title,
            kind: fields.kind.unwrap_or(Kind::Carrier),
            way: fields.way.unwrap_or(Way::Hand),
            url: None,
            certificate: None,
            contact: None,
            areas: Vec::new(),
            owner: String::new(),
            sender: String::new(),
        };
        let written = self.written(blank, fields)?;
        let actor = self.actor()?;
        let added = transaction!(self.db, |tx| outlet::add(tx, self.seal, &written, &actor, self.now()).await)?;
        self.refused(added, slug).await?;
        self.say(&phrase!("Đã thêm đơn vị {slug}.", "Added the outlet {slug}."))?;
        self.told(slug).await
    }

    async fn change(&self, slug: &str, fields: Fields) -> anyhow::Result<()> {
        let written = self.written(self.find(slug).await?.into(), fields)?;
        let actor = self.actor()?;
        let changed = transaction!(self.db, |tx| outlet::change(tx, self.seal, &written, &actor, self.now()).await)?;
        self.refused(changed, slug).await?;
        self.say(&phrase!("Đã sửa đơn vị {slug}.", "Changed the outlet {slug}."))?;
        self.told(slug).await
    }

    /// What became of one, for programs.
    async fn told(&self, slug: &str) -> anyhow::Result<()> {
        if self.globals.json {
            Globals::print_json(&as_json(&self.find(slug).await?))?;
        }
        Ok(())
    }

    /// What was said, over what was there.
    fn written(&self, was: Written, fields: Fields) -> anyhow::Result<Written> {
        let contact = match fields.contact.as_deref() {
            Some(who::STDIN) => Some(who::said(who::STDIN, self.globals.lang)?),
            other => other.map(str::to_string),
        };
        let certificate = fields.certificate.map(|file| certificate(&file)).transpose()?;
        let areas = match fields.areas {
            None => was.areas,
            Some(named) => named
                .iter()
                .filter(|area| !area.trim().is_empty())
                .map(|area| enlist::area(area).map(str::to_string).map_err(Mistake))
                .collect::<Result<_, _>>()?,
        };
        let written = Written {
            slug: was.slug,
            title: fields.title.unwrap_or(was.title),
            kind: fields.kind.unwrap_or(was.kind),
            way: fields.way.unwrap_or(was.way),
            url: fields.url.or(was.url),
            certificate: certificate.or(was.certificate),
            contact,
            areas,
            owner: fields.owner.unwrap_or(was.owner),
            sender: fields.sender.unwrap_or(was.sender),
        };
        Ok(written.checked(|code| Places::built_in().province_of(code).is_some()).map_err(|refused| Mistake(refused.words()))?)
    }

    async fn set_active(&self, slug: &str, active: bool) -> anyhow::Result<()> {
        let set = outlet::set_active(self.db, slug, active, &self.actor()?, self.now()).await?;
        self.refused(set, slug).await?;
        self.say(&if active {
            phrase!("Đơn vị {slug} nhận yêu cầu trở lại.", "The outlet {slug} gets orders again.")
        } else {
            phrase!("Đơn vị {slug} ngừng nhận yêu cầu mới.", "The outlet {slug} gets no further orders.")
        })?;
        self.told(slug).await
    }
}

/// There is no outlet of that name; one may be near.
pub(super) async fn unknown(db: &Db, slug: &str) -> anyhow::Result<Mistake> {
    let all = outlet::without_contacts(db).await?;
    let nearest = suggestion(slug, all.iter().map(|outlet| outlet.slug.as_str()));
    Ok(Mistake(phrase!("không có đơn vị phối hợp `{slug}`", "there is no outlet `{slug}`").then(&nearest)))
}

/// The text of a file with one certificate.
fn certificate(file: &Path) -> Result<String, Problems> {
    let name = file.display().to_string();
    let pem = super::read_text(file)?;
    Certificate::from_pem(pem.as_bytes()).map_err(|error| Problem::of(&name, error.words()))?;
    Ok(pem)
}
