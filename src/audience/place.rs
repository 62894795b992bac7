//! Stub.
/// P.
#[derive(Debug)]
pub struct Places;
static P: Places = Places;
impl Places {
    /// b
    pub fn built_in() -> &'static Self { &P }
    /// w
    pub fn wards_of(&self, _area: &str) -> impl Iterator<Item = &str> { std::iter::empty() }
}
