//! The SMPP adapter and the stand-in carrier, over sockets: whatever the window, the binds, the way of long texts and the
//! ids, each part is taken once and each receipt finds its part.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use loa::sandbox::{
    Behaviour, Options, Sandbox,
    smpp::{Habits, Ids, Receipts},
};
use providers::{
    About, Address, Content, Event, Outgoing, Provider, ReceiptState, Sms,
    smpp::{Settings, SmppGateway, Surroundings},
    text,
};
use secrecy::SecretString;
use tokio::{task::JoinSet, time::timeout};

fn gateway(sandbox: &Sandbox, keys: &str, window: u32) -> Arc<SmppGateway> {
    let port = sandbox.smpp_addr().unwrap().port();
    let keys = format!("host = \"127.0.0.1\"\nport = {port}\nsystem_id = \"loa01\"\nsender = \"SoVHTT\"\n{keys}");
    let secrets = BTreeMap::from([("password".to_string(), SecretString::from("sesame"))]);
    let surroundings = Surroundings {
        window,
        receipts: true,
        allow_private: true,
        ca_pem: None,
        now: Arc::new(|| chrono::DateTime::UNIX_EPOCH),
        jitter: Arc::new(|| 0.5),
    };
    let settings = Settings::from_keys(&toml::from_str(&keys).unwrap(), &secrets, surroundings).unwrap();
    Arc::new(SmppGateway::new(settings).unwrap())
}

fn outgoing(number: usize) -> Outgoing {
    // One, two and three parts, in both alphabets.
    let text = match number % 3 {
        0 => format!("Canh bao {number}: khong cung cap ma OTP cho bat ky ai."),
        1 => format!("Cảnh báo {number}: {}", "không cung cấp mã OTP cho bất kỳ ai. ".repeat(3)),
        _ => format!("Canh bao {number}: {}", "khong bam vao lien ket la. ".repeat(14)),
    };
    let text::Measured { encoding, parts, .. } = text::measure(&text);
    Outgoing {
        reference: format!("reference{number}"),
        // Beyond the numbers that force an outcome (`sandbox::behaviour::MAGIC`).
        to: Address::new(format!("+8490{:07}", 10_000 + number)),
        content: Content::Sms(Sms { text, encoding, parts }),
        expires: None,
        callback: None,
    }
}

async fn play(habits: Habits, keys: &str, window: u32) {
    let behaviour = Behaviour { smpp: habits, ..Behaviour::default() };
    let options = Options { smtp: None, http: None, behaviour, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let gateway = gateway(&sandbox, keys, window);
    let mut sends = JoinSet::new();
    for number in 0..150 {
        let gateway = Arc::clone(&gateway);
        sends.spawn(async move { gateway.send(&[outgoing(number)]).await.remove(0) });
    }
    let mut reported = Vec::new();
    let mut sent = BTreeSet::new();
    let mut count = 0;
    let all = async {
        while !sends.is_empty() || reported.len() < count {
            tokio::select! {
                Some(accepted) = sends.join_next() => {
                    let ids = accepted.unwrap().unwrap().ids;
                    count += ids.len();
                    sent.extend(ids);
                }
                Some(arrival) = gateway.events() => {
                    for event in arrival.events {
                        match event {
                            Event::Receipt(receipt) => {
                                assert_eq!(receipt.state, ReceiptState::Delivered);
                                let About::Id(id) = receipt.about else { panic!("by reference") };
                                reported.push(id);
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                    arrival.acknowledge.committed();
                }
            }
        }
    };
    timeout(Duration::from_mins(1), all).await.expect("it stalled");
    assert_eq!(sent.len(), count, "an id came twice");
    assert_eq!(reported.into_iter().collect::<BTreeSet<_>>(), sent);
    gateway.close().await;
    let texts: Vec<String> = sandbox.taken().into_iter().map(|taken| taken.text).collect();
    assert_eq!(texts.len(), 150);
    for number in 0..150 {
        let Content::Sms(sms) = outgoing(number).content else { panic!() };
        assert_eq!(texts.iter().filter(|text| **text == sms.text).count(), 1, "{number}");
    }
    sandbox.stop(loa::sandbox::Outstanding::Drop).await;
}

#[tokio::test]
async fn every_part_is_taken_once_and_reported_once() {
    let habits = |ids, receipts, ucs2_receipts| Habits { ids, receipts, ucs2_receipts, ..Habits::default() };
    play(habits(Ids::Hex, Receipts::Both, false), "", 1).await;
    play(habits(Ids::String, Receipts::Text, true), "bind = \"pair\"", 10).await;
    play(habits(Ids::HexDecimal, Receipts::Tlv, false), "ids = \"hex-to-dec\"\nlong = \"sar\"\nbinds = 3", 10).await;
    play(habits(Ids::DecimalHex, Receipts::Text, false), "ids = \"dec-to-hex\"\nlong = \"payload\"", 100).await;
    play(habits(Ids::Decimal, Receipts::Both, true), "reference = 16", 100).await;
}
