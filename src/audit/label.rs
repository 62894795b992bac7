//! What actions are called. An action that has no name here is shown as it is recorded.

use crate::{phrase, words::Phrase};

/// The first words of actions, with what people call those areas.
pub const AREAS: [(&str, &str, &str); 15] = [
    ("user.", "Người dùng và đăng nhập", "Users and signing in"),
    ("token.", "Mã truy cập API", "API tokens"),
    ("department.", "Đơn vị", "Departments"),
    ("campaign.", "Chiến dịch", "Campaigns"),
    ("segments.", "Nhóm đối tượng", "Segments"),
    ("run.", "Đợt gửi", "Runs"),
    ("audience.", "Danh sách người nhận", "Audience"),
    ("person.", "Từng người", "One person"),
    ("consent.", "Đồng ý và từ chối nhận tin", "Consent and refusals"),
    ("request.", "Yêu cầu về dữ liệu cá nhân", "Requests about data"),
    ("account.", "Tài khoản gửi", "Accounts"),
    ("period.", "Kỳ số liệu", "Periods"),
    ("reconcile.", "Đối soát", "Reconciliation"),
    ("webhook.", "Webhook", "Webhooks"),
    ("delegation.", "Ủy quyền", "Delegation"),
];

/// What people call an action.
pub fn label(action: &str) -> Phrase {
    match action {
        "user.sign-in" => phrase!("Đăng nhập", "Signed in"),
        "user.add" => phrase!("Thêm người dùng", "Added a user"),
        "user.change" => phrase!("Sửa vai trò, đơn vị", "Changed roles or departments"),
        "user.rename" => phrase!("Đổi tên hiển thị", "Changed the name"),
        "user.disable" => phrase!("Khóa người dùng", "Disabled a user"),
        "user.enable" => phrase!("Mở khóa người dùng", "Enabled a user"),
        "user.invite" => phrase!("Tạo đường dẫn mời", "Made an invitation"),
        "user.reset" => phrase!("Tạo đường dẫn đặt lại mật khẩu", "Made a link for a forgotten password"),
        "user.password" => phrase!("Đặt mật khẩu", "Set a password"),
        "user.link" => phrase!("Liên kết tài khoản định danh", "Linked to the identity provider"),
        "user.second-factor-on" => phrase!("Bật xác thực hai lớp", "Turned two-factor sign-in on"),
        "user.second-factor-off" => phrase!("Tắt xác thực hai lớp", "Turned two-factor sign-in off"),
        "user.recovery-codes" => phrase!("Tạo mã khôi phục mới", "Made new recovery codes"),
        "user.session-end" => phrase!("Kết thúc phiên đăng nhập", "Ended a session"),
        "token.make" => phrase!("Tạo mã truy cập API", "Made an API token"),
        "token.revoke" => phrase!("Thu hồi mã truy cập API", "Revoked an API token"),
        "department.add" => phrase!("Thêm đơn vị", "Added a department"),
        "department.rename" => phrase!("Đổi tên đơn vị", "Renamed a department"),
        "department.remove" => phrase!("Bỏ đơn vị", "Removed a department"),
        "campaign.approve" => phrase!("Phê duyệt chiến dịch", "Approved a campaign"),
        "campaign.send" => phrase!("Cho gửi", "Made a run"),
        "run.pause" => phrase!("Tạm dừng đợt gửi", "Paused a run"),
        "run.resume" => phrase!("Cho gửi tiếp", "Let a run go on"),
        "run.abort" => phrase!("Dừng hẳn đợt gửi", "Aborted a run"),
        "run.stop" | "run.stop-all" => phrase!("Dừng tất cả", "Stopped everything"),
        "audience.import" => phrase!("Nhập danh sách", "Imported a list"),
        "audience.erase" => phrase!("Xóa dữ liệu một người", "Erased a person"),
        "consent.opt-out" => phrase!("Ghi nhận từ chối nhận tin", "Recorded a refusal"),
        "consent.opt-in" => phrase!("Ghi nhận nhận tin trở lại", "Took a refusal back"),
        "consent.record" => phrase!("Ghi nhận sự đồng ý", "Recorded a consent"),
        "consent.withdraw" => phrase!("Ghi nhận rút lại đồng ý", "Recorded a withdrawal"),
        "audience.lift" => phrase!("Cho gửi lại tới một địa chỉ", "Let mail go to an address again"),
        "account.token" => phrase!("Nhập mã mới cho tài khoản gửi", "Entered an account's token"),
        "account.resume" => phrase!("Cho tài khoản gửi tiếp", "Let an account go on"),
        "request.add" => phrase!("Tiếp nhận yêu cầu", "Took a request in"),
        "request.answer" => phrase!("Trả lời yêu cầu", "Answered a request"),
        "request.close" => phrase!("Kết thúc yêu cầu", "Closed a request"),
        other => Phrase::from(other),
    }
}
