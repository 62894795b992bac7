//! Templates that are registered at a gateway.

/// A registered template, as its gateway describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Whether messages can be sent by it now.
    pub usable: bool,
    /// Its state in the gateway's own word.
    pub state: String,
    /// What it wants to be filled in.
    pub parameters: Vec<Parameter>,
}

/// One blank of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether a message must fill it in.
    pub required: bool,
    /// Characters at most, where the gateway says so.
    pub longest: Option<usize>,
}
