//! A kernel seen from inside: one of its own cells asks for the migration, and answers calls while it waits.
//!
//! The kernel's shell channel is busy meanwhile, so calls go over whatever connects the two: frames out, answers in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::channels::die;
use super::origin::{Answer, Origin};
use super::{Death, KernelError, died};
use crate::ahead::Ahead;
use crate::cancel::Cancel;
use crate::environment;
use crate::frames::Frame;
use crate::runtime::Archive;

/// A cell that was interrupted answers within this time, or not at all.
const STOPPED: Duration = Duration::from_secs(10);

/// The kernel whose cell is asking.
pub struct Inside {
    calls: mpsc::UnboundedSender<Frame>,
    answers: mpsc::UnboundedReceiver<Frame>,
    death: watch::Sender<Option<String>>,
    interpreter: PathBuf,
    archive: Option<Arc<Archive>>,
    last: u64,
    ahead: Ahead,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inside").field("interpreter", &self.interpreter).finish_non_exhaustive()
    }
}

/// The other end of an [`Inside`]: what comes from the kernel is told here.
#[derive(Clone, Debug)]
pub struct Ear {
    answers: mpsc::UnboundedSender<Frame>,
    death: watch::Sender<Option<String>>,
}

impl Ear {
    /// An `answer` frame came: `id` of the call and its `text`.
    pub fn answered(&self, frame: Frame) {
        // Nobody waits any more when the migration has ended.
        let _ = self.answers.send(frame);
    }

    /// The kernel is gone.
    pub fn gone(&self, why: &str) {
        die(&self.death, why);
    }
}

impl Inside {
    /// A kernel that runs with this interpreter. Frames `{"op": "call", "id", "function", "text"}` go to `calls`; each is answered, through
    /// the [`Ear`], by `{"op": "answer", "id", "text"}`.
    pub fn new(interpreter: PathBuf, calls: mpsc::UnboundedSender<Frame>) -> (Self, Ear) {
        let (sender, answers) = mpsc::unbounded_channel();
        let (death, _) = watch::channel(None);
        let ear = Ear { answers: sender, death: death.clone() };
        (Self { calls, answers, death, interpreter, archive: None, last: 0, ahead: Ahead::default() }, ear)
    }

    async fn ask(&mut self, function: &str, argument: &Value, cancel: Option<&Cancel>) -> Result<Value, KernelError> {
        self.last += 1;
        let id = self.last;
        let call = Frame::new("call").with("id", id).with("function", function).with("text", argument.to_string());
        let gone = || KernelError::Died { why: "it does not listen any more".to_owned() };
        self.calls.send(call).map_err(|_| gone())?;
        let death = self.death.clone();
        let answer = async {
            loop {
                tokio::select! {
                    biased;
                    frame = self.answers.recv() => match frame {
                        Some(frame) if frame.header.get("id").and_then(Value::as_u64) == Some(id) => return Ok(frame),
                        Some(_) => {}
                        None => return Err(gone()),
                    },
                    why = died(&death) => return Err(KernelError::Died { why }),
                }
            }
        };
        tokio::pin!(answer);
        let frame = match cancel {
            None => answer.await?,
            Some(cancel) => tokio::select! {
                biased;
                frame = &mut answer => frame?,
                // The interrupt has reached the function, too; what it has to say comes at once.
                () = cancel.cancelled() => {
                    let _ = tokio::time::timeout(STOPPED, answer).await;
                    return Err(KernelError::Cancelled);
                }
            },
        };
        let text = frame.header.get("text").and_then(Value::as_str);
        // A function that was interrupted has no text.
        let text = text.ok_or(KernelError::Cancelled)?;
        super::call::understood(function, text)
    }
}

impl Origin for Inside {
    fn call<'a>(&'a mut self, function: &'a str, argument: &'a Value, cancel: Option<&'a Cancel>) -> Answer<'a, Value> {
        Box::pin(self.ask(function, argument, cancel))
    }

    fn archive(&mut self) -> Answer<'_, Arc<Archive>> {
        Box::pin(async {
            if let Some(archive) = &self.archive {
                return Ok(Arc::clone(archive));
            }
            let sources = environment::cloudpickle_sources(&self.interpreter).await.map_err(KernelError::Cloudpickle)?;
            let archive = Archive::new(&sources).map_err(|error| KernelError::Io { path: std::env::temp_dir(), error })?;
            Ok(Arc::clone(self.archive.insert(Arc::new(archive))))
        })
    }

    fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    fn connection(&self) -> Option<&Path> {
        None
    }

    fn death(&self) -> Death {
        Death(self.death.clone())
    }

    fn is_alive(&self) -> bool {
        self.death.borrow().is_none()
    }

    fn ahead(&mut self) -> &mut Ahead {
        &mut self.ahead
    }
}
