//! Goals: how far the campaigns of a period came, against the population.

use super::{Office, everybody, scene, write};
use crate::helpers::grounds;

#[tokio::test]
async fn a_goal_counts_the_people_of_its_areas_and_period_against_the_population() {
    let goals = r#"
[[goal]]
title = "85% người dân được tiếp cận"
basis = "338/KH-UBND"
from = 2026-10-01
through = 2026-10-11
value = 0.85
population = { "01" = 40 }
source = "Cơ quan thống kê"
as_of = 2026-01-01
[[goal]]
title = "Cả hai nơi"
from = 2026-01-01
through = 2026-12-31
value = 0.02
population = { "01" = 40, "32248" = 60 }
source = "Cơ quan thống kê"
[[goal]]
title = "Sau này"
from = 2999-01-01
through = 2999-12-31
value = 0.5
population = { "01" = 40 }
source = "Cơ quan thống kê"
"#;
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let office = Office::of(&ground).await.with_goals(goals);
        let report = office.loa(&["report", "--campaign", "nhan-dien", "--json"]).json();
        let goals: Vec<_> = report["goals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|goal| (&goal["population"], &goal["confirmed"], &goal["presumed"]))
            .collect();
        // Person 2 was in Hà Nội on the 5th and in Cà Mau on the 12th, which is after the first goal's period.
        assert_eq!(goals, [(&40.into(), &2.into(), &2.into()), (&100.into(), &2.into(), &2.into())]);
        assert_eq!(report["goals"][0]["share_confirmed"], 0.05);

        let of = |arguments: &[&str]| office.loa(arguments).json()["goals"].as_array().unwrap().len();
        assert_eq!(of(&["report", "--from", "2999-01-01", "--through", "2999-12-31", "--json"]), 1, "only the last");
        assert_eq!(of(&["report", "--from", "2026-10-12", "--through", "2026-12-31", "--json"]), 1, "the first is over");
        assert_eq!(of(&["report", "--through", "2026-12-31", "--area", "96", "--json"]), 1, "nothing of Hà Nội alone");
        // A ward's report does not make a province's goal smaller.
        let ward = office.loa(&["report", "--campaign", "nhan-dien", "--area", "00004", "--json"]).json();
        assert_eq!((&ward["people"]["addressed"], &ward["goals"][0]["confirmed"]), (&12.into(), &2.into()));

        let page = office.loa(&["report", "--campaign", "nhan-dien"]).out;
        let block: Vec<&str> = page.split("\n\n").filter(|block| block.starts_with("Mục tiêu trên dân số")).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(block.join("\n\n"), @r"
            Mục tiêu trên dân số, 01/10/2026 – 11/10/2026
              85% người dân được tiếp cận
              Căn cứ: 338/KH-UBND
              Có xác nhận                                                  2    5,0 %
              Chưa có xác nhận                                             2    5,0 %
              ──────────────────────────────────────────────────────────────
              Dân số của mục tiêu                                         40
              Mục tiêu 85 % dân số được tiếp cận, có xác nhận: chưa đạt
              Nguồn dân số: Cơ quan thống kê (ngày 01/01/2026)

            Mục tiêu trên dân số, 01/01/2026 – 31/12/2026
              Cả hai nơi
              Có xác nhận                                                  2    2,0 %
              Chưa có xác nhận                                             2    2,0 %
              ──────────────────────────────────────────────────────────────
              Dân số của mục tiêu                                        100
              Mục tiêu 2 % dân số được tiếp cận, có xác nhận: đạt
              Nguồn dân số: Cơ quan thống kê
            ");
        }
        assert!(page.contains("chỉ đo bằng khảo sát") && !page.contains("trang bị kiến thức"), "{page}");
    }
}
