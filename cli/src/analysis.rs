//! The one call into the analysis, with what it needs from the outside.

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

/// Analyses a notebook, with what earlier runs have shown.
pub(crate) fn analyze(input: &Input, settings: &Settings) -> Analysis {
    analyze_for(input, settings, "here", remember::measurements(input, settings))
}

/// Analyses a notebook whose cells may run at a place (its name, `auto` or `here`), with what is said about earlier runs.
pub(crate) fn analyze_for(input: &Input, settings: &Settings, on: &str, measurements: Measurements) -> Analysis {
    let mut request = Request::new(&input.notebook);
    request.files = input.files();
    request.placement = settings.placement(on, &remember::places(settings));
    request.placement.sizes.clone_from(&measurements.sizes);
    request.config = settings.config(Some(&input.path));
    request.measurements = measurements;
    nbhoist_analyzer::analyze(&request)
}
