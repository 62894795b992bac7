//! The gateways that Loa knows from the start: the files of `providers/gateways/`, built into the program.

/// Every built-in gateway: its name and its file's text, by name.
pub const fn built_in() -> &'static [(&'static str, &'static str)] {
    &[
        ("esms", include_str!("../gateways/esms.toml")),
        ("esms-bulk", include_str!("../gateways/esms-bulk.toml")),
        ("fpt", include_str!("../gateways/fpt.toml")),
        ("kannel", include_str!("../gateways/kannel.toml")),
        ("mattermost", include_str!("../gateways/mattermost.toml")),
        ("rocketchat", include_str!("../gateways/rocketchat.toml")),
        ("speedsms", include_str!("../gateways/speedsms.toml")),
        ("stringee", include_str!("../gateways/stringee.toml")),
        ("telegram", include_str!("../gateways/telegram.toml")),
        ("viber", include_str!("../gateways/viber.toml")),
        ("vietguys", include_str!("../gateways/vietguys.toml")),
        ("viettel", include_str!("../gateways/viettel.toml")),
        ("vnpt", include_str!("../gateways/vnpt.toml")),
    ]
}
