//! The one call into the analysis, with what it needs from the outside.

use std::path::Path;
use std::sync::Arc;

use nbhoist_analyzer::cost::Model;
use nbhoist_analyzer::{Analysis, Request};
use nbhoist_settings::Settings;

use crate::error::{Failure, warn};
use crate::input::Input;

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

/// Analyses a notebook.
pub(crate) fn analyze(input: &Input, settings: &Settings) -> Analysis {
    analyze_with(input, settings, None)
}

/// Analyses a notebook, its cost with this model.
pub(crate) fn analyze_with(input: &Input, settings: &Settings, model: Option<&Arc<Model>>) -> Analysis {
    let mut request = Request::new(&input.notebook);
    request.files = input.files();
    request.cost_model = model.cloned();
    request.config = settings.config(Some(&input.path));
    nbhoist_analyzer::analyze(&request)
}
