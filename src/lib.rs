//! # Loa, module by module
//!
//! Loa reads campaign definitions, sends them through rate-limited gateways, takes delivery receipts, and tallies them
//! exactly. This is the map; each file's head says what enters, what leaves and what can go wrong.
//!
//! ## One message, from definition to tally
//!
//! 1. An officer writes `campaigns/nhan-dien-lua-dao.toml`. [`document`] points at every mistake in it by line and
//!    column, and [`campaign`] parses it into types and says when it is due.
//! 2. A list comes in: [`audience`] reads CSV or XLSX row by row, puts phone numbers, names and places right, and seals
//!    the addresses ([`seal`]). [`consent`] keeps who refuses what and who agreed to what.
//! 3. Monday, 08:30: [`run::make`] makes one run, however many schedulers look, pointing at a frozen copy of the
//!    definition. [`active`] knows it from then on, with its compiled texts ([`message`]).
//! 4. [`run::Runner`] turns the run's audience into rows, chunk by chunk: [`delivery::fan_out`] gives each person one
//!    delivery on the first usable channel, or one that says why there is none.
//! 5. A lane of [`dispatch`], one for each [`account`], claims a few rows ([`delivery::claim`]): lease, pause, refusal,
//!    caps, budget, quota and rate are looked at, the text is rendered, and `submitting` is committed. Only then does the
//!    message go to the gateway, through an adapter of the `providers` crate, paced by [`limit`].
//! 6. The adapter judges the gateway's answer; [`dispatch::judge`] says what that means for the message ([`retry`]) and
//!    for the account ([`health`]); [`delivery::record`] writes it, many in one transaction. What has no answer is in
//!    doubt, and [`dispatch::doubt`] settles it as the campaign says.
//! 7. Minutes later the gateway calls `/receipts/…`, and [`web`] hands it to [`receipt`]; or it speaks over a standing
//!    connection (SMPP), and a loop of [`app`] does. It is committed, then answered; its attempt is found by reference or id,
//!    and [`delivery::learn`] joins it: any order, any number of times, one result.
//!    Bounces come from a mailbox in the same way, and [`suppression`] ends mail to addresses that do not exist.
//!    What people wrote back comes the same way: [`reply`] takes refusals in that commit, and [`dispatch::confirm`] answers
//!    them once.
//! 8. In every one of these transactions [`tally`] changes by exactly what the rows did. [`report`] reads whom the
//!    campaigns reached, keeps it for pages ([`report::kept`]), and [`verify`] recounts everything from the rows.
//!
//! The other road: where carriers, schools or radios have the people, the same run makes orders ([`relay::ask`]), one an outlet
//! ([`outlet`]). Each is handed over as a signed document ([`relay::issue`], [`cap`]), and comes back as an answer ([`relay::answer`]) and
//! cumulative counts ([`relay::report`]), which [`relay::count`] keeps apart from people.
//!
//! ## Reading order
//!
//! Imports run downward only; `tests/layers.rs` holds it. From the top:
//!
//! | layer | modules |
//! | --- | --- |
//! | front doors | [`cli`], one file a command · [`app`] builds, starts and stops everything · [`web`] |
//! | recounting | [`verify`] |
//! | figures | [`report`] · [`reconcile`]: carriers' invoices · [`dossier`]: everything known about one person · [`preview`]: what messages will look like and cost · [`publish`]: what the public is told |
//! | what waits for somebody | [`notice`], in the console and by mail |
//! | what others publish | [`bulletin`]: feeds and documents of the national authority, each new warning a draft |
//! | another Loa | [`upstream`]: a partner's takes a department's orders and reports on them |
//! | loops | [`run`], [`dispatch`], [`receipt`] · [`retention`] throws away what nothing asks for any more · [`intake`] goes through uploaded lists and takes them in |
//! | what they share | [`epoch`], [`account`], [`active`] |
//! | rows | [`edition`]: what is written in the console, and the library of it and the files · [`delivery`], the only writer of a delivery's state · [`tally`] · [`reply`]: what people write back · [`request`]: what they ask of whoever keeps data on them · [`suppression`]: addresses at which mail ends · [`idempotency`]: requests that are answered once · [`relay`]: the other road, orders to outlets and what they count |
//! | people and texts | [`message`], [`audience`], [`approval`], and under them [`consent`] |
//! | definitions | [`definition`], frozen copies of them · [`campaign`] · [`user`]: who may sign in, and what they may do · [`webhook`]: what other programs are told · [`outlet`]: who passes texts on |
//! | small and pure | [`limit`], [`retry`], [`health`], [`token`], [`period`] · [`audit`]: who did what · [`genuine`]: whether a text was sent out · [`official`]: papers as an office signs them |
//! | ground | [`db`], the only file that knows there are two engines · [`config`] · [`cap`]: warnings and orders as other systems write them, signed, and feeds of them · [`document`], [`seal`], [`words`], [`clock`] |
//!
//! [`sandbox`] stands apart: stand-in gateways and made-up residents for the demo, the tests and `loa sandbox`.

pub mod account;
pub mod active;
pub mod app;
pub mod approval;
pub mod audience;
pub mod audit;
pub mod bulletin;
pub mod campaign;
pub mod cap;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consent;
pub mod db;
pub mod definition;
pub mod delivery;
pub mod dispatch;
pub mod document;
pub mod dossier;
pub mod edition;
pub mod epoch;
pub mod genuine;
pub mod health;
pub mod idempotency;
pub mod intake;
pub mod limit;
pub mod message;
pub mod notice;
pub mod official;
pub mod outlet;
pub mod period;
pub mod preview;
pub mod publish;
pub mod receipt;
pub mod reconcile;
pub mod relay;
pub mod reply;
pub mod report;
pub mod request;
pub mod retention;
pub mod retry;
pub mod run;
pub mod sandbox;
pub mod seal;
pub mod suppression;
pub mod tally;
pub mod token;
pub mod upstream;
pub mod user;
pub mod verify;
pub mod web;
pub mod webhook;
pub mod words;
