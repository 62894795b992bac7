use super::{kind::date, *};

#[test]
fn days_are_read_as_browsers_and_people_write_them() {
    assert_eq!(date("2026-10-01"), date("01/10/2026"));
    assert_eq!((date("2026-10-01").is_some(), date("10/2026"), date("31/02/2026")), (true, None, None));
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let value = |kind: Kind, text: &str| kind.value(text).to_string();
    assert_eq!(value(Kind::Whole, "90.000.000"), "90_000_000");
    assert_eq!(value(Kind::Whole, "5 000"), "5000");
    for odd in ["9.00", "1.2.3", "-4", "0.000", "chín", "99999999999999999999"] {
        assert_eq!(value(Kind::Whole, odd), format!("\"{odd}\""));
    }
    for (text, share) in
        [("0,85", "0.85"), ("85%", "0.85"), ("57 %", "0.57"), ("1", "1.0"), ("inf", "\"inf\""), ("85,5%", "0.855")]
    {
        assert_eq!(value(Kind::Share, text), share);
    }
}
