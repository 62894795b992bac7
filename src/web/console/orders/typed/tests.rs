use super::*;

#[test]
fn numbers_are_read_as_people_write_them() {
    let read = |text: &str| number(text).map_err(drop);
    assert_eq!(
        (read("1.234.567"), read("1,234"), read(" 12 345 "), read("0012")),
        (Ok(Some(1_234_567)), Ok(Some(1_234)), Ok(Some(12_345)), Ok(Some(12)))
    );
    assert_eq!(read(" "), Ok(None));
    for odd in ["12.5", "1,23", "1.234,5", "-3", "x", ".", "1234.567", "9".repeat(30).as_str()] {
        assert_eq!(read(odd), Err(()), "{odd}");
    }
}

#[test]
fn times_are_vietnams() {
    assert_eq!(moment("2026-11-22T17:00"), Some(1_795_341_600_000));
    assert_eq!((moment("2026-11-22 17:00"), local(1_795_341_600_000).as_str()), (Some(1_795_341_600_000), "2026-11-22T17:00"));
    assert_eq!(moment("22/11/2026"), None);
}

fn typed(lines: Vec<Line>) -> Typed {
    Typed { sequence: "1".into(), as_of: "2026-11-22T17:00".into(), lines, ..Typed::default() }
}

#[test]
fn what_is_typed_becomes_a_report_and_what_is_left_empty_does_not() {
    let line = Line {
        targeted: "1.000".into(),
        submitted: "900".into(),
        starts: "5".into(),
        by_cell: "1".into(),
        ..Line::empty("01", 2)
    };
    let added =
        Line { area: "Thành phố Hồ Chí Minh".into(), targeted: "7".into(), submitted: "7".into(), ..Line::default() };
    let report = typed(vec![line, Line::empty("79", 1), added, Line::default()]).report(Some("e".into())).unwrap();
    assert_eq!(report.counts.len(), 2);
    let first = &report.counts[0];
    assert_eq!(
        (first.area.as_str(), first.round, first.targeted, first.delivered, first.starts_at, first.by_cell),
        ("01", 2, 1_000, None, Some(5), true)
    );
    assert_eq!((report.counts[1].area.as_str(), report.counts[1].round), ("79", 1));
    assert_eq!((report.evidence.as_deref(), report.correction), (Some("e"), None));
    assert_eq!(report.as_of, 1_795_341_600_000 + 59_999, "all of that minute");
}

#[test]
fn what_cannot_be_read_is_told_by_field() {
    let line = Line { targeted: "x".into(), ..Line::empty("01", 1) };
    let added =
        Line { area: "Atlantis".into(), targeted: "1".into(), submitted: "1".into(), round: "one".into(), ..Line::default() };
    let form = Typed { as_of: String::new(), sequence: "0".into(), corrects: true, ..typed(vec![line, added]) };
    let fields: Vec<_> = form.report(None).unwrap_err().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["sequence", "as_of", "reason", "targeted-0", "submitted-0", "area-1", "round-1"]);
}

#[test]
fn faults_find_their_fields() {
    let form = typed(vec![Line::empty("01", 1), Line { area: "Hà Nội".into(), round: "2".into(), ..Line::default() }]);
    let fault = |area: Option<(&str, u16)>, field| Fault {
        area: area.map(|(code, _)| code.to_string()),
        round: area.map(|(_, round)| round),
        field,
        why: phrase!("x", "x"),
    };
    assert_eq!(form.at(&fault(Some(("01", 1)), "delivered")).0, "delivered-0");
    assert_eq!(form.at(&fault(Some(("01", 2)), "code")).0, "area-1");
    assert_eq!(form.at(&fault(None, "correction")).0, "reason");
    // Beside its cell a mistake is short; the list above says where it is.
    let beside: Mistakes =
        [fault(Some(("01", 2)), "delivered"), fault(None, "sequence")].iter().map(|fault| form.at(fault)).collect();
    let words = |wrong: Mistakes| wrong.into_iter().map(|(_, why)| why.vi).collect::<Vec<_>>();
    assert_eq!(words(form.listed(&beside)), ["Hà Nội, vòng 2: x", "x"]);
    assert_eq!(words(beside), ["x", "x"]);
    assert_eq!(form.at(&fault(Some(("79", 1)), "areas")).0, "counts");
}
