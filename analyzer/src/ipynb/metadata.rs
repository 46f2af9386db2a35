//! The few entries of the metadata that count. The rest (widget state can be large) is skipped.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::string;

/// What the notebook's metadata say about its kernel.
#[derive(Default)]
pub(super) struct Kernel {
    pub(super) name: Option<String>,
    pub(super) language: Option<String>,
}

#[derive(Deserialize)]
struct NotebookMetadata<'a> {
    #[serde(borrow)]
    language_info: Option<&'a RawValue>,
    #[serde(borrow)]
    kernelspec: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    language: Option<&'a RawValue>,
}

/// Reads the notebook's metadata.
pub(super) fn notebook(raw: Option<&RawValue>, repairs: &mut Vec<String>) -> Kernel {
    let Some(raw) = raw else {
        repairs.push("the notebook has no metadata; its language counts as Python".to_owned());
        return Kernel::default();
    };
    let Ok(metadata) = serde_json::from_str::<NotebookMetadata<'_>>(raw.get()) else {
        repairs.push("the notebook's metadata are not an object; its language counts as Python".to_owned());
        return Kernel::default();
    };
    let spec = names(metadata.kernelspec);
    let from_info = names(metadata.language_info).and_then(|info| info.name.and_then(string));
    let from_spec = spec.as_ref().and_then(|spec| spec.language.and_then(string));
    let name = spec.and_then(|spec| spec.name.and_then(string));
    let guessed = name.clone().filter(|name| name.starts_with("python") || name == "ir" || name.starts_with("julia"));
    Kernel { language: from_info.or(from_spec).or(guessed).map(|name| language(&name)), name }
}

fn names(raw: Option<&RawValue>) -> Option<Names<'_>> {
    serde_json::from_str(raw?.get()).ok()
}

/// A language's name in lower case, with the spellings of Python that old files use made one.
pub(super) fn language(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "ipython" | "python2" | "python3" => "python".to_owned(),
        "ir" => "r".to_owned(),
        _ => name,
    }
}

#[derive(Deserialize)]
struct CellMetadata<'a> {
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
}

/// The tags of a cell; entries that are no strings are left out.
pub(super) fn tags(raw: &RawValue) -> Vec<String> {
    let metadata = serde_json::from_str::<CellMetadata<'_>>(raw.get()).ok();
    let tags = metadata.and_then(|metadata| metadata.tags);
    let tags = tags.and_then(|tags| serde_json::from_str::<Vec<&RawValue>>(tags.get()).ok());
    tags.unwrap_or_default().into_iter().filter_map(string).collect()
}
