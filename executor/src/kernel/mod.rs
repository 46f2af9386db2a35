//! The bridge to a live kernel over ZeroMQ: run cells, evaluate calls of the runtime that is injected, see it die.

mod call;
mod channels;
mod connection_file;
mod error;
mod inside;
mod origin;
mod sizes;
mod text;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jupyter_protocol::{ConnectionInfo, ExecuteRequest, JupyterMessage};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};

pub use self::error::{CallError, KernelError};
pub use self::inside::{Ear, Inside};
pub use self::origin::{Answer, Origin};

use self::channels::{Channels, Control, Incoming, die};
use crate::ahead::Ahead;
use crate::event::{self, CellRef, Event, OnEvent};
use crate::process::Supervised;
use crate::runtime::Archive;
use crate::spool::Claim;

/// How long a kernel may take to start: a cold disk under load is slow.
const START: Duration = Duration::from_secs(90);

/// How long a kernel may take to end by itself.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// How long outputs may trail behind the reply; they come over another socket.
const TRAIL: Duration = Duration::from_secs(10);

/// A kernel that we started or attached to. Dropping one that we started kills it.
pub struct Kernel {
    channels: Channels,
    process: Option<Supervised>,
    death: watch::Sender<Option<String>>,
    interpreter: PathBuf,
    /// The connection file of a kernel that we attached to.
    connection: Option<PathBuf>,
    archive: Option<Arc<Archive>>,
    injected: bool,
    /// Workers of this session beside the one that runs a block.
    pub(crate) ahead: Ahead,
    /// Holds the connection file and what is handed to the kernel; goes last.
    directory: Claim,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kernel").field("interpreter", &self.interpreter).finish_non_exhaustive()
    }
}

/// How a cell went.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecuteOutcome {
    /// Whether it ended without an exception.
    pub ok: bool,
    /// Its `In [n]` number.
    pub execution_count: Option<u32>,
    /// Time it took, seconds.
    pub seconds: f64,
    /// The exception, when one ended it.
    pub error: Option<Exception>,
}

/// An exception of the user's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its class.
    pub ename: String,
    /// Its message.
    pub evalue: String,
    /// As IPython formats it.
    pub traceback: Vec<String>,
}

/// Interrupts a kernel while something else waits for it.
#[derive(Clone, Debug)]
pub struct Interrupter(mpsc::UnboundedSender<Control>);

impl Interrupter {
    /// Raises `KeyboardInterrupt` in whatever the kernel runs.
    pub fn interrupt(&self) {
        // A channel that is closed belongs to a kernel that is gone.
        let _ = self.0.send(Control::Interrupt);
    }
}

impl Kernel {
    /// Starts a kernel with the interpreter `python` in `directory`, with `variables` added to the environment.
    ///
    /// # Errors
    /// When it does not start or does not get ready.
    pub async fn start(python: &Path, directory: &Path, variables: &[(OsString, OsString)]) -> Result<Self, KernelError> {
        let private = private_directory()?;
        let file = connection_file::offer(private.path()).map_err(|error| KernelError::Io { path: private.path().to_path_buf(), error })?;
        let mut command = Command::new(python);
        // What ipykernel warns of at its start would hide a kernel's last words.
        command.args(["-m", "ipykernel_launcher", "--log-level=40", "-f"]).arg(&file).current_dir(directory);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        // ipykernel ends by itself when the process with this number is gone.
        command.env("JPY_PARENT_PID", std::process::id().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let (process, _) = Supervised::spawn(&mut command).map_err(|error| KernelError::Start { python: python.to_path_buf(), error })?;

        let starting = async {
            let info = wait_for_ports(&file, &process, python).await?;
            let (death, _) = watch::channel(None);
            let channels = Channels::open(&info, &death, false).await?;
            Ok::<_, KernelError>((channels, death, info))
        };
        let (channels, death, info) = match tokio::time::timeout(START, starting).await {
            Ok(started) => started?,
            Err(_) => return Err(start_slow(&process)),
        };
        tokio::spawn(watch_process(process.watch(), death.clone()));
        let kernel = Self {
            channels,
            process: Some(process),
            death,
            interpreter: python.to_path_buf(),
            connection: None,
            archive: None,
            injected: false,
            ahead: Ahead::default(),
            directory: private,
        };
        kernel.greeted(&info.shell_url()).await
    }

    /// Attaches to a running kernel, which stays when this value goes.
    ///
    /// # Errors
    /// When the file is no connection file, nothing answers there, or it is no Python kernel.
    pub async fn attach(file: &Path) -> Result<Self, KernelError> {
        let info: ConnectionInfo = connection_file::read(file)?;
        let (death, _) = watch::channel(None);
        let channels = Channels::open(&info, &death, true).await?;
        let directory = private_directory()?;
        let connection = std::path::absolute(file).ok();
        let interpreter = PathBuf::new();
        let (process, archive, ahead) = (None, None, Ahead::default());
        let kernel = Self { channels, process, death, interpreter, connection, archive, injected: false, ahead, directory };
        let mut kernel = kernel.greeted(&info.shell_url()).await?;
        let executable = kernel.evaluate("__import__('sys').executable", None).await?;
        kernel.interpreter = PathBuf::from(executable);
        Ok(kernel)
    }

    /// Waits until the kernel says what it is and its publications arrive.
    async fn greeted(mut self, address: &str) -> Result<Self, KernelError> {
        match tokio::time::timeout(START, self.greet()).await {
            Ok(Ok(())) => Ok(self),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.process.as_ref().map_or_else(|| KernelError::NotThere { address: address.to_owned() }, start_slow)),
        }
    }

    /// The control channel answers while a cell runs, too. A status that belongs to a request proves that the subscription
    /// has arrived; a kernel that publishes none within a few rounds is believed.
    async fn greet(&mut self) -> Result<(), KernelError> {
        let mut told = false;
        let mut heard = false;
        let mut rounds_after_reply = 0;
        while !(told && (heard || rounds_after_reply > 10)) {
            let _ = self.channels.control.send(Control::Info);
            rounds_after_reply += u32::from(told);
            let round = tokio::time::sleep(Duration::from_millis(300));
            tokio::pin!(round);
            loop {
                tokio::select! {
                    reply = self.channels.control_replies.recv() => match reply {
                        Some(reply) => { check_language(&reply)?; told |= reply.kind == "kernel_info_reply"; }
                        None => return Err(KernelError::Transport("the control channel closed".to_owned())),
                    },
                    message = self.channels.published.recv() => heard |= message.is_some_and(|message| message.is_answer_status()),
                    why = died(&self.death) => return Err(KernelError::Died { why }),
                    () = &mut round => break,
                }
                if told && heard {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Runs a cell and reports what it prints and shows.
    ///
    /// # Errors
    /// When the kernel dies or cannot be reached; an exception of the cell is part of the outcome.
    pub async fn execute(
        &mut self,
        cell: &CellRef,
        source: &str,
        store_history: bool,
        on_event: OnEvent<'_>,
    ) -> Result<ExecuteOutcome, KernelError> {
        let started = Instant::now();
        on_event(Event::CellStarted { cell: cell.clone() });
        let mut request = ExecuteRequest::new(source.to_owned());
        request.silent = false;
        request.store_history = store_history;
        request.allow_stdin = false;
        request.stop_on_error = false;
        let mut publish = |message: Incoming| {
            if let Some(event) = event::output(&message.kind, &message.content, cell) {
                on_event(event);
            }
        };
        let reply = self.round_trip(request.into(), Some(&mut publish)).await?;
        let outcome = outcome(&reply, started.elapsed().as_secs_f64());
        on_event(Event::CellDone {
            cell: cell.clone(),
            ok: outcome.ok,
            seconds: outcome.seconds,
            execution_count: outcome.execution_count,
        });
        Ok(outcome)
    }

    /// Sends a request on the shell channel and waits for its reply; with `publish`, also for the end of its outputs.
    async fn round_trip(
        &mut self,
        request: JupyterMessage,
        mut publish: Option<&mut (dyn FnMut(Incoming) + Send)>,
    ) -> Result<Incoming, KernelError> {
        if let Some(why) = self.death.borrow().clone() {
            return Err(KernelError::Died { why });
        }
        let id = self.channels.request(request).await?;
        let mut reply: Option<(Incoming, Instant)> = None;
        let mut idle = publish.is_none();
        loop {
            let trail = reply.as_ref().map_or(TRAIL, |(_, came)| TRAIL.saturating_sub(came.elapsed()));
            tokio::select! {
                biased;
                message = self.channels.published.recv() => {
                    let Some(message) = message else { return Err(self.closed()) };
                    idle |= message.kind == "status" && message.text("execution_state") == "idle";
                    if let Some(publish) = publish.as_mut() {
                        publish(message);
                    }
                }
                message = self.channels.replies.recv() => match message {
                    Some(message) if message.parent == id => reply = Some((message, Instant::now())),
                    Some(_) => {}
                    None => return Err(self.closed()),
                },
                why = died(&self.death) => return Err(KernelError::Died { why }),
                () = tokio::time::sleep(trail), if reply.is_some() => idle = true,
            }
            if idle && let Some((reply, _)) = reply.take_if(|_| idle) {
                return Ok(reply);
            }
        }
    }

    /// A handle that interrupts the kernel while this value is borrowed.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.channels.control.clone())
    }

    /// Raises `KeyboardInterrupt` in whatever the kernel runs.
    pub fn interrupt(&self) {
        self.interrupter().interrupt();
    }

    /// Whether the kernel lives, as far as is known.
    pub fn is_alive(&self) -> bool {
        self.death.borrow().is_none()
    }

    /// Waits for the kernel's death and says how it died, independently of this value; it never ends when the kernel is let go alive.
    pub fn died(&self) -> impl Future<Output = String> + Send + use<> {
        let death = self.death();
        async move { death.seen().await }
    }

    /// A handle through which the kernel's death is seen while this value is borrowed.
    pub(crate) fn death(&self) -> Death {
        Death(self.death.clone())
    }

    /// The interpreter that runs the kernel.
    pub fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    /// The connection file of a kernel that we attached to, and that another process can attach to as well.
    pub fn connection(&self) -> Option<&Path> {
        self.connection.as_deref()
    }

    /// Process number of a kernel that we started.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Supervised::id)
    }

    /// Ends a kernel that we started, by asking first; leaves one that we attached to.
    pub async fn shutdown(mut self) {
        self.ahead.settle().await;
        if let Some(process) = &self.process {
            let _ = self.channels.control.send(Control::Shutdown);
            let _ = tokio::time::timeout(SHUTDOWN, process.ended()).await;
        }
        self.channels.close();
    }

    fn closed(&self) -> KernelError {
        let why = self.death.borrow().clone().unwrap_or_else(|| "its channels closed".to_owned());
        KernelError::Died { why }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.channels.close();
    }
}

/// Sees a kernel's death.
#[derive(Clone, Debug)]
pub struct Death(watch::Sender<Option<String>>);

impl Death {
    /// Waits for it and says how.
    pub(crate) async fn seen(&self) -> String {
        died(&self.0).await
    }
}

async fn died(death: &watch::Sender<Option<String>>) -> String {
    let mut death = death.subscribe();
    let why = death.wait_for(Option::is_some).await.map(|why| why.clone());
    match why {
        Ok(why) => why.unwrap_or_default(),
        // The sender lives in the kernel, so this is not reached while anybody waits.
        Err(_) => std::future::pending().await,
    }
}

async fn watch_process(process: crate::process::Watch, death: watch::Sender<Option<String>>) {
    let ending = process.ended().await;
    die(&death, &ending.to_string());
}

async fn wait_for_ports(file: &Path, process: &Supervised, python: &Path) -> Result<ConnectionInfo, KernelError> {
    loop {
        if let Some(info) = connection_file::accepted(file) {
            return Ok(info);
        }
        tokio::select! {
            ending = process.ended() => {
                return Err(KernelError::StartFailed { python: python.to_path_buf(), why: ending.to_string() });
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
}

fn start_slow(process: &Supervised) -> KernelError {
    let stderr = process.stderr();
    let stderr = if stderr.trim().is_empty() { String::new() } else { format!("; it wrote:\n{}", stderr.trim()) };
    KernelError::StartSlow { seconds: START.as_secs(), stderr }
}

fn check_language(reply: &Incoming) -> Result<(), KernelError> {
    if reply.kind != "kernel_info_reply" {
        return Ok(());
    }
    let language = reply.content.get("language_info").and_then(|info| info.get("name")).and_then(Value::as_str);
    match language {
        Some("python") => Ok(()),
        other => Err(KernelError::NotPython { language: other.unwrap_or("an unknown language").to_owned() }),
    }
}

fn outcome(reply: &Incoming, seconds: f64) -> ExecuteOutcome {
    let ok = reply.text("status") == "ok";
    let error = (!ok).then(|| Exception {
        ename: reply.text("ename").to_owned(),
        evalue: reply.text("evalue").to_owned(),
        traceback: event::strings(reply.content.get("traceback")),
    });
    ExecuteOutcome { ok, execution_count: event::count(&reply.content), seconds, error }
}

fn private_directory() -> Result<Claim, KernelError> {
    Claim::for_session().map_err(|error| KernelError::Io { path: std::env::temp_dir(), error })
}
