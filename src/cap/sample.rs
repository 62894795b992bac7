//! Alerts for tests: the order to a carrier, and any alert at all.

use chrono::{FixedOffset, TimeZone as _};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    Alert, Area, Category, Certainty, Circle, Info, MsgType, Pair, Point, Polygon, Reference, Resource, ResponseType, Scope,
    Severity, Status, Time, Urgency, terms,
};

/// An order to a carrier.
pub(crate) fn order() -> Alert {
    let mut info =
        Info::new(Category::Security, "Cảnh báo lừa đảo trực tuyến", (Urgency::Expected, Severity::Moderate, Certainty::Likely));
    info.language = Some("vi-VN".to_string());
    info.response_types = vec![ResponseType::Avoid, ResponseType::Monitor];
    info.expires = Time::parse("2026-11-30T23:59:59+07:00");
    info.sender_name = Some("Sở Văn hóa, Thể thao và Du lịch".to_string());
    info.headline = Some("Không cung cấp mã OTP cho bất kỳ ai".to_string());
    info.description = Some("Đối tượng giả danh cán bộ ngân hàng & công an, yêu cầu cung cấp mã <OTP>.".to_string());
    info.parameters = vec![
        Pair::new(terms::SENDER_NAME, "SO VHTTDL"),
        Pair::new(terms::SMS_TEXT, "SO VHTTDL: Khong cung cap ma OTP cho bat ky ai. Bao tin nhan lua dao: 156 hoac 5656"),
    ];
    info.areas = vec![Area {
        description: "Thành phố Hồ Chí Minh".to_string(),
        geocodes: vec![Pair::new(terms::PROVINCE, "79")],
        ..Area::default()
    }];
    Alert {
        identifier: "loa-order-17-viettel".to_string(),
        sender: "so-vhttdl.example.vn".to_string(),
        sent: Time::parse("2026-11-22T08:30:00+07:00").unwrap(),
        status: Status::Actual,
        msg_type: MsgType::Alert,
        source: None,
        scope: Scope::Restricted,
        restriction: Some("Nhà mạng được giao thực hiện".to_string()),
        addresses: vec!["viettel".to_string()],
        codes: vec!["loa".to_string()],
        note: None,
        references: Vec::new(),
        incidents: Vec::new(),
        infos: vec![info],
    }
}

/// Any text that XML can hold, troublesome ones often.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => select(vec!['a', 'Đ', 'ờ', ' ', '\n', '\t', '\r', '<', '>', '&', '"', '\'', ']', '[', '!', '-', '?', ';', '#', 'x', ':']),
        1 => any::<char>().prop_filter("no character of XML", |c| super::xml::is_char(*c)),
    ];
    vec(character, 0..24).prop_map(|characters| characters.into_iter().collect())
}

fn identifier() -> impl Strategy<Value = String> {
    "[A-Za-z0-9@.:/_\"'>;#-]{1,20}"
}

fn listed() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z@.&<]{1,8}", "[a-z@.&< ]{0,8}"]
}

fn uri() -> impl Strategy<Value = String> {
    prop_oneof!["https://example\\.vn/[a-zé/&=?;%20]{0,3}", "mailto:[a-z]{1,8}@example\\.vn", "[a-z/.]{0,10}"]
        .prop_map(|uri| uri.replace('%', "%2"))
        .prop_filter("an unfinished escape", |uri| {
            uri.match_indices('%')
                .all(|(at, _)| uri.as_bytes().get(at + 1..at + 3).is_some_and(|x| x.iter().all(u8::is_ascii_hexdigit)))
        })
}

fn time() -> impl Strategy<Value = Time> {
    (0_i64..4_000_000_000, -14 * 60..=14 * 60_i32).prop_map(|(at, minutes)| {
        let zone = FixedOffset::east_opt(minutes * 60).unwrap();
        Time::new(&zone.timestamp_opt(at, 0).unwrap())
    })
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    vec((text(), text()).prop_map(|(name, value)| Pair { name, value }), 0..3)
}

fn point() -> impl Strategy<Value = Point> {
    (-90.0..=90.0, -180.0..=180.0).prop_map(|(latitude, longitude)| Point { latitude, longitude })
}

fn area() -> impl Strategy<Value = Area> {
    let polygon = vec(point(), 3..6).prop_map(|mut points| {
        points.push(points[0]);
        Polygon::new(points).unwrap()
    });
    let circle = (point(), 0.0..10_000.0).prop_map(|(centre, radius)| Circle { centre, radius });
    let feet = || option::of(-1_000.0..100_000.0);
    (text(), vec(polygon, 0..2), vec(circle, 0..2), pairs(), feet(), feet()).prop_map(
        |(description, polygons, circles, geocodes, altitude, ceiling)| Area {
            description,
            polygons,
            circles,
            geocodes,
            altitude,
            ceiling,
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    (text(), text(), option::of(any::<u64>()), option::of(uri()), option::of(text()), option::of(text())).prop_map(
        |(description, mime_type, size, uri, deref_uri, digest)| Resource {
            description,
            mime_type,
            size,
            uri,
            deref_uri,
            digest,
        },
    )
}

fn info() -> impl Strategy<Value = Info> {
    let said = (option::of("[a-z]{2}(-[A-Z]{2})?"), text(), option::of(text()), option::of(text()), option::of(text()));
    let words = (
        vec(select(Category::ALL), 1..3),
        vec(select(ResponseType::ALL), 0..3),
        select(Urgency::ALL),
        select(Severity::ALL),
        select(Certainty::ALL),
    );
    let times = (option::of(time()), option::of(time()), option::of(time()));
    let more = (option::of(text()), option::of(text()), option::of(uri()), option::of(text()));
    let parts = (pairs(), pairs(), vec(resource(), 0..2), vec(area(), 0..2));
    (said, words, times, more, parts).prop_map(
        |(
            (language, event, audience, headline, description),
            (categories, response_types, urgency, severity, certainty),
            (effective, onset, expires),
            (sender_name, instruction, web, contact),
            (event_codes, parameters, resources, areas),
        )| Info {
            language,
            categories,
            event,
            response_types,
            urgency,
            severity,
            certainty,
            audience,
            event_codes,
            effective,
            onset,
            expires,
            sender_name,
            headline,
            description,
            instruction,
            web,
            contact,
            parameters,
            resources,
            areas,
        },
    )
}

/// Any alert that the schema allows.
pub(crate) fn alerts() -> impl Strategy<Value = Alert> {
    let names = (identifier(), identifier(), time());
    let words = (select(Status::ALL), select(MsgType::ALL), select(Scope::ALL));
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    let reference =
        (identifier(), identifier(), time()).prop_map(|(sender, identifier, sent)| Reference { sender, identifier, sent });
    let lists = (vec(listed(), 0..3), vec(text(), 0..3), vec(reference, 0..3), vec(listed(), 0..3));
    (names, words, texts, lists, vec(info(), 0..3)).prop_map(
        |(
            (identifier, sender, sent),
            (status, msg_type, scope),
            (source, restriction, note),
            (addresses, codes, references, incidents),
            infos,
        )| Alert {
            identifier,
            sender,
            sent,
            status,
            msg_type,
            source,
            scope,
            restriction,
            addresses,
            codes,
            note,
            references,
            incidents,
            infos,
        },
    )
}
