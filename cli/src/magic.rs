//! `nbhoist magic`: the other half of `%load_ext nbhoist`, which a kernel starts and speaks frames with on standard input and output.
//!
//! The kernel's own cell asks for a move and waits, so it answers the calls of the runtime in its own process. Frames from the kernel:
//! `hello` (interpreter, folder, notebook), `ran` (a cell ended), `edited`, `hoist`, `decide`, `plan`, `status` (requests, answered in order by
//! `done` or `failed`), `answer` (to a `call`), `interrupt`. Frames to it: `hello`, `call`, the output frames of workers, `note`.

mod frames;
mod session;
mod work;

use std::path::PathBuf;

use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::frames::{Frame, FrameReader, write};
use nbhoist_executor::kernel::{Ear, Inside};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::error::{Exit, Failure};
use session::Session;
use work::Work;

/// Version of what is spoken with the extension.
const PROTOCOL: u64 = 1;

/// A request with the switch that stops it.
type Asked = (Frame, Cancel);

pub(crate) fn magic() -> Result<Exit, Failure> {
    let runtime = crate::executors::runtime()?;
    let served = runtime.block_on(serve());
    // A read of standard input that is under way cannot be taken back, and would hold up the end.
    runtime.shutdown_background();
    served.map(|()| Exit::Success)
}

async fn serve() -> Result<(), Failure> {
    let mut input = FrameReader::new(tokio::io::stdin());
    let Some(hello) = input.next().await.map_err(|error| not_ours(&error))? else { return Ok(()) };
    let (out, written) = mpsc::unbounded_channel();
    let writing = tokio::spawn(write_all(written));
    let interpreter = PathBuf::from(frames::text(&hello, "python"));
    let (kernel, ear) = Inside::new(interpreter, out.clone());
    let greeting = Frame::new("hello").with("protocol", PROTOCOL).with("version", env!("CARGO_PKG_VERSION"));
    // The writer ends when the kernel does, and then there is nobody to tell.
    let _ = out.send(greeting);
    let (ask, asked) = mpsc::unbounded_channel();
    tokio::spawn(hear(input, ear, ask));
    let work = Work::new(kernel, Session::new(&hello), out);
    Box::pin(work.serve(asked)).await;
    let _ = writing.await;
    Ok(())
}

/// Sorts what the kernel says: answers to calls, interrupts, requests.
async fn hear(mut input: FrameReader<tokio::io::Stdin>, ear: Ear, ask: mpsc::UnboundedSender<Asked>) {
    let mut current = Cancel::new();
    loop {
        let frame = match input.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return ear.gone("it closed the connection"),
            Err(error) => return ear.gone(&error.to_string()),
        };
        match frame.op() {
            "answer" => ear.answered(frame),
            "interrupt" => current.cancel(),
            _ => {
                if frame.header.contains_key("id") {
                    current = Cancel::new();
                }
                if ask.send((frame, current.clone())).is_err() {
                    return;
                }
            }
        }
    }
}

async fn write_all(mut frames: mpsc::UnboundedReceiver<Frame>) {
    let mut out = tokio::io::stdout();
    while let Some(frame) = frames.recv().await {
        let written = async {
            write(&mut out, &frame).await.map_err(std::io::Error::other)?;
            out.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

fn not_ours(error: &nbhoist_executor::frames::FrameError) -> Failure {
    let failure = Failure::new(format!("standard input is not what `%load_ext nbhoist` writes: {error}"));
    failure.help("this command is for the extension; put `%load_ext nbhoist` into a cell of a notebook")
}
