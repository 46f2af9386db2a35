//! `nbhoist server`.

use crate::args::ServerArgs;
use crate::error::{Exit, Failure};

pub(crate) fn server(args: &ServerArgs) -> Result<Exit, Failure> {
    if let Some(file) = &args.log {
        let failed = |error: std::io::Error| Failure::new(format!("cannot write the log: {error}")).at(file.display());
        nbhoist_lsp::log::to_file(file).map_err(failed)?;
    }
    let runtime = crate::executors::runtime()?;
    let served = runtime.block_on(nbhoist_lsp::serve(tokio::io::stdin(), tokio::io::stdout()));
    // A read of standard input that is under way cannot be taken back, and would hold up the end.
    runtime.shutdown_background();
    served.map(|()| Exit::Success).map_err(|error| Failure::new(format!("cannot serve: {error}")).help("free some memory"))
}
