//! Texts over SMPP, with their receipts, at several windows: the whole engine and the adapter alone, each held against a bare
//! loop over the same codec, into the same carrier, right after it.
//!
//! The carrier is the stand-in of `loa sandbox`, and node-smpp's where `tests/setup` names one. A carrier shares the machine's
//! cores with its client: the ratio says how much of a machine that does both is left to the client, not what a client alone
//! could do.

mod bare;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use providers::{
    Address, Content, Event, Outgoing, Provider as _, Sms,
    smpp::{Settings, SmppGateway, Surroundings},
    text::Encoding,
};
use rand::Rng as _;
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::{
    Bench, Skipped, Step,
    figure::{Figure, rate},
    ground::{Ground, Store},
};
use crate::{
    account::StandIns,
    app::Part,
    clock::Clock,
    delivery::State,
    sandbox::{Gateway, Options, Outstanding, Sandbox},
};

/// Submissions outstanding.
const WINDOWS: [u64; 3] = [1, 10, 100];

const SYSTEM_ID: &str = "loa";
/// What the node-smpp of the tests wants to hear.
const PASSWORD: &str = "secret";
const SENDER: &str = "SO VHTTDL";
const TEXT: &str = "SO VHTTDL: Nguyen Van An, khong cung cap ma OTP cho bat ky ai. Bao tin nhan lua dao: 156 hoac 5656";

/// A made-up number. Its ending is none of those that force an outcome on a stand-in.
fn phone(number: u64) -> String {
    format!("8490{:05}99", number % 100_000)
}

/// Keys of the account, but for its password.
fn keys(carrier: SocketAddr) -> String {
    format!(
        "host = \"{}\"\nport = {}\nsystem_id = \"{SYSTEM_ID}\"\nsender = \"{SENDER}\"\nids = \"string\"\n",
        carrier.ip(),
        carrier.port()
    )
}

fn account(carrier: SocketAddr, window: u64) -> String {
    format!(
        "\n[[account]]\nname = \"carrier\"\ngateway = \"smpp\"\nchannel = \"sms\"\nallow_private = true\nprice = 300\n\
         rate = \"100000/s\"\nwindow = {window}\npassword = {{ env = \"LOA_BENCH_SECRET\" }}\n{}",
        keys(carrier)
    )
}

/// Messages of one sample: enough that beginning and end weigh little.
fn messages(bench: &Bench, window: u64) -> u64 {
    if window == 1 { bench.size.texts } else { bench.size.people }
}

/// The engine, and the adapter alone, into the stand-in carrier.
pub async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = Options { smtp: None, http: None, smpp: Some(any), remember: false, ..Options::default() };
    let sandbox = Sandbox::start(options).await?;
    let carrier = sandbox.smpp_addr().context("the stand-in carrier does not listen")?;
    let mut figures = Vec::new();
    let mut sent_in_all = 0;
    for window in WINDOWS {
        let n = messages(bench, window);
        let accounts = account(carrier, window);
        let ground = Ground::new(&bench.folder, "smpp", Store::Sqlite, n, &accounts, &bench.clock).await?;
        let (mut engine, mut adapter) = (Vec::new(), Vec::new());
        for _ in 0..bench.size.samples {
            let (run, _) = ground.fan_out("sms").await?;
            let app = ground.start(&[Part::Schedule, Part::Dispatch], StandIns::default()).await?;
            let (sent, engine_took) = ground.send_until(&app, run, State::Delivered).await?;
            app.stop().await?;
            let bare = rate(n, bare::run(carrier, n, window).await?);
            let adapter_took = adapter_alone(carrier, n, window, &bench.clock).await?;
            engine.push((rate(sent, engine_took), bare));
            adapter.push((rate(n, adapter_took), bare));
            sent_in_all += sent + 2 * n + WARM_UP;
        }
        ground.close().await?;
        let what = format!("bare loop over the same codec, window {window}");
        figures.push(Figure::against(&format!("smpp_engine_{window}"), "messages/s", &what, &engine).on("sqlite"));
        figures.push(Figure::against(&format!("smpp_adapter_{window}"), "messages/s", &what, &adapter));
    }
    let counts = sandbox.counts_of(Gateway::Smpp);
    sandbox.stop(Outstanding::Drop).await;
    ensure!(counts.taken == sent_in_all, "the carrier took {} messages, of {sent_in_all} that were sent", counts.taken);
    Ok(figures)
}

/// The adapter alone into node-smpp's server, where there is one.
pub async fn measure_node(bench: &Bench) -> anyhow::Result<Result<Vec<Figure>, Skipped>> {
    let variable = |name: &str| std::env::var_os(name);
    let peer = (variable("LOA_TEST_NODE"), variable("LOA_TEST_NODE_MODULES"), variable("LOA_TEST_NODE_CARRIER"));
    let (Some(node), Some(modules), Some(script)) = peer else {
        let why = "LOA_TEST_NODE_CARRIER names no peer: run through `make bench`".into();
        return Ok(Err(Skipped { step: Step::NodeSmpp.name().into(), why }));
    };
    let record = bench.folder.path().join("node-smpp");
    let carrier = Node::start(&node, &modules, &script, record).await?;
    let mut figures = Vec::new();
    for window in WINDOWS {
        let n = messages(bench, window);
        let mut pairs = Vec::new();
        for _ in 0..bench.size.samples {
            let took = adapter_alone(carrier.at, n, window, &bench.clock).await?;
            pairs.push((rate(n, took), rate(n, bare::run(carrier.at, n, window).await?)));
        }
        let what = format!("bare loop over the same codec, window {window}");
        figures.push(Figure::against(&format!("smpp_adapter_node_{window}"), "messages/s", &what, &pairs));
    }
    Ok(Ok(figures))
}

/// A message that goes before the clock starts, so that the connection stands.
const WARM_UP: u64 = 1;

/// The adapter by itself: as many sends at a time as the window holds, every receipt acknowledged as it comes.
async fn adapter_alone(carrier: SocketAddr, n: u64, window: u64, clock: &Clock) -> anyhow::Result<Duration> {
    let clock = clock.clone();
    let surroundings = Surroundings {
        window: u32::try_from(window)?,
        receipts: true,
        allow_private: true,
        ca_pem: None,
        now: Arc::new(move || clock.now()),
        jitter: Arc::new(|| rand::rng().random()),
    };
    let secrets = BTreeMap::from([("password".to_owned(), SecretString::from(PASSWORD))]);
    let gateway = Arc::new(SmppGateway::new(Settings::from_keys(&toml::from_str(&keys(carrier))?, &secrets, surroundings)?)?);

    send(&gateway, 0).await?;
    told(&gateway, WARM_UP).await?;
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(1));
    let mut tasks = JoinSet::new();
    for _ in 0..window {
        let (gateway, next) = (Arc::clone(&gateway), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > n {
                    return anyhow::Ok(());
                }
                send(&gateway, number).await?;
            }
        });
    }
    let listening = Arc::clone(&gateway);
    tasks.spawn(async move { told(&listening, n).await });
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let took = begun.elapsed();
    gateway.close().await;
    Ok(took)
}

async fn send(gateway: &SmppGateway, number: u64) -> anyhow::Result<()> {
    let outgoing = Outgoing {
        reference: format!("{number:024}"),
        to: Address::new(format!("+{}", phone(number))),
        content: Content::Sms(Sms { text: TEXT.into(), encoding: Encoding::Gsm, parts: 1 }),
        expires: None,
        callback: None,
    };
    for answer in gateway.send(&[outgoing]).await {
        answer?;
    }
    Ok(())
}

/// Waits for this many receipts.
async fn told(gateway: &SmppGateway, n: u64) -> anyhow::Result<()> {
    let mut receipts = 0;
    while receipts < n {
        let arrival = gateway.events().await.context("the adapter hears nothing any more")?;
        receipts += arrival.events.iter().filter(|event| matches!(event, Event::Receipt(_))).count() as u64;
        arrival.acknowledge.committed();
    }
    ensure!(receipts == n, "{receipts} receipts for {n} messages");
    Ok(())
}

/// A carrier on node-smpp, which ends with the measurement.
struct Node {
    process: Child,
    at: SocketAddr,
}

impl Node {
    async fn start(node: &OsString, modules: &OsString, script: &OsString, record: PathBuf) -> anyhow::Result<Self> {
        let mut process = Command::new(node)
            .arg(script)
            .arg("0")
            .arg(record)
            .env("NODE_PATH", modules)
            .env("PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", node.display()))?;
        let said = process.stdout.take().context("node has no output")?;
        let mut carrier = Self { process, at: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        let port = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(said).read_line(&mut line).map(|_| line)
        })
        .await??;
        carrier.at.set_port(port.trim().parse().context("node-smpp does not say its port")?);
        Ok(carrier)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that ended by itself needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
