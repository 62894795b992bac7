//! `loa user`: who may sign in to the console, for whoever is at this machine's keyboard. What pages do, it does by the same rules and
//! with the same record; it also makes the first user, and helps an administrator who cannot sign in.

mod department;
mod show;

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use serde_json::{Value, json};

use self::show::{rfc3339, shown};
use super::{Globals, Mistake, audience::opened, hidden, outlets};
use crate::{
    audit::Actor,
    config::Config,
    db::Db,
    document::suggestion,
    outlet, phrase,
    relay::partner::{self, Unfit},
    seal::Seal,
    user::{self, Change, New, Refused, Role, Roles, User, invitation, password},
    words::{Lang, Phrase, minute},
};

/// Who may sign in to the console
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Add a user, and print the link by which they set a password
    Add {
        /// The address that they sign in with
        email: String,
        /// Their name, as pages and the audit show it
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What they are: officer, approver, manager, partner, administrator; the first user is an administrator unless said
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// A department that they belong to; without any they see all
        #[arg(long = "department", value_name = "NAME")]
        departments: Vec<String>,
        /// The outlet that a partner acts for
        #[arg(long, value_name = "SLUG")]
        outlet: Option<String>,
        /// Ask for the password now (a line of standard input) instead of printing a link
        #[arg(long)]
        password: bool,
        #[command(flatten)]
        by: By,
    },
    /// List the users
    List,
    /// Keep somebody from signing in: ends their sessions, tokens and links
    Disable {
        /// Their address
        email: String,
        /// Let them sign in again instead
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        by: By,
    },
    /// Print a new link by which a user sets their first password
    Invite {
        /// Their address
        email: String,
        #[command(flatten)]
        by: By,
    },
    /// Print a link by which somebody who forgot the password sets a new one
    Reset {
        /// Their address
        email: String,
        /// Take the second factor away as well: they lost the phone and the recovery codes
        #[arg(long)]
        second_factor: bool,
        #[command(flatten)]
        by: By,
    },
    /// Set somebody's roles
    Role {
        /// Their address
        email: String,
        /// What they are from now on
        #[arg(required = true, value_name = "ROLE")]
        roles: Vec<String>,
        /// The outlet that a partner acts for from now on
        #[arg(long, value_name = "SLUG")]
        outlet: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// Set somebody's departments, or list, add or remove departments
    Department {
        /// Their address; without it, all departments are listed
        email: Option<String>,
        /// Their departments from now on; none: they see all
        #[arg(value_name = "NAME")]
        departments: Vec<String>,
        /// Add a department: a campaign belongs to the one whose name is its `owner`
        #[arg(long, value_name = "NAME", conflicts_with_all = ["email", "remove"])]
        add: Option<String>,
        /// Remove a department: everybody sees what it owned
        #[arg(long, value_name = "NAME", conflicts_with = "email")]
        remove: Option<String>,
        #[command(flatten)]
        by: By,
    },
}

#[derive(clap::Args)]
struct By {
    /// Who does this; without it, the name under which you are signed in on this machine
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What all of them need.
struct Ground<'g> {
    config: Config,
    db: Db,
    seal: Seal,
    globals: &'g Globals,
}

pub async fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let config = globals.settings()?;
    let (db, seal) = opened(&config).await?;
    let ground = Ground { config, db, seal, globals };
    match args.what {
        What::Add { email, name, roles, departments, outlet, password, by } => {
            let roles = ground.roles(&roles).await?;
            let departments = ground.departments(&departments).await?;
            let new = New { email, name, roles, every_department: departments.is_empty(), departments };
            ground.add(new, outlet.as_deref(), password, by).await?;
        }
        What::List => ground.list().await?,
        What::Disable { email, undo, by } => ground.disable(&email, !undo, by).await?,
        What::Invite { email, by } => {
            let (user, actor) = (ground.user(&email).await?, ground.actor(by)?);
            ground.link(&user, false, &actor).await?;
        }
        What::Reset { email, second_factor, by } => {
            let (user, actor) = (ground.user(&email).await?, ground.actor(by)?);
            if second_factor && user.has_second_factor {
                user::second_factor::remove(&ground.db, &user, &actor, ground.now()).await?;
            }
            ground.link(&user, true, &actor).await?;
        }
        What::Role { email, roles, outlet, by } => {
            let roles = read_roles(&roles)?;
            ground.change(&email, outlet.as_deref(), by, |change| change.roles = roles).await?;
        }
        What::Department { email: Some(email), departments, by, .. } => {
            let numbers = ground.departments(&departments).await?;
            ground
                .change(&email, None, by, |change| {
                    change.every_department = numbers.is_empty();
                    change.departments = numbers;
                })
                .await?;
        }
        What::Department { add, remove, by, .. } => ground.department(add, remove, by).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read_roles(names: &[String]) -> Result<Roles, Mistake> {
    names
        .iter()
        .map(|name| {
            Role::named(name).ok_or_else(|| {
                let nearest = suggestion(name, Role::ALL.iter().map(|role| role.name()));
                let all = Role::ALL.map(Role::name).join(", ");
                Mistake(phrase!("không có vai trò `{name}` ({all})", "there is no role `{name}` ({all})").then(&nearest))
            })
        })
        .collect()
}

fn refused(refused: Refused) -> Mistake {
    Mistake(refused.words())
}

impl Ground<'_> {
    fn now(&self) -> i64 {
        self.globals.clock.millis()
    }

    fn lang(&self) -> Lang {
        self.globals.lang
    }

    fn actor(&self, by: By) -> Result<Actor, Mistake> {
        Ok(Actor::command(self.globals.officer(by.by)?))
    }

    fn say(&self, value: &Value, words: &Phrase) -> io::Result<()> {
        if self.globals.json { Globals::print_json(value) } else { writeln!(io::stdout(), "{}", words.text(self.lang())) }
    }

    async fn user(&self, email: &str) -> anyhow::Result<User> {
        let found = match user::email(email) {
            Some(email) => user::by_email(&self.db, &email).await?,
            None => None,
        };
        Ok(if let Some(user) = found {
            user
        } else {
            let all = user::list(&self.db).await?;
            let nearest = suggestion(email, all.iter().map(|user| user.email.as_str()));
            return Err(Mistake(phrase!("không có người dùng `{email}`", "there is no user `{email}`").then(&nearest)).into());
        })
    }

    /// The numbers of departments by their names.
    async fn departments(&self, names: &[String]) -> anyhow::Result<Vec<i64>> {
        let all = user::departments(&self.db).await?;
        let mut numbers = Vec::new();
        for name in names {
            let Some(department) = all.iter().find(|department| department.is_called(name)) else {
                let nearest = suggestion(name, all.iter().map(|department| department.name.as_str()));
                let missing = phrase!(
                    "không có đơn vị “{name}”: thêm bằng `loa user department --add`",
                    "there is no department “{name}”: `loa user department --add` adds one"
                );
                return Err(Mistake(missing.then(&nearest)).into());
            };
            numbers.push(department.id);
        }
        Ok(numbers)
    }

    /// The roles of a new user: the first one is an administrator unless said.
    async fn roles(&self, names: &[String]) -> anyhow::Result<Roles> {
        match read_roles(names)? {
            none if none.is_empty() && !user::any(&self.db).await? => Ok([Role::Administrator].into_iter().collect()),
            none if none.is_empty() => {
                let all = Role::ALL.map(Role::name).join(", ");
                Err(Mistake(phrase!("thêm `--role`: {all}", "add `--role`: {all}")).into())
            }
            roles => Ok(roles),
        }
    }

    /// Why a user is not written; an outlet that there is none of, with the nearest name.
    async fn unfit(&self, unfit: Unfit, outlet: Option<&str>) -> anyhow::Result<Mistake> {
        Ok(match unfit {
            Unfit::NoOutlet => Mistake(phrase!(
                "vai trò partner cần `--outlet`: mã của đơn vị mà người này đại diện",
                "a partner needs `--outlet`: the slug of the outlet that they act for"
            )),
            Unfit::Outlet(outlet::Refused::NoSuchOutlet) => outlets::unknown(&self.db, outlet.unwrap_or_default()).await?,
            other => Mistake(other.words()),
        })
    }

    async fn add(&self, new: New, outlet: Option<&str>, ask: bool, by: By) -> anyhow::Result<()> {
        let actor = self.actor(by)?;
        let typed = &new.email;
        let Some(email) = user::email(typed) else {
            return Err(Mistake(phrase!("`{typed}` không phải địa chỉ e-mail", "`{typed}` is not an e-mail address")).into());
        };
        let Some(name) = user::name(&new.name) else {
            return Err(Mistake(phrase!("tên trống hoặc quá dài", "the name is empty or too long")).into());
        };
        if outlet.is_some() && !new.roles.has(Role::Partner) {
            return Err(
                Mistake(phrase!("`--outlet` chỉ đi với `--role partner`", "`--outlet` goes with `--role partner`")).into()
            );
        }
        // Asked before anything is made, so that a weak one leaves nothing half done.
        let hash = if ask { Some(self.ask_password(&email, &name).await?) } else { None };
        let new = New { email, name, ..new };
        let id = match partner::add(&self.db, &new, outlet, &actor, self.now()).await? {
            Ok(id) => id,
            Err(unfit) => return Err(self.unfit(unfit, outlet).await?.into()),
        };
        let Some(user) = user::find(&self.db, id).await? else { anyhow::bail!("the new user is gone again") };
        let Some(hash) = hash else { return self.link(&user, false, &actor).await };
        password::change(&self.db, &user, &hash, None, &actor, self.now()).await?;
        let (name, address) = (&user.name, &user.email);
        self.say(
            &shown(&user),
            &phrase!("Đã thêm {name}; đăng nhập bằng {address}.", "Added {name}, who signs in as {address}."),
        )?;
        Ok(())
    }

    /// A password's hash, from a line of standard input.
    async fn ask_password(&self, email: &str, name: &str) -> anyhow::Result<String> {
        if io::stdin().is_terminal() {
            write!(io::stderr(), "{}: ", self.lang().pick("Mật khẩu", "Password"))?;
        }
        let typed = hidden::line()?;
        let typed = typed.trim_end_matches(['\r', '\n']);
        password::check(typed, email, name).map_err(|weak| Mistake(weak.words()))?;
        Ok(password::hash(typed, &self.seal).await?)
    }

    /// Makes a link and prints it.
    async fn link(&self, user: &User, reset: bool, actor: &Actor) -> anyhow::Result<()> {
        let now = self.now();
        let secret = invitation::make(&self.db, &self.seal, user.id, reset, actor, now).await?.map_err(refused)?;
        let link = format!("{}/invitation/{}", self.config.console_url(), secret.0);
        let ends = now + if reset { invitation::FORGOTTEN } else { invitation::INVITED };
        let (name, until) = (&user.name, minute(ends));
        let mut value = shown(user);
        value["link"] = json!(link);
        value["link_ends_at"] = json!(rfc3339(ends));
        self.say(
            &value,
            &phrase!(
                "Gửi đường dẫn này cho {name} để đặt mật khẩu (dùng một lần, đến {until}):\n{link}",
                "Give this link to {name} to set a password (good once, until {until}):\n{link}"
            ),
        )?;
        Ok(())
    }

    async fn disable(&self, email: &str, disabled: bool, by: By) -> anyhow::Result<()> {
        let (user, actor) = (self.user(email).await?, self.actor(by)?);
        user::disable(&self.db, user.id, disabled, &actor, self.now()).await?.map_err(refused)?;
        let name = &user.name;
        let words = if disabled {
            phrase!("{name} không đăng nhập được nữa.", "{name} cannot sign in any more.")
        } else {
            phrase!("{name} đăng nhập lại được.", "{name} can sign in again.")
        };
        Ok(self.say(&shown(&self.user(email).await?), &words)?)
    }

    async fn change(&self, email: &str, outlet: Option<&str>, by: By, how: impl FnOnce(&mut Change)) -> anyhow::Result<()> {
        let (user, actor) = (self.user(email).await?, self.actor(by)?);
        let names: Vec<String> = user.departments.names().map(str::to_string).collect();
        let mut change = Change {
            name: user.name.clone(),
            roles: user.roles,
            every_department: user.departments.is_everything(),
            departments: self.departments(&names).await?,
        };
        how(&mut change);
        if outlet.is_some() && !change.roles.has(Role::Partner) {
            return Err(Mistake(phrase!("`--outlet` chỉ đi với vai trò partner", "`--outlet` goes with the role partner")).into());
        }
        if let Err(unfit) = partner::change(&self.db, user.id, &change, outlet, &actor, self.now()).await? {
            return Err(self.unfit(unfit, outlet).await?.into());
        }
        let user = self.user(email).await?;
        let (name, roles) = (&user.name, user.roles.names().join(", "));
        let departments: Vec<&str> = user.departments.names().collect();
        let departments = if user.departments.is_everything() { "*".to_string() } else { departments.join(", ") };
        Ok(self.say(&shown(&user), &phrase!("{name}: {roles}; {departments}", "{name}: {roles}; {departments}"))?)
    }
}
