//! `nbhoist server`.

use crate::args::ServerArgs;
use crate::error::{Exit, Failure};

pub(crate) fn server(args: &ServerArgs) -> Result<Exit, Failure> {
    if let Some(file) = &args.log {
        let failed = |error: std::io::Error| Failure::new(format!("cannot write the log: {error}")).at(file.display());
        nbhoist_lsp::log::to_file(file).map_err(failed)?;
    }
    let runtime = crate::executors::runtime()?;
    let served = runtime.block_on(async { nbhoist_lsp::serve(std::io::stdin(), output()?).await });
    // A read of standard input that is under way cannot be taken back, and would hold up the end.
    runtime.shutdown_background();
    served.map(|()| Exit::Success).map_err(|error| Failure::new(format!("cannot serve: {error}")).help("free some memory"))
}

/// Standard output without a line's buffer, which would write the header of each message by itself: the client would wake up for it, and on few
/// cores take the processor from whoever writes the rest.
fn output() -> std::io::Result<std::fs::File> {
    #[cfg(unix)]
    let raw = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?;
    #[cfg(windows)]
    let raw = std::os::windows::io::AsHandle::as_handle(&std::io::stdout()).try_clone_to_owned()?;
    Ok(raw.into())
}
