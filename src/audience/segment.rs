//! stub
/// b
#[derive(Debug, Clone, PartialEq)]
pub enum Bind {
    /// t
    Text(String),
    /// i
    Int(i64),
}
/// c
#[derive(Debug, Clone)]
pub struct Compiled {
    /// t
    pub text: String,
    /// b
    pub binds: Vec<Bind>,
}
