//! `nbhoist fetch`, which a kernel starts before a cell that names a value which stayed elsewhere.

use std::path::Path;

use nbhoist_executor::migrate::stay::{self, Left};

use crate::args::FetchArgs;
use crate::error::{Exit, Failure};
use crate::{analysis, executors};

/// What went wrong is read by the kernel, which shows it: one line, without colours.
pub(crate) fn fetch(args: &FetchArgs) -> Exit {
    let fetched = bring(args);
    if let Err(failure) = &fetched {
        anstream::eprintln!("{}", failure.message());
    }
    if fetched.is_ok() { Exit::Success } else { Exit::CouldNotRun }
}

fn bring(args: &FetchArgs) -> Result<(), Failure> {
    let settings = analysis::settings(Path::new("."), true)?;
    let executor = executors::named(&args.on, &settings)?;
    let left = Left { folder: &args.folder, sha256: &args.sha256 };
    let fetching = stay::fetch(&executor, &args.python, left, &args.into);
    executors::runtime()?.block_on(fetching).map_err(|error| Failure::from_text(&error.to_string()))
}
