//! `loa reconcile`: an invoice on the command line.

use crate::{folder::Folder, helpers::grounds};

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_held_against_what_was_sent() {
    for ground in grounds().await {
        ground
            .execute(
                "INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (1, 'viettel', 1, true, 0, '', 0);
                 INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 17, '2026-10-01', 1, 90, 100, 30000);
                 INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 18, '2026-10-02', 1, 5, 5, 1750);
                 INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 17, '2026-11-01', 1, 5, 5, 1750)",
            )
            .await;
        let folder = Folder::new()
            .with(
                "dung.csv",
                "account,carrier,day,parts,amount\nviettel,viettel,2026-10-01,100,30000\nviettel,mobifone,2026-10-02,5,1750\n",
            )
            .with("thieu.csv", "Phát sinh,Sản lượng,VND\n01/10/2026,90,27000\n02/10/2026,5,1750\n")
            .with("sai.csv", "account,carrier,day,parts,amount\nviettel,viettel,2026-13-01,1,1\n")
            .with("la.csv", "account,day,parts,amount\nnobody,2026-10-01,1,1\n");
        let loa = |arguments: &[&str]| {
            folder.loa_with(&[&["reconcile", "--by", "Thử"], arguments].concat(), &[("LOA_DATABASE__URL", &ground.url)])
        };

        let ended = loa(&["dung.csv"]);
        assert_eq!((ended.code, ended.out.contains("2 dòng đều khớp")), (0, true), "{}{}", ended.out, ended.err);
        // Carriers are not told apart, and the 10 that are missing show.
        let arguments = ["thieu.csv", "--account", "viettel", "--column", "day=Phát sinh", "--column", "amount=VND"];
        let ended = loa(&arguments);
        assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
        assert!(ended.out.contains("1 trên 2 dòng lệch"), "{}", ended.out);
        let again = loa(&[
            "thieu.csv",
            "--account",
            "viettel",
            "--column",
            "day=Phát sinh",
            "--column",
            "amount=VND",
            "--format",
            "json",
        ])
        .json();
        assert_eq!((&again["invoiced"]["parts"], &again["counted"]["parts"]), (&95.into(), &105.into()));
        assert_eq!(again["invoice"]["id"], 2);
        assert_eq!(ground.number("SELECT count(*) FROM invoice").await, 2);
        for (file, words) in [("sai.csv", "sai.csv:2"), ("la.csv", "nobody"), ("khong-co.csv", "khong-co.csv")] {
            let ended = loa(&[file]);
            assert_eq!(ended.code, 2, "{file}: {}", ended.err);
            assert!(ended.err.contains(words), "{file}: {}", ended.err);
        }
    }
}
