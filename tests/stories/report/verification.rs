//! `loa verify`: what was tampered with is found.

use std::collections::BTreeMap;

use loa::verify::{Rule, verify};

use super::{everybody, scene, write};
use crate::helpers::grounds;

#[tokio::test]
async fn verification_catches_a_tally_that_was_tampered_with_and_rows_that_may_not_be() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let found = verify(&ground.db).await.unwrap();
        assert!(found.is_clean(), "{found:?}");
        assert_eq!((found.deliveries, found.runs), (20, 4));

        ground.execute("UPDATE tally SET price = price + 1 WHERE run = 1 AND channel = 1 AND state = 5").await;
        let found = verify(&ground.db).await.unwrap();
        assert_eq!(found.differences.len(), 1);
        assert_eq!((found.differences[0].tally.price, found.differences[0].rows.price), (301, 300));

        ground.execute("DELETE FROM tally WHERE run = 2").await;
        assert_eq!(verify(&ground.db).await.unwrap().differences.len(), 2);

        assert!(found.billed.is_empty());
        ground.execute("UPDATE billed SET parts = parts + 3, price = price + 900 WHERE account = 1 AND route = 17").await;
        let found = verify(&ground.db).await.unwrap();
        let [one] = &found.billed[..] else { panic!("{:?}", found.billed) };
        assert_eq!((one.route, one.parts - one.row_parts, one.price - one.row_price), (17, 3, 900));

        ground
            .execute(&format!(
                "UPDATE delivery SET state = 1, owner = 7 WHERE run = 3;
                 UPDATE delivery SET owner = 9 WHERE run = 2;
                 UPDATE delivery SET route = 33 WHERE id = {};
                 UPDATE run SET fan_cursor = 14 WHERE id = 1;
                 UPDATE run SET settled_at = 1 WHERE id = 1;
                 UPDATE delivery SET parts = -1 WHERE run = 4;
                 UPDATE delivery SET reason = 0 WHERE reason = 21;
                 INSERT INTO contact (recipient, run, at) VALUES (17, 1, 0);
                 UPDATE run SET kind = 0 WHERE id = 3;
                 INSERT INTO list_column (name, people) VALUES ('nobody-has-it', 3);
                 INSERT INTO tally (run, channel, account, state, node, n, parts, price) VALUES (99, 1, 0, 0, 1, 0, 0, 0)",
                1_i64 << 36 | 2 << 4 | 1
            ))
            .await;
        let broken: BTreeMap<Rule, i64> =
            verify(&ground.db).await.unwrap().findings.iter().map(|finding| (finding.rule, finding.count)).collect();
        let expected = Rule::ALL.map(|rule| (rule, if matches!(rule, Rule::SettledIsDone | Rule::CostsCounted) { 2 } else { 1 }));
        assert_eq!(broken, BTreeMap::from(expected));
    }
}
