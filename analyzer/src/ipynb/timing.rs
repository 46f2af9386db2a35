//! Run times that editors and runners save in a cell's metadata.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The keys of those who write run times: `JupyterLab`, the extension `ExecuteTime`, papermill, Colab.
#[derive(Deserialize)]
struct Timing<'a> {
    #[serde(borrow)]
    execution: Option<&'a RawValue>,
    #[serde(borrow, rename = "ExecuteTime")]
    execute_time: Option<&'a RawValue>,
    #[serde(borrow)]
    papermill: Option<&'a RawValue>,
    #[serde(borrow, rename = "executionInfo")]
    colab: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct JupyterLab {
    #[serde(rename = "iopub.execute_input")]
    input: Option<String>,
    #[serde(rename = "iopub.status.busy")]
    busy: Option<String>,
    #[serde(rename = "shell.execute_reply")]
    reply: Option<String>,
    #[serde(rename = "iopub.status.idle")]
    idle: Option<String>,
}

#[derive(Deserialize)]
struct ExecuteTime {
    start_time: Option<String>,
    end_time: Option<String>,
}

#[derive(Deserialize)]
struct Papermill {
    duration: Option<f64>,
}

#[derive(Deserialize)]
struct Colab {
    /// Milliseconds.
    elapsed: Option<f64>,
}

/// Seconds that the last run of the cell took, where its metadata say so.
pub(super) fn seconds(json: &str) -> Option<f64> {
    // Most cells have none of them.
    if json.len() < 20 {
        return None;
    }
    let timing: Timing<'_> = serde_json::from_str(json).ok()?;
    let found = papermill(timing.papermill)
        .or_else(|| jupyter_lab(timing.execution))
        .or_else(|| execute_time(timing.execute_time))
        .or_else(|| colab(timing.colab));
    found.filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn papermill(raw: Option<&RawValue>) -> Option<f64> {
    read::<Papermill>(raw)?.duration
}

fn jupyter_lab(raw: Option<&RawValue>) -> Option<f64> {
    let times: JupyterLab = read(raw)?;
    between(&times.input.or(times.busy)?, &times.reply.or(times.idle)?)
}

fn execute_time(raw: Option<&RawValue>) -> Option<f64> {
    let times: ExecuteTime = read(raw)?;
    between(&times.start_time?, &times.end_time?)
}

fn colab(raw: Option<&RawValue>) -> Option<f64> {
    Some(read::<Colab>(raw)?.elapsed? / 1000.0)
}

/// Seconds between two times in ISO 8601; without a zone both are of the same one.
fn between(start: &str, end: &str) -> Option<f64> {
    let zoned = |text: &str| text.parse::<Timestamp>().ok();
    if let (Some(start), Some(end)) = (zoned(start), zoned(end)) {
        return Some((end.as_microsecond() - start.as_microsecond()) as f64 / 1e6);
    }
    let plain = |text: &str| text.parse::<DateTime>().ok();
    Some(plain(end)?.duration_since(plain(start)?).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_of(json: &str) -> Option<f64> {
        seconds(json)
    }

    #[test]
    fn every_writer_is_read() {
        for (json, seconds) in [
            (r#"{"papermill": {"duration": 1.25, "status": "completed"}}"#, 1.25),
            (
                r#"{"execution": {"iopub.execute_input": "2026-01-01T10:00:00.5Z", "shell.execute_reply": "2026-01-01T10:01:00.75Z"}}"#,
                60.25,
            ),
            (r#"{"execution": {"iopub.status.busy": "2026-01-01T10:00:00+02:00", "iopub.status.idle": "2026-01-01T08:00:02Z"}}"#, 2.0),
            (r#"{"ExecuteTime": {"start_time": "2018-01-01T10:00:00.1", "end_time": "2018-01-01T10:00:03.1"}}"#, 3.0),
            (r#"{"executionInfo": {"elapsed": 2500, "status": "ok"}}"#, 2.5),
        ] {
            assert_eq!(seconds_of(json), Some(seconds), "{json}");
        }
        for json in
            [r#"{"collapsed": true, "tags": []}"#, r#"{"execution": "soon", "papermill": 3}"#, r#"{"papermill": {"duration": -1.0}}"#]
        {
            assert_eq!(seconds_of(json), None, "{json}");
        }
    }
}
