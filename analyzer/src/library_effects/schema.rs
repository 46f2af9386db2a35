//! The shape of the data files, as serde reads them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What an unlisted path of a library does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Default_ {
    /// Changes nothing and keeps nothing.
    Pure,
    /// Anything.
    #[default]
    Unknown,
}

/// What a call gives: one kind, or the kinds of a tuple's parts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Gives {
    /// One value.
    One(String),
    /// A tuple with these parts.
    Many(Vec<String>),
}

/// What one call, method or attribute does. Keys are explained in this folder's `README.md`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, clippy::struct_excessive_bools, reason = "the README of this folder documents each key")]
pub struct Entry {
    pub gives: Option<Gives>,
    pub attribute: bool,
    pub base: Vec<String>,
    pub mutates: Vec<ArgRef>,
    pub mutates_if: BTreeMap<String, Vec<ArgRef>>,
    pub gives_none_if: Option<String>,
    pub views: Vec<ArgRef>,
    pub views_if: BTreeMap<String, Vec<ArgRef>>,
    pub holds: Vec<ArgRef>,
    pub keeps: Vec<ArgRef>,
    pub calls: Vec<ArgRef>,
    pub reads: Vec<ArgRef>,
    pub writes: Vec<ArgRef>,
    pub network: bool,
    pub subprocess: bool,
    pub clock: bool,
    pub input: bool,
    pub display: bool,
    pub draws: Option<String>,
    pub draws_unless: Option<String>,
    pub seeds: Vec<String>,
    pub options_read: Option<String>,
    pub options_write: Option<String>,
    pub plot: Option<String>,
    pub environment: Option<String>,
    pub directory: Option<String>,
    pub names_in: BTreeMap<ArgRef, String>,
    pub travels: Option<bool>,
    pub why: Option<String>,
    pub device: bool,
    pub cost: Option<String>,
    pub unverified: bool,
    pub example: Option<Gives>,
}

/// Which argument of a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub enum ArgRef {
    /// The receiver.
    Receiver,
    /// Every argument.
    All,
    /// Every positional argument from this position.
    From(usize),
    /// The argument with this name, which may also stand at this position.
    Named(String, Option<usize>),
}

impl From<String> for ArgRef {
    fn from(text: String) -> Self {
        if text == "self" {
            return Self::Receiver;
        }
        if text == "*" {
            return Self::All;
        }
        if let Some(from) = text.strip_prefix("**").and_then(|digits| digits.parse().ok()) {
            return Self::From(from);
        }
        match text.split_once('@') {
            Some((name, position)) => Self::Named(name.to_owned(), position.parse().ok()),
            None => Self::Named(text, None),
        }
    }
}
