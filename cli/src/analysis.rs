//! The one call into the analysis, with what it needs from the outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nbhoist_analyzer::cost::Model;
use nbhoist_analyzer::finding::Finding;
use nbhoist_analyzer::measurements::Measurements;
use nbhoist_analyzer::{Analysis, Request};
use nbhoist_settings::Settings;

use crate::error::{Failure, warn};
use crate::input::Input;
use crate::remember;

/// The settings for notebooks in a folder; what is wrong with them is printed.
pub(crate) fn settings(folder: &std::path::Path, quiet: bool) -> Result<Settings, Failure> {
    let settings = Settings::load(folder).map_err(|error| unusable(&error))?;
    if !quiet {
        for warning in &settings.warnings {
            warn(&warning.text, Some(&warning.place.to_string()), warning.help.as_deref());
        }
    }
    Ok(settings)
}

/// Settings that cannot be used.
pub(crate) fn unusable(error: &nbhoist_settings::Error) -> Failure {
    let place = error.place();
    Failure::from_text(&error.to_string()).at(place)
}

/// Reads a cost model.
pub(crate) fn cost_model(path: &Path) -> Result<Arc<Model>, Failure> {
    let unusable = |error: String| Failure::new(format!("{} cannot be used: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    Model::read(&bytes).map(Arc::new).map_err(|error| unusable(error.to_string()))
}

/// What an analysis is asked besides the notebook and its settings.
pub(crate) struct Asked<'a> {
    /// Where its cells may run: the name of a place, `auto` or `here`; nowhere else when not said.
    pub(crate) on: Option<&'a str>,
    /// What is known from earlier runs.
    pub(crate) measurements: Measurements,
    /// In place of the embedded cost model.
    pub(crate) model: Option<Arc<Model>>,
    /// Whether cells without a saved or measured time are to have an estimate.
    pub(crate) weighs: bool,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { on: None, measurements: Measurements::default(), model: None, weighs: true }
    }
}

/// Analyses a notebook, with what earlier runs have shown.
pub(crate) fn analyze(input: &Input, settings: &Settings) -> Analysis {
    analyze_for(input, settings, Asked { measurements: remember::measurements(input, settings), ..Asked::default() })
}

/// Analyses a notebook, with what is said about earlier runs and places.
pub(crate) fn analyze_for(input: &Input, settings: &Settings, asked: Asked<'_>) -> Analysis {
    nbhoist_analyzer::analyze(&request(input, settings, asked, input.files()))
}

/// What the rules find in a notebook with these local modules and scripts, whatever ran before: what ran on this machine must not decide what a
/// colleague's machine finds.
pub(crate) fn findings(input: &Input, settings: &Settings, files: BTreeMap<String, String>) -> Vec<Finding> {
    nbhoist_analyzer::findings(&request(input, settings, Asked { weighs: false, ..Asked::default() }, files))
}

fn request<'i>(input: &'i Input, settings: &Settings, asked: Asked<'_>, files: BTreeMap<String, String>) -> Request<'i> {
    let mut request = Request::new(&input.notebook);
    request.files = files;
    if asked.weighs {
        request.file_sizes = input.file_sizes();
    }
    if let Some(on) = asked.on.filter(|on| *on != nbhoist_analyzer::placement::HERE) {
        request.placement = settings.placement(on, &remember::places(settings));
        request.placement.sizes.clone_from(&asked.measurements.sizes);
    }
    request.cost_model = asked.model;
    request.weighs = asked.weighs;
    request.config = settings.config(Some(&input.path));
    request.measurements = asked.measurements;
    request
}
