//! stub
#![allow(missing_docs, clippy::all, clippy::pedantic, unused)]
use std::collections::{BTreeMap, BTreeSet};
use crate::campaign::Campaign;
use providers::{Channel, Content};
#[derive(Debug)]
pub struct Templates;
#[derive(Debug)]
pub struct TemplateFault;
impl std::fmt::Display for TemplateFault { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct RenderError;
pub struct Person { pub name: Option<String>, pub area_name: Option<String>, pub lang: Option<String>, pub attributes: BTreeMap<String,String> }
impl Templates {
   pub fn compile(campaign: &Campaign, office: &BTreeMap<String,String>, known_attributes: Option<&BTreeSet<String>>, attachments: &BTreeMap<String, bytes::Bytes>) -> Result<Self, Vec<TemplateFault>> { Ok(Templates) }
   pub fn has(&self, message: usize, channel: Channel) -> bool { true }
   pub fn render(&self, message: usize, channel: Channel, person: &Person, unsubscribe_url: Option<&str>) -> Result<Content, RenderError> { Err(RenderError) }
}
