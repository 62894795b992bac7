//! The help in the reader's language. What enters is the command line as its types describe it, in English; what leaves is
//! the same with Vietnamese words, and what is wrong with a line that cannot be understood. A test finds what has none.

use std::collections::BTreeMap;

use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::words::Lang;

/// The reader's language, before the command line is parsed: `--lang`, else the environment.
pub fn reader(mut args: impl Iterator<Item = String>, env: &BTreeMap<String, String>) -> Lang {
    let mut said = None;
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--lang") {
            Some("") => said = args.next(),
            Some(value) => said = value.strip_prefix('=').map(str::to_string),
            None => {}
        }
    }
    match said.as_deref() {
        Some("en") => Lang::En,
        Some("vi") => Lang::Vi,
        _ => Lang::of_environment(|name| env.get(name).cloned()),
    }
}

/// The command with its help in that language.
pub fn translate(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command,
        Lang::Vi => vietnamese(command, ""),
    }
}

fn vietnamese(command: Command, path: &str) -> Command {
    let path = path.to_string();
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_string()).collect();
    let mut command = command
        .help_template("{about-with-newline}\nCách dùng: {usage}\n\n{all-args}")
        .subcommand_help_heading("Lệnh")
        .subcommand_value_name("LỆNH")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| {
            let heading = match (arg.is_positional(), arg.is_global_set()) {
                (true, _) => "Tham số",
                (false, true) => "Tùy chọn chung",
                (false, false) => "Tùy chọn",
            };
            let words = words(&format!("{path} {}", arg.get_id()));
            // The languages are named in its words; their own would be English.
            let by_its_words = arg.get_id() == "lang";
            let arg = arg.help_heading(heading).hide_possible_values(by_its_words);
            match words {
                Some(words) => arg.help(words),
                None => arg,
            }
        })
        .arg(flag("help", 'h', "In hướng dẫn này", ArgAction::Help));
    if path.is_empty() {
        command = command.arg(flag("version", 'V', "In phiên bản", ArgAction::Version));
    }
    if let Some(words) = words(&path) {
        command = command.about(words);
    }
    for name in names {
        let sub = format!("{path}/{name}");
        command = command.mut_subcommand(name, |command| vietnamese(command, &sub));
    }
    command
}

fn flag(name: &'static str, short: char, help: &'static str, action: ArgAction) -> Arg {
    Arg::new(name).short(short).long(name).help(help).help_heading("Tùy chọn").action(action)
}

/// What is wrong with a command line, in Vietnamese; none where it is not a person's mistake, or one without words of its own.
pub fn mistake(error: &clap::Error) -> Option<String> {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    };
    let (arg, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
    let what = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("thiếu giá trị của `{arg}`"),
        ErrorKind::InvalidValue => format!("`{arg}` không nhận giá trị `{value}`"),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(|why| format!(": {why}")).unwrap_or_default();
            format!("`{arg}` không nhận giá trị `{value}`{why}")
        }
        ErrorKind::UnknownArgument => format!("không có tùy chọn hay tham số `{arg}`"),
        ErrorKind::InvalidSubcommand => format!("không có lệnh `{}`", said(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => format!("còn thiếu: {arg}"),
        ErrorKind::ArgumentConflict => match said(ContextKind::PriorArg) {
            other if other.is_empty() || other == arg => format!("`{arg}` chỉ được ghi một lần"),
            other => format!("`{arg}` không đi cùng {other}"),
        },
        _ => return None,
    };
    let choices = said(ContextKind::ValidValue);
    let choices = if choices.is_empty() { choices } else { format!("\n  chọn trong: {choices}") };
    // The nearest comes last.
    let nearest = |kind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.last().cloned().unwrap_or_default(),
        _ => said(kind),
    };
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue].map(nearest).concat();
    let near = if near.is_empty() { near } else { format!("\n  có phải là `{near}`?") };
    let usage = said(ContextKind::Usage).replacen("Usage:", "Cách dùng:", 1);
    let usage = if usage.is_empty() { usage } else { format!("\n\n{usage}") };
    Some(format!("lỗi: {what}{choices}{near}{usage}\n\nXem thêm: --help\n"))
}

/// The Vietnamese words of a command (`/audience/import`) or of an argument of it (`/audience/import source`).
#[rustfmt::skip]
fn words(of: &str) -> Option<&'static str> {
    Some(match of {
        "" => "Cảnh báo người dân về lừa đảo trực tuyến qua SMS, thư điện tử, chat; đếm chính xác đã đến được với ai",
        " config" => "Tệp cấu hình; bỏ trống: `loa.toml` ở thư mục này, nếu có",
        " database" => "Cơ sở dữ liệu, thay cho trong cấu hình: `sqlite:TỆP` hoặc `postgres://NGƯỜI_DÙNG@MÁY/TÊN`",
        " json" => "In dữ liệu dạng JSON",
        " lang" => "Ngôn ngữ in ra (vi: tiếng Việt, en: tiếng Anh); bỏ trống: theo `LOA_LANG` hoặc `LANG`",
        "/demo" => "Chạy thử toàn bộ trên máy này với người nhận hư cấu và cổng gửi giả",
        "/demo recipients" => "Bao nhiêu người nhận hư cấu",
        "/demo rate" => "Mỗi tài khoản giả nhận nhiều nhất bao nhiêu tin một giây",
        "/demo exit" => "Gửi xong thì kết thúc, không giữ trang theo dõi",
        "/demo dir" => "Thư mục chứa các tệp của lần chạy thử; tệp của lần trước bị thay",
        "/demo seed" => "Cùng một số thì cùng những người ấy và cùng kết quả",
        "/init" => "Tạo loa.toml đầu tiên, tệp khóa và các chiến dịch mẫu",
        "/doctor" => "Chỉ ra ở đây còn gì chưa ổn và cách sửa; không tạo gì",
        "/check" => "Kiểm tra chiến dịch, nhóm người nhận, mục tiêu, ngày nghỉ, cổng gửi và cấu hình; chỉ ra dòng và cột",
        "/check paths" => "Tệp hoặc thư mục; bỏ trống: cấu hình và mọi thứ mà nó nêu tên",
        "/check online" => "Hỏi cả các cổng biết mẫu đã đăng ký (Zalo), so tham số của mẫu với nội dung chiến dịch điền vào",
        "/accounts" => "Liệt kê các tài khoản gửi tin; thử một tài khoản, hoặc cho nó gửi tiếp",
        "/accounts test" => "Thử kết nối và mật khẩu của tài khoản này; không gửi gì",
        "/accounts resume" => "Cho tài khoản đang bị dừng này gửi tiếp",
        "/accounts token" => "Nhập refresh token mà người có quyền vừa cấp lại cho tài khoản này (một dòng từ đầu vào chuẩn), rồi cho gửi tiếp",
        "/accounts history" => "Xem các tài khoản, hoặc tài khoản này, từng gặp việc gì, mới nhất trước",
        "/accounts callback" => "In địa chỉ để cổng gửi của tài khoản này báo phát về: ai biết địa chỉ thì báo được",
        "/accounts dns" => "In các bản ghi DNS để nơi nhận kiểm chữ ký (DKIM) của tài khoản này",
        "/gateways" => "Liệt kê các cổng gửi và những khóa cần khai báo",
        "/gateways name" => "Chỉ cổng này",
        "/audience" => "Nhập danh sách người nhận, đếm nhóm, xem, xuất, xóa, ghi đồng ý hay từ chối nhận tin",
        "/audience/import" => "Nhập danh sách CSV hoặc XLSX có dòng tiêu đề; dòng lỗi ghi ra TỆP.rejected.csv",
        "/audience/import file" => "Tệp danh sách",
        "/audience/import source" => "Đây là danh sách nào của cơ quan; bỏ trống: tên tệp",
        "/audience/import replace" => "Đưa ra khỏi danh sách những người của nguồn này không còn trong tệp",
        "/audience/count" => "Đếm người của các nhóm, và liên lạc được với bao nhiêu người qua từng kênh",
        "/audience/count segments" => "Tên nhóm trong segments.toml; bỏ trống: mọi người",
        "/audience/export" => "Ghi ra CSV mọi điều đang lưu về người nhận",
        "/audience/export output" => "Vào tệp này; chỉ chủ tệp đọc được",
        "/audience/export stdout" => "Ra màn hình: địa chỉ hiện nguyên",
        "/audience/export reference" => "Chỉ người mang mã này; dấu - : đọc số điện thoại hoặc địa chỉ thư từ đầu vào chuẩn",
        "/audience/show" => "Xem mọi điều đang lưu về một người và mọi tin đã gửi cho họ; che bớt",
        "/audience/show reveal" => "Không che gì: địa chỉ hiện nguyên trên màn hình",
        "/audience/show output" => "Ghi trọn vẹn, không che, dạng JSON vào tệp này; chỉ chủ tệp đọc được",
        "/audience/consent" => "Ghi rằng một người đồng ý nhận tin qua một kênh, hoặc rút lại sự đồng ý",
        "/audience/consent channel" => "Kênh nào: sms, email, chat; ghi nhiều lần được; bỏ trống: mọi kênh",
        "/audience/consent basis" => "Căn cứ: consent (đồng ý) hoặc căn cứ khác",
        "/audience/consent source" => "Có ở đâu: phiếu, quầy, trang đăng ký",
        "/audience/consent wording" => "Người ấy đã đồng ý với lời nào",
        "/audience/consent at" => "Đồng ý ngày nào (2026-10-01 hoặc 01/10/2026); bỏ trống: bây giờ",
        "/audience/consent withdrawn" => "Người ấy rút lại sự đồng ý",
        "/audience/erase by" | "/audience/consent by" | "/requests/add by" | "/requests/answer by" | "/requests/close by" | "/requests/lift by" =>
            "Ai làm; bỏ trống: tên đang đăng nhập trên máy này",
        "/audience/erase" => "Xóa mọi dữ liệu cá nhân của một người; số đếm giữ nguyên",
        "/audience/show reference" | "/audience/consent reference" | "/audience/erase reference" =>
            "Mã (ref) của người ấy; dấu - : đọc số điện thoại hoặc địa chỉ thư từ đầu vào chuẩn",
        "/audience/opt-out" => "Ghi rằng một người từ chối nhận tin, hoặc rút lại lời từ chối",
        "/audience/opt-out address" => "Số điện thoại hoặc địa chỉ thư; dấu - : đọc từ đầu vào chuẩn",
        "/audience/opt-out scope" => "Từ chối gì: awareness (chỉ tin tuyên truyền) hoặc all (mọi tin)",
        "/audience/opt-out until" => "Chỉ đến hết ngày này, rồi tự nhận tin trở lại",
        "/audience/opt-out take_back" => "Rút lại lời từ chối",
        "/audience/opt-out wording" => "Người ấy nói gì, hoặc nói bằng cách nào",
        "/audience/block" => "Nhập danh sách không bao giờ được gửi, như Danh sách không quảng cáo; hoặc xem các danh sách đã nhập",
        "/audience/block file" => "CSV, XLSX hoặc văn bản, mỗi dòng một số điện thoại hoặc địa chỉ thư; bỏ trống: xem các danh sách",
        "/audience/block source" => "Tên danh sách: lần nhập sau cùng tên thay bản này; bỏ trống: tên tệp",
        "/audience/block binds" => "Ràng buộc gì: advertising (chỉ quảng cáo) hoặc all (mọi tin)",
        "/audience/block remove" => "Bỏ danh sách này: những người trong đó lại được gửi",
        "/audience/suppressed" => "Xem các địa chỉ đã dừng gửi thư vì bị trả lại hoặc bị báo là thư rác; hoặc cho gửi lại",
        "/audience/suppressed count" => "Bao nhiêu địa chỉ, mới nhất trước",
        "/audience/suppressed lift" => "Gửi lại cho người mang mã này; dấu - : đọc các địa chỉ từ đầu vào chuẩn",
        "/audience/rekey" => "Sau khi đổi key trong [server]: niêm phong lại mọi địa chỉ bằng khóa mới",
        "/preview" => "Xem trước lời nhắn của một chiến dịch, và chi phí",
        "/preview campaign" | "/send campaign" | "/approve campaign" => "Tên chiến dịch: tên tệp, không có .toml",
        "/preview message" => "Chỉ tin này",
        "/preview recipient" => "Như người này sẽ nhận, thay cho một người hư cấu",
        "/preview html" => "Ghi thư ở dạng HTML vào tệp này",
        "/plan" => "Xem những lần gửi sắp tới và tin của mỗi lần",
        "/plan campaign" | "/runs campaign" | "/report campaign" => "Chỉ chiến dịch này",
        "/plan from" => "Từ ngày này (2026-10-01 hoặc 01/10/2026); bỏ trống: từ bây giờ",
        "/plan count" => "Bao nhiêu lần",
        "/approve" => "Duyệt một chiến dịch đúng như các tệp hiện nay",
        "/approve by" => "Ai duyệt; bỏ trống: tên đang đăng nhập trên máy này",
        "/send" => "Tạo ngay một đợt gửi của chiến dịch; `loa serve` gửi đi",
        "/send dry_run" => "Chỉ nói sẽ gửi cho bao nhiêu người, không tạo gì",
        "/send to" => "Chỉ gửi thử cho những người có mã này: không cần duyệt, không tính vào số liệu",
        "/send wait" => "Theo dõi cho đến khi gửi hết",
        "/serve" => "Chạy hệ thống: lên lịch, gửi, nhận báo phát, mở trang theo dõi, cho đến SIGTERM hoặc Ctrl-C",
        "/serve only" => "Chỉ chạy các phần này, để chia cho nhiều máy",
        "/replies" => "Đọc những gì người dân nhắn lại; lời từ chối tự có hiệu lực",
        "/replies all" => "Cả lời từ chối, và đã trả lời xác nhận đến đâu",
        "/replies count" => "Bao nhiêu tin, mới nhất trước",
        "/replies forget" => "Xóa tin mang số này; điều đã từ chối vẫn giữ nguyên",
        "/requests" => "Hàng chờ yêu cầu của người dân về dữ liệu của họ, kèm thời hạn luật định; quá hạn đứng trước",
        "/requests all" => "Cả những yêu cầu đã đóng",
        "/requests count" => "Bao nhiêu yêu cầu",
        "/requests/add" => "Nhận một yêu cầu: rút đồng ý, hạn chế và phản đối có hiệu lực ngay",
        "/requests/add kind" => "Yêu cầu gì: access (xem), rectification (sửa), withdrawal (rút đồng ý), restriction (hạn chế), objection (phản đối), deletion (xóa)",
        "/requests/add who" => "Mã (ref), số điện thoại hoặc địa chỉ thư của người ấy; dấu - : đọc từ đầu vào chuẩn",
        "/requests/add until" => "Hạn chế hoặc phản đối đến hết ngày này; bỏ trống: không thời hạn",
        "/requests/add received" => "Nhận được ngày nào (2026-10-01 hoặc 01/10/2026); bỏ trống: bây giờ",
        "/requests/add note" => "Người ấy nói gì; được niêm phong",
        "/requests/show" => "Xem một yêu cầu và các bước đã làm",
        "/requests/show reveal" => "Hiện cả lời đã ghi",
        "/requests/answer" => "Ghi rằng đã trả lời người ấy là đang giải quyết",
        "/requests/close" => "Ghi rằng đã giải quyết xong, hoặc từ chối có lý do",
        "/requests/close refused" => "Không giải quyết, đã nói rõ lý do",
        "/requests/lift" => "Chấm dứt sớm một hạn chế hoặc phản đối, theo ý người ấy",
        "/requests/show number" | "/requests/answer number" | "/requests/close number" | "/requests/lift number" => "Số của yêu cầu",
        "/requests/answer note" | "/requests/close note" | "/requests/lift note" => "Đã nói hoặc làm gì; được niêm phong",
        "/runs" => "Liệt kê các đợt gửi: đến đâu, nhanh chậm thế nào",
        "/runs count" => "Bao nhiêu đợt, mới nhất trước",
        "/pause" => "Tạm dừng một đợt gửi, cho đến khi `loa resume`",
        "/resume" => "Gửi tiếp một đợt đã tạm dừng, hoặc tự đứng lại",
        "/abort" => "Dừng hẳn một đợt gửi: tin chưa gửi bị hủy, tin đang gửi vẫn được ghi kết quả",
        "/pause run" | "/resume run" | "/abort run" => "Số của đợt gửi, xem ở `loa runs`",
        "/stop" => "Tạm dừng mọi thứ đang gửi",
        "/stop all" => "Mọi đợt gửi: phải ghi ra, để không ai dừng tất cả do nhầm",
        "/report" => "Báo cáo: đến được với ai, đã gửi gì, tốn bao nhiêu",
        "/report from" => "Các đợt gửi từ ngày này (2026-10-01 hoặc 01/10/2026)",
        "/report through" => "Các đợt gửi đến hết ngày này",
        "/report area" => "Chỉ tỉnh hoặc xã này, theo mã hoặc tên; một tỉnh thì chia theo xã",
        "/report by" => "Chia số liệu theo",
        "/report unreached" => "Ai chưa được tiếp cận, theo địa bàn và lý do; với CSV: từng người theo mã",
        "/report format" | "/reconcile format" => "In ra thế nào",
        "/report period" => "Một kỳ báo cáo thay cho các ngày: 2026, 2026-H1, 2026-Q4, 2026-10 hoặc 2026-W47; kỳ đã chốt thì lấy số đã chốt",
        "/report compare" => "Kèm số liệu của kỳ trước",
        "/report output" => "Ghi tệp Word hoặc Excel vào đây",
        "/reconcile" => "Đối soát hóa đơn của nhà mạng với số đã giao gửi, theo tài khoản, nhà mạng và ngày",
        "/reconcile file" => "Hóa đơn, .csv hoặc .xlsx: ngày, số tin quy đổi, thành tiền; nhà mạng và tài khoản nếu có",
        "/reconcile invoice" => "Một hóa đơn đã nhập, theo số",
        "/reconcile account" => "Tài khoản gửi của mọi dòng, khi tệp không có cột ấy",
        "/reconcile column" => "Tên một cột trong tệp: `day=Ngày`, `parts=…`, `amount=…`, `carrier=…`, `account=…`",
        "/reconcile tolerance" => "Được lệch bao nhiêu phần trăm, ví dụ 0.5",
        "/reconcile by" => "Ai nhập",
        "/bulletins" => "Bản tin cảnh báo của cơ quan chức năng: xem nguồn ngay, đọc một tài liệu, xem những gì chờ xử lý",
        "/bulletins/list" => "Xem những bản tin chờ xử lý",
        "/bulletins/list all" => "Cả những bản tin không cần làm gì: mới nhất trước",
        "/bulletins/poll" => "Xem ngay các nguồn khai báo trong loa.toml",
        "/bulletins/poll source" => "Chỉ một nguồn",
        "/bulletins/read" => "Đọc một tài liệu (CAP, RSS, Atom hoặc chữ) và lập bản nháp cảnh báo",
        "/bulletins/read file" => "Tài liệu",
        "/bulletins/read source" => "Nơi phát hành",
        "/bulletins/read department" => "Đơn vị lập cảnh báo; không nêu thì là đơn vị của nguồn trong loa.toml, hoặc cả cơ quan",
        "/bulletins/read title" => "Tiêu đề, nếu tài liệu là chữ; không nêu thì là dòng đầu",
        "/bulletins/read items" => "Nếu có nhiều bản tin: chỉ bản có tên này; có thể lặp lại",
        "/bulletins/read all" => "Nếu có nhiều bản tin: tất cả",
        "/bulletins/read dry_run" => "Chỉ xem trong tài liệu có gì",
        "/webhooks" => "Xem, thêm, gửi thử hoặc gỡ các chương trình được báo khi có sự kiện",
        "/webhooks by" | "/bulletins/read by" | "/outlets by" | "/orders by" => "Ai làm việc này; không nêu thì là tên đang đăng nhập máy này",
        "/webhooks/list" => "Xem các webhook và tình trạng",
        "/webhooks/add" => "Thêm webhook; khóa ký chỉ hiện một lần",
        "/webhooks/add url" => "Địa chỉ nhận",
        "/webhooks/add title" => "Tên gọi; không nêu thì là địa chỉ",
        "/webhooks/add events" => "Sự kiện được báo, ví dụ run.settled; không nêu thì là tất cả",
        "/webhooks/add allow_private" => "Cho phép địa chỉ trong mạng nội bộ",
        "/webhooks/test" => "Gửi thử tới một webhook; `loa serve` sẽ gửi",
        "/webhooks/test id" | "/webhooks/remove id" => "Số của webhook",
        "/webhooks/remove" => "Gỡ webhook và quên những gì đã báo",
        "/outlets" => "Các đơn vị phối hợp truyền tin: nhà mạng, cơ quan, trường học, đài truyền thanh, báo chí",
        "/outlets/list" => "Liệt kê (cũng là khi không ghi gì thêm)",
        "/outlets/list kind" => "Chỉ loại này: carrier (nhà mạng), agency (cơ quan), school (trường học), radio (truyền thanh), press (báo chí)",
        "/outlets/list active" => "Chỉ những đơn vị đang nhận yêu cầu",
        "/outlets/show" => "Xem một đơn vị",
        "/outlets/add" => "Thêm một đơn vị",
        "/outlets/change" => "Sửa những gì được ghi ra, ngoài ra giữ nguyên",
        "/outlets/show outlet" | "/outlets/change outlet" | "/outlets/enable outlet" | "/outlets/disable outlet" | "/outlets/remove outlet" => "Mã của đơn vị",
        "/outlets/add outlet" => "Mã của đơn vị trong chiến dịch và các tệp",
        "/outlets/add title" | "/outlets/change title" => "Tên đơn vị",
        "/outlets/add kind" | "/outlets/change kind" => "Loại: carrier, agency, school, radio, press",
        "/outlets/add way" | "/outlets/change way" => "Cách giao yêu cầu: push (Loa gửi tự động), pull (đơn vị tự lấy về), hand (văn bản hoặc trang riêng)",
        "/outlets/add url" | "/outlets/change url" => "Địa chỉ để gửi yêu cầu tới, `https://…`; ghi trống: không có",
        "/outlets/add certificate" | "/outlets/change certificate" => "Chứng thư số của đơn vị, tệp PEM: chữ ký trên văn bản họ gửi",
        "/outlets/add contact" | "/outlets/change contact" => "Hộp thư nhận nhắc báo cáo; dấu - : đọc từ đầu vào chuẩn; ghi trống: không có",
        "/outlets/add areas" | "/outlets/change areas" => "Địa bàn, theo mã hoặc tên; ghi nhiều lần nếu có nhiều; ghi trống: cả nước",
        "/outlets/add owner" | "/outlets/change owner" => "Đơn vị trong cơ quan phụ trách; ghi trống: mọi đơn vị",
        "/outlets/add sender" | "/outlets/change sender" => "Tên của họ trong văn bản CAP",
        "/outlets/import" => "Nhập danh sách .csv hoặc .xlsx; dòng sai không cản các dòng đúng",
        "/outlets/import file" => "Danh sách",
        "/outlets/import kind" => "Loại của các dòng không ghi loại",
        "/outlets/import owner" => "Đơn vị phụ trách của các dòng mới không ghi",
        "/outlets/import dry_run" => "Chỉ nói mỗi dòng sẽ làm gì, không ghi",
        "/outlets/enable" => "Cho nhận yêu cầu trở lại",
        "/outlets/disable" => "Ngừng: không nhận yêu cầu mới nữa",
        "/outlets/remove" => "Xóa một đơn vị chưa từng có yêu cầu",
        "/orders" => "Yêu cầu nhắn tin qua nhà mạng và phổ biến qua các đơn vị khác: đã giao, đã trả lời, đã báo cáo gì",
        "/orders/list" => "Liệt kê, mới nhất trước (cũng là khi không ghi gì thêm)",
        "/orders/list campaign" => "Chỉ của chiến dịch này",
        "/orders/list run" => "Chỉ của đợt gửi này",
        "/orders/list outlet" => "Chỉ của đơn vị này",
        "/orders/list state" => "Chỉ ở tình trạng này",
        "/orders/list overdue" => "Chỉ những yêu cầu quá hạn báo cáo",
        "/orders/list count" => "Bao nhiêu yêu cầu, mới nhất trước",
        "/orders/show" => "Xem một yêu cầu: nội dung, diễn biến, báo cáo, số liệu",
        "/orders/export" => "Ghi ra tệp: văn bản CAP, công văn yêu cầu (.docx), báo cáo (.csv, .xlsx) hoặc mẫu cho báo cáo kế tiếp (.xlsx)",
        "/orders/export format" => "Ghi gì: cap, sheet (công văn), csv, xlsx (báo cáo), form (mẫu báo cáo); không nêu thì theo đuôi tệp",
        "/orders/export output" => "Ghi vào đâu; dấu - : đầu ra chuẩn; không nêu thì tệp mang tên yêu cầu",
        "/orders/report" => "Nhận một báo cáo: JSON, CSV hoặc XLSX",
        "/orders/report file" => "JSON, CSV hoặc XLSX",
        "/orders/report order" => "Của yêu cầu nào, khi tệp không ghi: số, hoặc tên trong CAP",
        "/orders/report sequence" => "Số thứ tự báo cáo, khi tệp không ghi; không nêu thì là số kế tiếp",
        "/orders/report as_of" => "Số liệu tính đến lúc nào, khi tệp không ghi: 2026-11-22T17:00:00+07:00 hoặc một ngày; không nêu thì là bây giờ",
        "/orders/report last" => "Là báo cáo cuối cùng",
        "/orders/report correction" => "Đính chính báo cáo trước: vì sao",
        "/orders/report evidence" => "Văn bản làm bằng chứng (PDF hoặc ảnh); được giữ kèm mã băm",
        "/orders/update" => "Soạn bản sửa đổi; người khác phê duyệt",
        "/orders/update why" => "Vì sao sửa: đơn vị đọc được",
        "/orders/update title" => "Nội dung, một dòng",
        "/orders/update sms" => "Lời nhắn SMS",
        "/orders/update unaccented" => "Bỏ dấu lời nhắn SMS",
        "/orders/update app" => "Lời hiện trong ứng dụng của nhà mạng",
        "/orders/update material" => "Nội dung để đọc, niêm yết, đăng",
        "/orders/update rounds" => "Mỗi thuê bao nhận mấy lần",
        "/orders/update hours" => "Giờ được nhắn trong ngày: 08:00-20:00",
        "/orders/update rate" => "Nhiều nhất bao nhiêu tin mỗi giây",
        "/orders/update areas" => "Địa bàn, theo mã hoặc tên; ghi nhiều lần nếu có nhiều",
        "/orders/update audience" => "Đối tượng, bằng lời",
        "/orders/update expires" => "Hiệu lực đến lúc nào: 2026-11-30T17:00:00+07:00, hoặc hết một ngày",
        "/orders/update report_by" => "Hạn báo cáo cuối cùng",
        "/orders/approve" => "Phê duyệt bản sửa đổi do người khác soạn",
        "/orders/hand" => "Ghi rằng đã giao bằng văn bản, thư hoặc trực tiếp",
        "/orders/hand how" => "Giao thế nào: công văn số mấy, qua thư, trực tiếp",
        "/orders/ack" => "Ghi rằng đơn vị nhận làm",
        "/orders/refuse" => "Ghi rằng đơn vị từ chối",
        "/orders/begin" => "Ghi rằng đơn vị đã bắt đầu",
        "/orders/ack note" | "/orders/begin note" => "Đơn vị nói gì",
        "/orders/withdraw" => "Thu hồi khi chưa ai nhận",
        "/orders/cancel" => "Thu hồi: có hiệu lực ngay nếu chưa giao, nếu không thì bằng lệnh thu hồi gửi đơn vị",
        "/orders/close" => "Đóng: không chờ gì thêm",
        "/orders/close why" => "Vì sao, khi chưa có báo cáo cuối cùng",
        "/orders/reopen" => "Mở lại yêu cầu đã đóng",
        "/orders/refuse why" | "/orders/withdraw why" | "/orders/cancel why" | "/orders/reopen why" => "Vì sao",
        "/orders/show order"
        | "/orders/update order" | "/orders/export order" | "/orders/approve order" | "/orders/hand order" | "/orders/ack order" | "/orders/refuse order" | "/orders/begin order" | "/orders/withdraw order" | "/orders/cancel order" | "/orders/close order" | "/orders/reopen order" => "Số của yêu cầu, hoặc tên của nó trong CAP",
        "/cap" => "Văn bản theo giao thức cảnh báo chung (CAP)",
        "/cap/check" => "Đối chiếu văn bản với lược đồ CAP 1.2 và các quy tắc của tiêu chuẩn; kết thúc với mã 2 nếu có sai",
        "/cap/check files" => "Các văn bản",
        "/cap/check signer" => "Kiểm tra cả chữ ký: chứng thư số của người ký (PEM)",
        "/verify" => "Đếm lại mọi số từ từng dòng; kết thúc với mã 1 nếu có sai lệch",
        "/migrate" => "Tạo cơ sở dữ liệu, hoặc nâng cấp các bảng",
        "/bench" => "Đo xem máy này làm được bao nhiêu",
        "/bench quick" => "Cỡ rất nhỏ: chỉ cho thấy là chạy được, không đo gì",
        "/bench people" => "Số người trong danh sách lớn, để đo bộ nhớ và các trang [mặc định: 1000000; 1000 với --quick]",
        "/bench deliveries" => "Số lượt tin (khoảng chừng) đứng sau các trang được đo [mặc định: mười cho mỗi người]",
        "/bench only" => "Chỉ các bước này, thay cho tất cả",
        "/bench dir" => "Ghi các cơ sở dữ liệu đo thử vào đâu; xong thì xóa",
        "/sandbox" => "Chỉ chạy các cổng gửi giả: SMTP, nhà mạng qua SMPP, và eSMS, SpeedSMS, VNPT, VietGuys, Kannel, FPT, Stringee, Viettel, Zalo, Telegram qua HTTP",
        "/sandbox smtp" => "Máy chủ SMTP giả nghe ở đâu",
        "/sandbox http" => "Các cổng HTTP giả nghe ở đâu",
        "/sandbox smpp" => "Nhà mạng SMPP giả nghe ở đâu",
        "/sandbox smpp_replies" => "Tỷ lệ tin đến máy mà người nhận trả lời, bằng TC và các từ tương tự; chỉ qua SMPP",
        "/sandbox smpp_login" => "system_id và mật khẩu duy nhất được vào qua SMPP; không đặt thì gì cũng được, miễn không trống",
        "/sandbox smpp_ids" => "Mã tin SMPP viết thế nào; hex-decimal: trả lời cách này, báo phát cách kia",
        "/sandbox smpp_receipts" => "Báo phát SMPP nói về tin nào ở đâu: trong TLV, trong chữ, hay cả hai",
        "/sandbox smpp_ucs2_receipts" => "Báo phát SMPP của tin UCS-2 cũng viết bằng UCS-2",
        "/sandbox smpp_queue_full" => "Trong số tin SMPP được bảo gửi lại sau, tỷ lệ vì hàng đợi đầy",
        "/sandbox smpp_bare_errors" => "Câu từ chối SMPP chỉ có phần đầu",
        "/sandbox smpp_disconnect_every" => "Cứ bấy nhiêu lần gửi SMPP thì cắt kết nối của lần cuối",
        "/sandbox zalo_token_life" => "Access token của Zalo dùng được bao lâu, tính bằng giây",
        "/sandbox zalo_token_sends" => "Access token của Zalo hết hạn sau bấy nhiêu tin; không đặt thì chỉ hết theo giờ",
        "/sandbox zalo_quota" => "Số tin mẫu Zalo theo số điện thoại mỗi ngày",
        "/sandbox zalo_signature" => "Webhook Zalo ký thế nào: theo mã nào, lấy giờ ở thân hay ở đầu, bằng khóa của ai",
        "/sandbox zalo_seen" => "Người nhận có mở tin đến qua Zalo",
        "/sandbox latency" => "Trả lời sau bao lâu: mili giây, hoặc một khoảng như 20-200",
        "/sandbox fail" => "Tỷ lệ tin bị từ chối hẳn, 0 đến 1",
        "/sandbox later" => "Tỷ lệ tin được bảo gửi lại sau",
        "/sandbox silent" => "Tỷ lệ tin đã nhận mà không báo phát",
        "/sandbox undelivered" => "Tỷ lệ báo phát là không đến được",
        "/sandbox duplicate" => "Tỷ lệ báo phát gửi hai lần",
        "/sandbox early" => "Tỷ lệ báo phát đến trước câu trả lời",
        "/sandbox delay" => "Báo phát sau bao lâu: mili giây, hoặc một khoảng như 20-200",
        "/sandbox cut" => "Tỷ lệ kết nối bị đóng mà không trả lời",
        "/sandbox cut_taken" => "Trong số ấy, tỷ lệ tin vẫn được nhận",
        "/sandbox throttle" => "Mỗi cổng nhận nhiều nhất bao nhiêu tin một giây",
        "/sandbox bounces" => "Máy chủ SMTP giả ghi thư trả lại vào Maildir này",
        "/sandbox receipts_to" => "Gửi báo phát về địa chỉ này",
        "/sandbox partner" => "Nhà mạng giả nhận yêu cầu nhắn tin ở đâu, dưới `/MÃ-ĐƠN-VỊ`; không đặt thì không có",
        "/sandbox partner_office" => "Loa mà nhà mạng giả trả lời và báo cáo",
        "/sandbox partner_as" => "Đóng vai đơn vị nào, kèm token của người dùng ở đó: `MÃ=TOKEN` hoặc `MÃ=@TỆP`; ghi nhiều lần nếu có nhiều",
        "/sandbox partner_pulls" => "Tự lấy yêu cầu về, thay vì chờ gửi đến",
        "/sandbox partner_habits" => "Làm sai thế nào, cũng theo tên đơn vị (`viettel-wrong-twice`): wrong, twice, falls, late, silent, refuses, doubtful",
        "/sandbox partner_steps" => "Số báo cáo của mỗi yêu cầu, báo cáo sau cùng là cuối cùng",
        "/sandbox partner_every" => "Giữa hai việc của mỗi yêu cầu: mili giây",
        "/sandbox seed" => "Cùng một số thì cùng kết quả",
        "/sandbox drop_receipts" => "Khi kết thúc, bỏ các báo phát chưa gửi",
        "/sandbox log" => "Ghi mọi tin đã nhận vào tệp này, mỗi tin một dòng JSON",
        "/user" => "Ai được đăng nhập vào trang quản lý",
        "/user/add" => "Thêm người dùng và in đường dẫn để người ấy đặt mật khẩu",
        "/user/add email" => "Địa chỉ e-mail dùng để đăng nhập",
        "/user/add name" => "Họ tên, như sẽ hiện trên trang và trong nhật ký",
        "/user/add roles" => "Vai trò: officer (soạn), approver (duyệt), manager (lãnh đạo), partner (phối hợp), administrator (quản trị); người đầu tiên là quản trị nếu không ghi",
        "/user/add departments" => "Thuộc đơn vị nào; không ghi thì thấy mọi đơn vị",
        "/user/add outlet" | "/user/role outlet" => "Đơn vị mà người có vai trò partner đại diện: mã của đơn vị",
        "/user/add password" => "Hỏi mật khẩu ngay (một dòng đầu vào chuẩn) thay vì in đường dẫn",
        "/user/list" => "Liệt kê người dùng",
        "/user/disable" => "Không cho đăng nhập nữa: kết thúc mọi phiên, mã truy cập và đường dẫn",
        "/user/disable undo" => "Ngược lại: cho đăng nhập lại",
        "/user/invite" => "In đường dẫn mới để đặt mật khẩu lần đầu",
        "/user/reset" => "In đường dẫn để người quên mật khẩu đặt mật khẩu mới",
        "/user/reset second_factor" => "Gỡ cả xác thực hai lớp: người ấy mất điện thoại và mã khôi phục",
        "/user/role" => "Đặt vai trò cho một người",
        "/user/role roles" => "Từ nay là gì",
        "/user/department" => "Đặt đơn vị cho một người, hoặc liệt kê, thêm, bỏ đơn vị",
        "/user/department email" => "Địa chỉ của người ấy; không ghi thì liệt kê các đơn vị",
        "/user/department departments" => "Từ nay thuộc các đơn vị này; không ghi thì thấy mọi đơn vị",
        "/user/department add" => "Thêm đơn vị: chiến dịch thuộc đơn vị trùng tên với `owner`",
        "/user/department remove" => "Bỏ đơn vị: mọi người đều thấy chiến dịch của đơn vị này",
        "/user/disable email" | "/user/invite email" | "/user/reset email" | "/user/role email" => "Địa chỉ của người ấy",
        "/audit" => "Ai đã làm gì",
        "/audit/verify" => "Kiểm tra không ai sửa, xóa hay chèn mục nào; kết thúc với mã 1 nếu có",
        "/audit/verify heads" => "Dấu của mục cuối đã lưu ở nơi khác (nhật ký máy chủ ghi mỗi ngày), như lệnh này in ra",
        "/audit/list" => "In nhật ký, mới nhất trước",
        "/audit/list count" => "Bao nhiêu mục",
        "/audit/export" => "Ghi nhật ký ra đầu ra chuẩn, mới nhất trước",
        "/audit/export format" => "Ghi dạng nào",
        "/audit/list who" | "/audit/export who" => "Chỉ của người này",
        "/audit/list action" | "/audit/export action" => "Chỉ các việc này, ví dụ `campaign` hoặc `user.sign-in`",
        "/audit/list subject" | "/audit/export subject" => "Chỉ những gì làm với đối tượng này",
        "/audit/list from" | "/audit/export from" => "Từ ngày này",
        "/audit/list through" | "/audit/export through" => "Đến hết ngày này",
        "/user/add by" | "/user/disable by" | "/user/invite by" | "/user/reset by" | "/user/role by" | "/user/department by" => "Ai làm việc này; bỏ trống: tên đang đăng nhập trên máy này",
        "/completions" => "In phần gợi ý lệnh cho shell",
        "/completions shell" => "Shell nào",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn missing(command: &Command, path: &str) -> Vec<String> {
        let mut keys: Vec<String> = vec![path.to_string()];
        keys.extend(command.get_arguments().map(|arg| format!("{path} {}", arg.get_id())));
        let mut gone: Vec<String> = keys.into_iter().filter(|key| words(key).is_none()).collect();
        for sub in command.get_subcommands() {
            gone.extend(missing(sub, &format!("{path}/{}", sub.get_name())));
        }
        gone
    }

    #[test]
    fn every_command_and_argument_has_vietnamese_words() {
        assert_eq!(missing(&super::super::CommandLine::command(), ""), Vec::<String>::new());
        vietnamese(super::super::CommandLine::command(), "").debug_assert();
    }

    #[test]
    fn a_line_that_cannot_be_understood_is_told_of_in_vietnamese() {
        let told = |line: &str| {
            let command = translate(super::super::CommandLine::command(), Lang::Vi);
            mistake(&command.try_get_matches_from(line.split(' ')).unwrap_err()).unwrap()
        };
        for (line, words) in [
            ("loa requests add foo cb-1", &["`<KIND>` không nhận giá trị `foo`", "chọn trong: access, rectification"][..]),
            ("loa requests add objection cb-1 --until 32/1/2027", &["`32/1/2027`", "01/10/2026"]),
            ("loa requests add objection", &["còn thiếu: <REF|ADDRESS>", "Cách dùng: loa requests add"]),
            ("loa accounts --dns", &["thiếu giá trị của `--dns <NAME>`"]),
            ("loa accounts --dns a --test b", &["không đi cùng --test <NAME>"]),
            ("loa accounts --calback a", &["không có tùy chọn hay tham số `--calback`", "có phải là `--callback`?"]),
            ("loa audiense", &["không có lệnh `audiense`", "có phải là `audience`?"]),
        ] {
            let told = told(line);
            for words in words {
                assert!(told.contains(words), "{line}: {told}");
            }
        }
        let asked = translate(super::super::CommandLine::command(), Lang::Vi).try_get_matches_from(["loa", "--help"]);
        assert_eq!(mistake(&asked.unwrap_err()), None);
    }

    #[test]
    fn the_language_is_known_before_the_line_is_parsed() {
        let of = |line: &str| reader(line.split(' ').map(str::to_string), &BTreeMap::new());
        assert_eq!(of("loa --help"), Lang::Vi);
        assert_eq!(of("loa --lang en --help"), Lang::En);
        assert_eq!(of("loa --lang=en report"), Lang::En);
    }
}
