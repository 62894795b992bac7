//! The page that people read, and the same figures for programs.

use super::{Office, everybody, scene, write};
use crate::helpers::grounds;

/// The page without the line that says when it was counted.
fn timeless(page: &str) -> String {
    page.lines()
        .filter(|line| !line.starts_with("Nguồn") && !line.starts_with("Source"))
        .fold(String::new(), |all, line| all + line + "\n")
}

#[tokio::test]
async fn the_page_adds_up_before_the_readers_eyes() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let office = Office::of(&ground).await;
        insta::allow_duplicates! {
            let page = office.loa(&["report", "--campaign", "nhan-dien", "--by", "area"]);
            assert_eq!((page.code, page.err.as_str()), (0, ""));
            insta::assert_snapshot!(timeless(&page.out), @r"
            Chiến dịch:   Nhận diện lừa đảo trực tuyến (nhan-dien)
            Căn cứ:       1607/BTTTT-CATTT
            Kỳ:           tất cả
            Đợt gửi:      2 (2 chưa xong, số liệu còn thay đổi)

            Số người được tiếp cận (mỗi người tính một lần)
              Có xác nhận                                                  2   13,3 %
              Chưa có xác nhận                                             2   13,3 %
              Chưa tiếp cận được                                          11   73,3 %
              ──────────────────────────────────────────────────────────────
              Số người cần tiếp cận                                       15
              Mục tiêu 50 %: có xác nhận 13,3 % (chưa đạt); chưa có xác nhận 13,3 %

            Vì sao chưa tiếp cận được
              Đang chờ gửi hoặc chờ báo nhận                               2
              Chưa rõ kết quả (đang đối chiếu)                             1
              Không xác định được kết quả                                  1
              Dùng chung số, người khác nhận thay                          1
              Gửi không thành công                                         2
              Chưa gửi: quá hạn hoặc đã hủy                                2
              Từ chối nhận tin                                             1
              Không có địa chỉ nhận tin                                    1
              ──────────────────────────────────────────────────────────────
              Chưa tiếp cận được                                          11

            Lượt tin
              Chờ gửi                                                      1
              Chưa rõ kết quả (đang đối chiếu)                             1
              Cổng gửi đã nhận                                             2
              Nhà mạng đang chuyển                                         1
              Đã đến máy, đến người nhận                                   2
              Đã xem                                                       1
              Không đến được                                               1
              Hết hạn ở nhà mạng                                           1
              Bị cổng gửi từ chối                                          1
              Không xác định được kết quả                                  1
              Không gửi                                                    3
              Quá hạn, chưa gửi                                            1
              Đã hủy trước khi gửi                                         1
              ──────────────────────────────────────────────────────────────
              Tổng số lượt tin                                            17
              Số tin quy đổi                                              10
              Chi phí (đồng)                                           2.050

            Theo tỉnh, thành phố
                                                Có xác          Chưa xác      Chưa
            Tỉnh, thành phố           Số người    nhận   Tỷ lệ      nhận  tiếp cận
            Thành phố Hà Nội                12       1   8,3 %         2         9
            Tỉnh Cà Mau                      2       1  50,0 %         0         1
            (chưa rõ địa bàn)                1       0   0,0 %         0         1
            Tổng (mỗi người một lần)        15       2  13,3 %         2        11

                                                                                      Chi
                                      Lượt           Đang  Thất  Không  Không  Quy    phí
            Tỉnh, thành phố            tin  Đã đến  xử lý   bại     rõ    gửi  đổi    (đ)
            Thành phố Hà Nội            14       2      5     3      1      3    9  1.750
            Tỉnh Cà Mau                  2       1      0     0      0      1    1    300
            (chưa rõ địa bàn)            1       0      0     0      0      1    0      0
            Tổng (mỗi người một lần)    17       3      5     3      1      5   10  2.050

            Có xác nhận: có báo nhận là tin đã đến hoặc đã xem. Chưa có xác nhận: cổng gửi đã nhận nhưng không báo lại,
            hoặc thư điện tử không bị trả lại trong 72 giờ. Hai số này không cộng với nhau. Tin gửi thử không tính.
            Số người = có xác nhận + chưa xác nhận + chưa tiếp cận.
            Lượt tin = đã đến + đang xử lý + thất bại + không rõ + không gửi.
            Người đã chuyển địa bàn được tính ở nơi của đợt gửi mới nhất; lượt tin được tính ở nơi đã gửi.
            ");
            let page = office.loa(&["report", "--campaign", "nhan-dien", "--by", "channel", "--lang", "en"]);
            insta::assert_snapshot!(timeless(&page.out), @r"
            Campaign:     Nhận diện lừa đảo trực tuyến (nhan-dien)
            Basis:        1607/BTTTT-CATTT
            Period:       all
            Runs:         2 (2 going on: their figures still change)

            People reached (each counted once)
              Confirmed                                                    2   13.3 %
              Presumed                                                     2   13.3 %
              Not reached                                                 11   73.3 %
              ──────────────────────────────────────────────────────────────
              People addressed                                            15
              Goal 50 %: confirmed 13.3 % (not met); presumed 13.3 %

            Why not reached
              Waiting to be sent or for a receipt                          2
              In doubt                                                     1
              Unknown                                                      1
              Shared address: somebody else got it                         1
              Failed                                                       2
              Unsent: lapsed or cancelled                                  2
              Opted out                                                    1
              No address                                                   1
              ──────────────────────────────────────────────────────────────
              Not reached                                                 11

            Deliveries
              pending                                                      1
              in doubt                                                     1
              accepted                                                     2
              en route                                                     1
              delivered                                                    2
              seen                                                         1
              undelivered                                                  1
              expired                                                      1
              rejected                                                     1
              unknown                                                      1
              skipped                                                      3
              lapsed                                                       1
              cancelled                                                    1
              ──────────────────────────────────────────────────────────────
              All deliveries                                              17
              Parts billed                                                10
              Cost (đồng)                                              2,050

            By channel
            Channel                   People  Confirmed   Share  Presumed  Not reached
            SMS                           13          1   7.6 %         1           11
            E-mail                         3          1  33.3 %         1            1
            Total (each person once)      15          2  13.3 %         2           11

            Channel                   Deliveries  Arrived  Under way  Failed  Unknown  Not sent  Parts  Cost (đ)
            SMS                               14        2          3       3        1         5      7     2,050
            E-mail                             3        1          2       0        0         0      3         0
            Total (each person once)          17        3          5       3        1         5     10     2,050

            Confirmed: a receipt says that a message arrived or was seen. Presumed: a gateway that sends no receipts took it,
            or a mail did not bounce within 72 hours. The two are never added up. Test sends count nowhere.
            People = confirmed + presumed + not reached.
            Deliveries = arrived + under way + failed + unknown + not sent.
            A person may be in several lines: the lines' people do not add up to the total.
            ");
            let page = office.loa(&["report", "--campaign", "nhan-dien", "--unreached"]);
            insta::assert_snapshot!(page.out, @r"
            Địa bàn                           Lý do                                Số người
            01 Thành phố Hà Nội               Đang chờ gửi hoặc chờ báo nhận              2
            01 Thành phố Hà Nội               Chưa rõ kết quả (đang đối chiếu)            1
            01 Thành phố Hà Nội               Dùng chung số, người khác nhận thay         1
            01 Thành phố Hà Nội               Hết hạn ở nhà mạng                          1
            01 Thành phố Hà Nội               Không có địa chỉ nhận tin                   1
            01 Thành phố Hà Nội               Không xác định được kết quả                 1
            01 Thành phố Hà Nội               Số hoặc địa chỉ không tồn tại               1
            01 Thành phố Hà Nội               Đã hủy trước khi gửi                        1
            96 Tỉnh Cà Mau                    Từ chối nhận tin                            1
            (chưa rõ địa bàn)                 Quá hạn, chưa gửi                           1
            Tổng số người chưa tiếp cận được                                             11

            `--format csv` liệt kê từng người theo mã (ref), không có địa chỉ.
            ");
            let page = office.loa(&["report", "--unreached", "--by", "reason", "--lang", "en"]);
            insta::assert_snapshot!(page.out, @r"
            Reason                                People
            Waiting to be sent or for a receipt        2
            In doubt                                   1
            Opted out                                  1
            Shared address: somebody else got it       1
            Unknown                                    1
            cancelled before it was sent               1
            expired at the carrier                     1
            lapsed unsent                              1
            no address                                 1
            Everybody not reached                     10

            `--format csv` lists each person by ref, without addresses.
            ");
        }
    }
}

#[tokio::test]
async fn programs_get_the_same_figures() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &everybody()).await;
        let office = Office::of(&ground).await;
        let json = office.loa(&["report", "--campaign", "nhan-dien", "--by", "area", "--json"]).json();
        assert_eq!(json["people"]["addressed"], 15);
        assert_eq!(json["people"]["shared_address"], 1);
        assert_eq!(json["deliveries"]["in_doubt"], 1);
        assert_eq!(json["lines"][0]["key"], "01");
        assert_eq!(json["campaign"]["goal"], 0.5);

        let csv = office.loa(&["report", "--campaign", "nhan-dien", "--by", "area", "--format", "csv"]).out;
        let rows: Vec<&str> = csv.strip_prefix('\u{feff}').unwrap().split("\r\n").collect();
        assert!(
            rows[0].starts_with("line,key,name,people,people_confirmed,people_presumed,people_not_reached,people_waiting,"),
            "{csv}"
        );
        assert!(rows[1].starts_with("total,,Tổng,15,2,2,11,"), "{csv}");
        assert!(rows[2].starts_with("area,01,Thành phố Hà Nội,12,1,2,9,"), "{csv}");

        let csv = office.loa(&["report", "--campaign", "nhan-dien", "--unreached", "--format", "csv"]).out;
        assert_eq!(csv.lines().count(), 12);
        assert!(csv.contains("nd-010,00004,\"Phường Ba Đình, Thành phố Hà Nội\",failed,no-such-address\r\n"), "{csv}");
    }
}

#[tokio::test]
async fn a_persons_mistakes_are_named() {
    let ground = grounds().await.remove(0);
    scene(&ground).await;
    let office = Office::of(&ground).await;
    let told = |arguments: &[&str]| {
        let ended = office.loa(arguments);
        assert_eq!(ended.code, 2, "{}", ended.out);
        ended.err
    };
    assert_eq!(told(&["report", "--campaign", "nhan-dein"]), "lỗi: không có chiến dịch `nhan-dein`.\n");
    assert!(told(&["report", "--area", "99999"]).contains("không có địa bàn `99999`"));
    assert!(told(&["report", "--from", "2026-10-02", "--through", "2026-10-01"]).contains("đứng trước ngày đầu"));
    assert!(told(&["report", "--unreached", "--by", "carrier"]).contains("--unreached"));
}
