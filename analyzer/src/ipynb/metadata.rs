//! The few entries of the metadata that count. The rest (widget state can be large) is skipped.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::string;
use crate::notebook::Host;

/// What the notebook's metadata say about its kernel and its findings.
#[derive(Default)]
pub(super) struct Kernel {
    pub(super) name: Option<String>,
    pub(super) language: Option<String>,
    /// Where it last ran.
    pub(super) host: Host,
    /// `nbhoist.ignore`.
    pub(super) ignored: Vec<String>,
}

/// The values of the notebook's metadata that count, unparsed.
#[derive(Default, Deserialize)]
pub(super) struct NotebookMetadata<'a> {
    #[serde(borrow)]
    language_info: Option<&'a RawValue>,
    #[serde(borrow)]
    kernelspec: Option<&'a RawValue>,
    #[serde(borrow)]
    nbhoist: Option<&'a RawValue>,
    #[serde(borrow)]
    accelerator: Option<&'a RawValue>,
    #[serde(borrow)]
    colab: Option<&'a RawValue>,
    #[serde(borrow)]
    kaggle: Option<&'a RawValue>,
    #[serde(borrow)]
    papermill: Option<&'a RawValue>,
}

impl<'a> NotebookMetadata<'a> {
    /// The same from the members of the object, as they are passed over; nothing when one that counts stands there twice.
    pub(super) fn of<'k>(members: &[(&'k str, &'a str)]) -> Option<Self> {
        let mut metadata = Self::default();
        for (index, (key, value)) in members.iter().enumerate() {
            let slot = match *key {
                "language_info" => &mut metadata.language_info,
                "kernelspec" => &mut metadata.kernelspec,
                "nbhoist" => &mut metadata.nbhoist,
                "accelerator" => &mut metadata.accelerator,
                "colab" => &mut metadata.colab,
                "kaggle" => &mut metadata.kaggle,
                "papermill" => &mut metadata.papermill,
                _ => continue,
            };
            *slot = serde_json::from_str(value).ok()?;
            if members[..index].iter().any(|(other, _)| other == key) {
                return None;
            }
        }
        Some(metadata)
    }
}

/// `nbhoist` in the metadata of a notebook or a cell.
#[derive(Deserialize)]
struct Own<'a> {
    #[serde(borrow)]
    ignore: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    language: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kaggle {
    #[serde(rename = "isGpuEnabled")]
    gpu: Option<bool>,
}

/// Reads the notebook's metadata, of which the values that count may be known.
pub(super) fn notebook<'a>(json: Option<&'a str>, known: Option<NotebookMetadata<'a>>, repairs: &mut Vec<String>) -> Kernel {
    let Some(json) = json else {
        repairs.push("the notebook has no metadata; its language counts as Python".to_owned());
        return Kernel::default();
    };
    let Some(metadata) = known.or_else(|| serde_json::from_str(json).ok()) else {
        repairs.push("the notebook's metadata are not an object; its language counts as Python".to_owned());
        return Kernel::default();
    };
    let spec = names(metadata.kernelspec);
    let info = names(metadata.language_info);
    let from_info = info.as_ref().and_then(|info| info.name.map(RawValue::get).and_then(string));
    let from_spec = spec.as_ref().and_then(|spec| spec.language.map(RawValue::get).and_then(string));
    let name = spec.and_then(|spec| spec.name.map(RawValue::get).and_then(string));
    let guessed = name.clone().filter(|name| name.starts_with("python") || name == "ir" || name.starts_with("julia"));
    let ignored = ignored(metadata.nbhoist);
    let host = host(&metadata, info.and_then(|info| info.version));
    Kernel { ignored, host, language: from_info.or(from_spec).or(guessed).map(|name| language(&name)), name }
}

/// Where it last ran, with this version of the language.
fn host(metadata: &NotebookMetadata<'_>, version: Option<&RawValue>) -> Host {
    let kaggle = metadata.kaggle.and_then(|kaggle| serde_json::from_str::<Kaggle>(kaggle.get()).ok());
    let named = metadata.accelerator.map(RawValue::get).and_then(string).is_some_and(|name| matches!(name.as_str(), "GPU" | "TPU"));
    Host {
        accelerator: named || kaggle.and_then(|kaggle| kaggle.gpu) == Some(true),
        hosted: metadata.colab.is_some(),
        batch: metadata.kaggle.is_some() || metadata.papermill.is_some(),
        python: version.map(RawValue::get).and_then(string).map_or(0, |version| Host::python_of(&version)),
    }
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
    #[serde(borrow)]
    nbhoist: Option<&'a RawValue>,
    #[serde(borrow)]
    run_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RunControl {
    frozen: Option<bool>,
}

/// What a cell's metadata say that counts; entries of lists that are no strings are left out.
#[derive(Default)]
pub(super) struct OfCell {
    pub(super) tags: Vec<String>,
    /// `nbhoist.ignore`.
    pub(super) ignored: Vec<String>,
    /// `run_control.frozen`.
    pub(super) frozen: bool,
}

/// Reads a cell's metadata.
pub(super) fn cell(json: &str) -> OfCell {
    // Most cells have none.
    if json.len() < r#"{"tags":[]}"#.len() {
        return OfCell::default();
    }
    let Ok(metadata) = serde_json::from_str::<CellMetadata<'_>>(json) else { return OfCell::default() };
    let control = metadata.run_control.and_then(|control| serde_json::from_str::<RunControl>(control.get()).ok());
    OfCell {
        tags: metadata.tags.map(strings).unwrap_or_default(),
        ignored: ignored(metadata.nbhoist),
        frozen: control.and_then(|control| control.frozen).unwrap_or(false),
    }
}

fn ignored(own: Option<&RawValue>) -> Vec<String> {
    let own = own.and_then(|own| serde_json::from_str::<Own<'_>>(own.get()).ok());
    own.and_then(|own| own.ignore).map(strings).unwrap_or_default()
}

fn strings(raw: &RawValue) -> Vec<String> {
    let list = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_default();
    list.into_iter().map(RawValue::get).filter_map(string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_say_where_it_ran() {
        let host = |json: &str| notebook(Some(json), None, &mut Vec::new()).host;
        let colab = host(r#"{"accelerator": "GPU", "colab": {"name": "x"}, "language_info": {"name": "python", "version": "3.10.12"}}"#);
        assert_eq!(colab, Host { accelerator: true, hosted: true, batch: false, python: 10 });
        assert_eq!(host(r#"{"kaggle": {"isGpuEnabled": true}}"#), Host { accelerator: true, batch: true, ..Host::default() });
        assert_eq!(
            host(r#"{"papermill": {}, "accelerator": 3, "language_info": {"version": "2.7"}}"#),
            Host { batch: true, ..Host::default() }
        );
    }
    /// Read on the way or not, they say the same.
    #[test]
    fn members_that_are_known_count_as_they_would_when_read() {
        let parts = [
            r#""language_info": {"name": "R"}"#,
            r#""language_info": null"#,
            r#""kernelspec": {"name": "ir", "language": 3}"#,
            r#""kernelspec": [1]"#,
            r#""nbhoist": {"ignore": ["NBH1"]}"#,
            r#""colab": null"#,
            r#""colab": {}"#,
            r#""widgets": {"kernelspec": 1}"#,
        ];
        for one in parts {
            for other in parts {
                let json = format!("{{{one}, {other}}}");
                let members: Vec<_> = [one, other].map(|part| part.split_once(": ").unwrap()).to_vec();
                let members: Vec<_> = members.into_iter().map(|(key, value)| (key.trim_matches('"'), value)).collect();
                let [known, unknown] = [NotebookMetadata::of(&members), None].map(|known| {
                    let mut repairs = Vec::new();
                    let kernel = notebook(Some(&json), known, &mut repairs);
                    (kernel.name, kernel.language, kernel.host, kernel.ignored, repairs)
                });
                assert_eq!(known, unknown, "{json}");
            }
        }
    }
}
