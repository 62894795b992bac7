//! Rendering by example: what officers write, what recipients are called, and what must not happen.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;

use super::*;
use crate::campaign::{Audience, Basis, Channels, ChatBody, Doubt, EmailBody, Kind, Law, Message, Period, Policy, Sending};
use crate::config::{Office, OptOut};

fn campaign(body: Body) -> Campaign {
    Campaign {
        slug: "otp".into(),
        title: "Mã OTP".into(),
        kind: Kind::Awareness,
        owner: "Sở Văn hóa".into(),
        basis: Some(Basis {
            number: "1607/BTTTT-CATTT".into(),
            date: NaiveDate::from_ymd_opt(2024, 4, 26).unwrap(),
            authority: Some("Bộ TT&TT".into()),
            signer: None,
            document: None,
        }),
        law: Law::PublicInformation,
        period: Period::default(),
        cadence: None,
        audience: Audience::default(),
        channels: Channels {
            order: Channel::ALL.to_vec(),
            policy: Policy::All,
            fall_back_after: None,
            finish_by: None,
            relay: None,
        },
        sending: Sending {
            hours: None,
            valid_for: Duration::from_hours(24),
            doubt: Doubt::Skip,
            budget: None,
            sms_text: SmsText::Unaccented,
        },
        messages: vec![Message { id: "m1".into(), phase: None, segments: vec![], body, lang: BTreeMap::new() }],
    }
}

fn sms(text: &str) -> Body {
    Body { sms: Some(text.into()), ..Body::default() }
}

fn email(subject: &str, body: &str) -> Body {
    Body {
        email: Some(EmailBody { subject: subject.into(), preheader: None, body: body.into(), attach: vec![] }),
        ..Body::default()
    }
}

fn office() -> Office {
    let fields = [("name", "Sở Văn hóa & Thể thao {HN}"), ("hotline", "156")].map(|(k, v)| (k.into(), v.into()));
    Office::from(BTreeMap::from(fields))
}

fn compile(campaign: &Campaign) -> Result<Templates, Vec<TemplateFault>> {
    let known = ["nghe".to_owned()].into();
    Templates::compile(campaign, &office(), Some(&known), &BTreeMap::new())
}

fn person(name: &str) -> Person {
    Person { name: Some(name.into()), ..Person::default() }
}

fn text_of(templates: &Templates, person: &Person) -> Result<String, RenderError> {
    templates.render(0, Channel::Sms, person, None, &Terms::default()).map(|content| match content {
        Content::Sms(sms) => sms.text,
        other => panic!("{other:?}"),
    })
}

fn mail_of(templates: &Templates, person: &Person) -> Email {
    match templates.render(0, Channel::Email, person, Some("https://x.example.vn/u/abc"), &Terms::default()).unwrap() {
        Content::Email(email) => *email,
        other => panic!("{other:?}"),
    }
}

fn fault(body: Body) -> TemplateFault {
    let mut faults = compile(&campaign(body)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

#[test]
fn a_text_message_is_filled_in_and_unaccented_whatever_the_form_of_the_name() {
    let templates = compile(&campaign(sms("{{ name }}: mã OTP là của riêng bạn. Gọi {{ office.hotline }}"))).unwrap();
    let nfd: String = "Trần Thị Đào".nfd().collect();
    for name in ["Trần Thị Đào", &nfd] {
        assert_eq!(text_of(&templates, &person(name)).unwrap(), "Tran Thi Dao: ma OTP la cua rieng ban. Goi 156");
    }
    assert!(templates.has(0, Channel::Sms) && !templates.has(0, Channel::Chat) && !templates.has(1, Channel::Sms));
}

#[test]
fn a_control_character_in_a_field_loses_nobody_their_message() {
    let templates = compile(&campaign(sms("Chao {{ name }}!"))).unwrap();
    assert_eq!(text_of(&templates, &person("An\u{7}\r\nBinh")).unwrap(), "Chao An Binh!");
}

#[test]
fn texts_that_are_also_given_for_the_main_language_stay_apart() {
    let mut campaign = campaign(sms("mot"));
    campaign.messages[0].lang.insert("vi".into(), sms("hai"));
    let templates = compile(&campaign).unwrap();
    assert_eq!(text_of(&templates, &person("An")).unwrap(), "mot");
    let vietnamese = Person { lang: Some("vi".into()), ..person("An") };
    assert_eq!(text_of(&templates, &vietnamese).unwrap(), "hai");
}

#[test]
fn unicode_keeps_accents_in_nfc() {
    let mut campaign = campaign(sms("Chào {{ name }}"));
    campaign.sending.sms_text = SmsText::Unicode;
    let templates = compile(&campaign).unwrap();
    let nfd: String = "Trần Thị Đào".nfd().collect();
    assert_eq!(text_of(&templates, &person(&nfd)).unwrap(), "Chào Trần Thị Đào");
}

#[test]
fn a_missing_field_is_an_error_unless_it_has_a_default() {
    let strict = compile(&campaign(sms("Chao {{ name }}, {{ nghe }}"))).unwrap();
    assert_eq!(text_of(&strict, &person("An")), Err(RenderError::Missing { field: "nghe".into() }));
    let lenient =
        compile(&campaign(sms("Chao {% if name %}{{ name }}{% else %}ban{% endif %} {{ nghe | default('lam nghe tu do') }}")))
            .unwrap();
    assert_eq!(text_of(&lenient, &person("  ")).unwrap(), "Chao ban lam nghe tu do");
}

#[test]
fn a_field_that_nobody_has_is_found_at_check_time_with_its_place() {
    let text = "Chao {{ nmae }}, nam ca";
    let found = fault(sms(text));
    assert_eq!((found.field.as_str(), found.offset), ("sms.text", text.find("nmae")));
    assert_eq!(found.text.en, "no recipient has a field nmae");
    assert_eq!(found.help.as_ref().map(|help| help.en.as_str()), Some("did you mean name?"));

    let found = fault(sms("Goi {{ office.hotlin }}"));
    assert_eq!(found.text.en, "[office] in loa.toml has no hotlin");
    assert_eq!(found.help.as_ref().map(|help| help.en.as_str()), Some("did you mean office.hotline?"));

    assert!(compile(&campaign(sms("{{ lop | default('') }} Chao"))).is_ok());
    assert_eq!(fault(sms("{% if lop %}a{% endif %}b")).text.en, "no recipient has a field lop");
    assert!(Templates::compile(&campaign(sms("{{ lop }}")), &office(), None, &BTreeMap::new()).is_ok());
}

#[test]
fn a_text_says_where_to_refuse_in_its_own_spelling_and_language() {
    let office = Office { opt_out: OptOut { number: Some("5656".into()), ..OptOut::default() }, ..office() };
    let compile = |campaign: &Campaign| Templates::compile(campaign, &office, None, &BTreeMap::new()).unwrap();
    let mut both = campaign(sms("Tin that. {{ opt_out }}."));
    both.messages[0].lang.insert("en".into(), sms("True. {{ opt_out }}."));
    let templates = compile(&both);
    assert_eq!(text_of(&templates, &person("An")).unwrap(), "Tin that. Soan TC gui 5656 de tu choi.");
    let english = Person { lang: Some("en".into()), ..person("An") };
    assert_eq!(text_of(&templates, &english).unwrap(), "True. Text TC to 5656 to opt out.");
    let german = Person { lang: Some("de".into()), ..person("An") };
    assert_eq!(text_of(&templates, &german).unwrap(), "Tin that. Soan TC gui 5656 de tu choi.", "the main text's");
    let mut accented = campaign(sms("Tin thật. {{ opt_out }}"));
    accented.sending.sms_text = SmsText::Unicode;
    assert_eq!(text_of(&compile(&accented), &person("An")).unwrap(), "Tin thật. Soạn TC gửi 5656 để từ chối");

    let found = fault(sms("Tin. {{ opt_out }}"));
    assert_eq!((found.text.en.as_ref(), found.offset), ("[opt_out] in loa.toml has no number", Some(8)));
}

#[test]
fn texts_cannot_loop_include_or_unescape() {
    for source in [
        "{% for x in name %}a{% endfor %}",
        "{% include 'x' %}",
        "{% set x = 1 %}a",
        "{% autoescape false %}a{% endautoescape %}",
        "{% raw %}a{% endraw %}",
        "{{ name | safe }}",
        "{{ range(9) }}",
        "{{ name",
        "{% if name %}",
    ] {
        assert!(compile(&campaign(sms(source))).is_err(), "{source}");
        assert!(compile(&campaign(email("s", source))).is_err(), "{source}");
    }
}

#[test]
fn too_long_a_text_is_found_at_check_time_and_never_cut() {
    let found = fault(sms(&"a".repeat(1531)));
    assert_eq!(found.text.en, "with typical fields: the text takes 11 parts where 10 are allowed; characters to take out: 1");
    let templates = compile(&campaign(sms("{{ name }}"))).unwrap();
    assert!(matches!(text_of(&templates, &person(&"x".repeat(1600))), Err(RenderError::Text(TextError::TooLong { .. }))));
}

#[test]
fn a_name_is_neither_markup_nor_a_second_line_nor_a_template() {
    let templates = compile(&campaign(email("Gửi {{ name }}", "Chào **{{ name }}**, _bạn_ ở `{{ name }}`"))).unwrap();
    let evil = "<script>x</script> **b** [l](http://e.vn) {{ office.name }}\r\nBcc: a@b.vn";
    let mail = mail_of(&templates, &person(evil));
    assert!(!mail.html.contains("<script"), "{}", mail.html);
    assert!(mail.html.contains("&lt;script&gt;"));
    assert!(!mail.html.contains("href=\"http://e.vn"));
    assert!(mail.html.contains("{{ office.name }}"), "a name is not evaluated");
    assert!(mail.text.contains("**b** [l](http://e.vn) {{ office.name }}"));
    assert!(!mail.subject.contains(['\r', '\n']));
    assert!(!mail.to_name.unwrap().contains(['\r', '\n']));
}

#[test]
fn a_recipients_field_cannot_choose_where_a_link_leads() {
    let found = fault(email("s", "[bấm]({{ nghe }})"));
    assert_eq!(found.text.en, "a link may not begin with a recipient's field: {{ nghe }}");
    let templates = compile(&campaign(email("s", "[thôi]({{ unsubscribe_url }}) [x](https://e.vn/?n={{ name }})"))).unwrap();
    let mail = mail_of(&templates, &person("\" onclick=\"x"));
    assert!(mail.html.contains("https:&#x2f;&#x2f;x.example.vn&#x2f;u&#x2f;abc"));
    assert!(!mail.html.contains("onclick=\""));
}

#[test]
fn a_mail_has_both_texts_footer_and_unsubscribe() {
    let body = "# Cảnh giác\n\nKính gửi {{ name }},\n\n- Không đọc mã OTP\n- Gọi [156](tel:156)\n\n{% if nghe %}\nBạn làm {{ nghe }}.\n{% endif %}\n\n\\{\\{ nguyên văn }}";
    let templates = compile(&campaign(email("Cảnh giác, {{ name }}!", body))).unwrap();
    let mail = mail_of(&templates, &person("Đỗ Minh"));
    assert_eq!(mail.subject, "Cảnh giác, Đỗ Minh!");
    assert_eq!((mail.language.as_str(), mail.list.as_deref()), ("vi", Some("otp")));
    assert_eq!(mail.unsubscribe_url.as_deref(), Some("https://x.example.vn/u/abc"));
    insta::assert_snapshot!("mail_text", mail.text);
    for part in [
        "lang=\"vi\"",
        "Sở Văn hóa &amp; Thể thao {HN}",
        "26/04/2024",
        "Từ chối nhận tin",
        "<title>Cảnh giác, Đỗ Minh!</title>",
        "{{ nguyên văn }}",
        "prefers-color-scheme",
    ] {
        assert!(mail.html.contains(part), "{part} in {}", mail.html);
    }
    assert!(!mail.html.contains("Zqloa") && !mail.html.contains("LOA:") && !mail.text.contains("Zqloa"));
    assert_eq!(mail.html.matches("<h1").count(), 1);
    let without = match templates.render(0, Channel::Email, &person("An"), None, &Terms::default()).unwrap() {
        Content::Email(email) => email,
        other => panic!("{other:?}"),
    };
    assert!(!without.html.contains("Từ chối nhận tin") && !without.text.contains("Từ chối nhận tin"));
}

#[test]
fn the_plain_text_says_where_links_lead_and_the_preview_what_it_is_about() {
    let body = "# Đầu\n\nKính gửi {{ name }},\n\nXem [một](https://x.vn/1), [hai](https://x.vn/{{ nghe }}) và [lại một](https://x.vn/1).\n\n\
                [x.vn](https://x.vn/) <a@x.vn> [024 156](tel:024156) *nhẹ* **nặng**\n- một\n- hai";
    let templates = compile(&campaign(email("s", body))).unwrap();
    let person = Person { attributes: [("nghe".to_owned(), "gv".to_owned())].into(), ..person("An") };
    let mail = mail_of(&templates, &person);
    let expected = "Đầu\n===\n\nKính gửi An,\n\nXem một [1], hai [2] và lại một [1].\n\n\
                    x.vn a@x.vn 024 156 nhẹ *nặng*\n\n* một\n* hai\n\n[1] https://x.vn/1\n[2] https://x.vn/gv\n\n-- \n";
    assert!(mail.text.starts_with(expected), "{}", mail.text);
    assert!(mail.html.contains(";\">Xem một, hai và lại một.</div>"), "{}", mail.html);
}

#[test]
fn the_page_looks_as_it_was_approved() {
    let body = "Kính gửi {{ name }},\n\nCác đối tượng giả danh **công an** gọi điện yêu cầu *chuyển tiền* để “phục vụ điều tra”. Đó là lừa đảo.\n\n## Việc cần làm ngay\n\n1. Cúp máy, không làm theo yêu cầu.\n2. Không đọc mã OTP cho bất kỳ ai.\n3. Báo qua số [156](tel:156) hoặc [khonggianmang.vn](https://khonggianmang.vn).\n\n> Cơ quan nhà nước không bao giờ yêu cầu chuyển tiền qua điện thoại.\n\n### Dấu hiệu nhận biết\n\n| Họ nói | Sự thật |\n| --- | --- |\n| Bạn liên quan vụ án | Công an mời làm việc bằng giấy |\n| Giữ bí mật | Hãy hỏi người thân |\n";
    let mut campaign = campaign(email("Cảnh báo: giả danh công an", body));
    campaign.kind = Kind::Warning;
    let templates = compile(&campaign).unwrap();
    insta::assert_snapshot!("mail", mail_of(&templates, &person("An")).html);
}

#[test]
fn other_languages_and_their_gaps() {
    let mut campaign = campaign(Body {
        chat: Some(ChatBody { text: Some("Chào {{ name }}".into()), ..ChatBody::default() }),
        ..sms("Xin chao")
    });
    campaign.messages[0].lang.insert("en".into(), sms("Hello"));
    let templates = compile(&campaign).unwrap();
    for (lang, expected) in
        [(None, "Xin chao"), (Some("en"), "Hello"), (Some("en-US"), "Hello"), (Some("EN"), "Hello"), (Some("fr"), "Xin chao")]
    {
        let person = Person { lang: lang.map(str::to_owned), ..person("An") };
        assert_eq!(text_of(&templates, &person).unwrap(), expected, "{lang:?}");
    }
    let english = Person { lang: Some("en".into()), ..person("An") };
    let Content::Chat(chat) = templates.render(0, Channel::Chat, &english, None, &Terms::default()).unwrap() else { panic!() };
    assert_eq!(chat.text.as_deref(), Some("Chào An"));
    assert_eq!(
        templates.render(0, Channel::Email, &english, None, &Terms::default()),
        Err(RenderError::NoContent(Channel::Email))
    );
}

#[test]
fn an_english_mail_borrows_what_it_lacks_and_says_so_in_english() {
    let mut campaign = campaign(email("Cảnh báo", "Nội dung"));
    campaign.messages[0].lang.insert("en".into(), email("Warning", ""));
    let templates = compile(&campaign).unwrap();
    let mail = mail_of(&templates, &Person { lang: Some("en".into()), ..person("An") });
    assert_eq!((mail.subject.as_str(), mail.language.as_str()), ("Warning", "en"));
    assert!(mail.text.starts_with("Nội dung") && mail.html.contains("Unsubscribe"));
}

#[test]
fn attachments_are_shared_and_a_missing_one_is_found() {
    let mut body = email("s", "b");
    body.email.as_mut().unwrap().attach = vec!["tep/cam-nang.pdf".into()];
    assert_eq!(fault(body.clone()).text.en, "the file \"tep/cam-nang.pdf\" was not found");
    let files = [("tep/cam-nang.pdf".to_owned(), Bytes::from_static(b"%PDF"))].into();
    let templates = Templates::compile(&campaign(body), &office(), None, &files).unwrap();
    let (one, two) = (mail_of(&templates, &person("A")), mail_of(&templates, &person("B")));
    assert!(Arc::ptr_eq(&one.attachments[0], &two.attachments[0]));
    assert_eq!((one.attachments[0].name.as_str(), one.attachments[0].media_type.as_str()), ("cam-nang.pdf", "application/pdf"));
}

#[test]
fn a_placeholder_in_a_run_of_letters_longer_than_a_line_stays_whole() {
    for length in [1, 12, 40] {
        let body = "{{ name }}".repeat(length);
        let text = mail_of(&compile(&campaign(email("s", &body))).unwrap(), &person("An")).text;
        assert!(text.contains(&"An".repeat(length)), "{text}");
    }
}

#[test]
fn chat_templates_get_their_data() {
    let chat =
        ChatBody { text: None, template: Some("123456".into()), data: [("ten".to_owned(), "{{ name }}".to_owned())].into() };
    let templates = compile(&campaign(Body { chat: Some(chat), ..Body::default() })).unwrap();
    let Content::Chat(chat) = templates.render(0, Channel::Chat, &person("An <b>"), None, &Terms::default()).unwrap() else {
        panic!()
    };
    assert_eq!(chat.template.as_deref(), Some("123456"));
    assert_eq!(chat.data["ten"], "An <b>");
}

proptest::proptest! {
    #[test]
    fn whatever_an_officer_types_is_a_mail_or_a_fault(body in "([a-zđ \\n*_`\\[\\]()<>|&\"'#-]|\\{\\{ name \\}\\}|\\{% if nghe %\\}b\n\n- \\{% endif %\\}|[{}%\\\\]){0,60}") {
        if let Ok(templates) = compile(&campaign(email("s", &body))) {
            let mail = mail_of(&templates, &person("Đào <An>"));
            for part in [&mail.html, &mail.text] {
                proptest::prop_assert!(!part.contains("Zqloa") && !part.contains("LOA:"), "{}", part);
            }
            proptest::prop_assert!(!mail.html.contains("<An>"));
        }
    }

    #[test]
    fn no_name_breaks_out_of_the_page(name in "[<>\"'&{}%#\\\\a-zđ\n ]{1,40}") {
        let templates = compile(&campaign(email("{{ name }}", "Chào {{ name }}."))).unwrap();
        let usual = mail_of(&templates, &person("An")).html;
        let mail = mail_of(&templates, &person(&format!("x{name}")));
        proptest::prop_assert_eq!(mail.html.matches('<').count(), usual.matches('<').count());
        proptest::prop_assert_eq!(mail.html.matches('"').count(), usual.matches('"').count());
        proptest::prop_assert!(!mail.subject.contains('\n'));
    }
}
