//! The big stop holds orders that nobody has, also of a run that has settled.

use super::{Scene, leads, page};

#[tokio::test]
async fn the_big_stop_holds_orders_of_a_run_that_has_settled() {
    for scene in Scene::all().await {
        let approver = scene.signed_in("lanh-dao").await;
        page(&approver.get("/stop").await, &["DỪNG TẤT CẢ", "4 yêu cầu"]);
        leads(&approver.post_from("/stop", "/stop", &[("run", "all")]).await, "/stop");
        assert!(scene.order_of("viettel").await.stopped);
        let at = scene.page_of("viettel").await;
        let officer = scene.signed_in("can-bo").await;
        page(&officer.get(&at).await, &["đang tạm dừng hoặc đã dừng hẳn"]);
        page(&approver.get("/stop").await, &["Đang tạm dừng", "4 yêu cầu"]);
        leads(&approver.post_from("/stop", "/stop/resume", &[("run", "1")]).await, "/stop");
        assert!(!scene.order_of("viettel").await.stopped);
        leads(&officer.post_from(&at, &format!("{at}/hand-over"), &[]).await, &at);
        scene.is_sound().await;
    }
}
