//! The kernel of each notebook: attached to, or started here. One job at a time uses it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nbhoist_executor::cancel::Cancel;
use nbhoist_executor::kernel::{Interrupter, Kernel};
use nbhoist_executor::python;
use serde_json::{Value, json};

use crate::document::Uri;
use crate::error::Fault;
use crate::hover::Weighed;
use crate::jupyter;
use crate::outbox::{Notice, Outbox};
use crate::session::Session;
use crate::snapshot;
use crate::ticket::Ticket;

/// How long a hover waits for what the kernel says of a value.
const HOVER: Duration = Duration::from_secs(2);

/// How long the end of the server waits for its kernels.
const ENDING: Duration = Duration::from_secs(3);

/// What a kernel does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    #[default]
    None,
    /// It starts.
    Starting,
    /// It waits for work.
    Idle,
    /// A job uses it.
    Busy,
    /// It has died.
    Dead,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Dead => "dead",
        }
    }
}

/// The kernels, by notebook.
#[derive(Debug, Default)]
pub(crate) struct Kernels(Mutex<HashMap<Uri, Arc<Slot>>>);

/// The place of one notebook's kernel.
#[derive(Debug)]
pub(crate) struct Slot {
    notebook: Uri,
    /// Whoever holds the lock uses the kernel.
    pub(crate) kernel: Arc<tokio::sync::Mutex<Option<Kernel>>>,
    view: Mutex<View>,
}

/// What can be said while a job uses the kernel.
#[derive(Debug, Default)]
struct View {
    state: State,
    started: Option<bool>,
    python: Option<PathBuf>,
    file: Option<PathBuf>,
    execution_count: Option<u32>,
    interrupter: Option<Interrupter>,
    /// Stops the job that uses the kernel.
    job: Option<Cancel>,
    /// Takes the kernel away from it.
    abort: Cancel,
    /// Watches for its death.
    watch: Option<AbortOnDrop>,
}

/// A task that ends with this value.
#[derive(Debug)]
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The start of a kernel, until it has one end or the other.
struct Starting<'s> {
    slot: &'s Slot,
    otherwise: State,
    outbox: &'s Outbox,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        let state = self.slot.view().state;
        if state == State::Starting {
            self.slot.tell(self.otherwise, self.outbox);
        }
    }
}

impl Kernels {
    /// The notebooks that have had a kernel.
    fn notebooks(&self) -> Vec<Uri> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The place for a notebook's kernel.
    pub(crate) fn slot(&self, notebook: &Uri) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Slot { notebook: Arc::clone(notebook), kernel: Arc::default(), view: Mutex::default() });
        Arc::clone(slots.entry(Arc::clone(notebook)).or_insert_with(fresh))
    }
}

impl Slot {
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernel object.
    pub(crate) fn describe(&self) -> Value {
        let view = self.view();
        json!({
            "notebook": &*self.notebook,
            "state": view.state.as_str(),
            "origin": view.started.map(|started| if started { "started" } else { "attached" }),
            "python": view.python,
            "connectionFile": view.file,
            "executionCount": view.execution_count,
        })
    }

    fn tell(&self, state: State, outbox: &Outbox) {
        let known = std::mem::replace(&mut self.view().state, state);
        if known != state {
            outbox.notice(Notice::KernelStatus, self.describe());
        }
    }

    /// A place in the queue for the kernel. A restart reaches every job that is in it.
    pub(crate) fn queue(&self) -> Ticket {
        let abort = self.view().abort.clone();
        Ticket::new(&self.kernel, abort)
    }

    /// Notes that a job uses the kernel.
    pub(crate) fn busy(&self, job: &Cancel, outbox: &Outbox) {
        self.view().job = Some(job.clone());
        self.tell(State::Busy, outbox);
    }

    /// Notes that a kernel starts. When that comes to nothing, also because nobody waits for it any more, the state is `otherwise`.
    fn starting<'s>(&'s self, otherwise: State, outbox: &'s Outbox) -> Starting<'s> {
        self.tell(State::Starting, outbox);
        Starting { slot: self, otherwise, outbox }
    }

    /// Notes that the job has ended and left the kernel as it is.
    pub(crate) fn free(&self, kernel: Option<&Kernel>, execution_count: Option<u32>, outbox: &Outbox) {
        {
            let mut view = self.view();
            view.job = None;
            view.execution_count = execution_count.or(view.execution_count);
        }
        let state = match kernel {
            Some(kernel) if kernel.is_alive() => State::Idle,
            Some(_) => State::Dead,
            None => State::None,
        };
        self.tell(state, outbox);
    }

    /// Puts a kernel into its place.
    fn fill(self: &Arc<Self>, kernel: &Kernel, file: Option<&Path>, outbox: &Outbox) {
        let (died, slot, to) = (kernel.died(), Arc::clone(self), outbox.clone());
        let watch = tokio::spawn(async move {
            died.await;
            slot.tell(State::Dead, &to);
        });
        {
            let mut view = self.view();
            view.started = Some(kernel.process_id().is_some());
            view.python = Some(kernel.interpreter().to_path_buf());
            view.file = file.map(Path::to_path_buf);
            view.interrupter = Some(kernel.interrupter());
            view.execution_count = None;
            view.watch = Some(AbortOnDrop(watch.abort_handle()));
        }
        self.tell(State::Idle, outbox);
    }

    /// Stops what uses the kernel: the first time by its job, so that it is known to have been stopped; then by a plain interrupt.
    pub(crate) fn interrupt(&self) {
        let view = self.view();
        match &view.job {
            Some(job) if !job.is_cancelled() => job.cancel(),
            _ => {
                if let Some(interrupter) = &view.interrupter {
                    interrupter.interrupt();
                }
            }
        }
    }

    /// Takes the kernel away from whoever uses it.
    fn abort(&self) {
        let mut view = self.view();
        view.abort.cancel();
        view.abort = Cancel::new();
    }
}

impl Session {
    /// # Errors
    /// When the workspace is not trusted.
    pub(crate) fn trusted(&self) -> Result<(), Fault> {
        if self.options().trusted {
            return Ok(());
        }
        Err(Fault::Failed("this workspace is not trusted, so nothing is started, attached to or moved; trust it first".to_owned()))
    }

    /// Attaches to a running kernel.
    ///
    /// # Errors
    /// When there is no usable kernel behind the file.
    pub(crate) async fn attach_kernel(&self, notebook: &Uri, file: &Path) -> Result<Value, Fault> {
        self.trusted()?;
        let slot = self.kernels.slot(notebook);
        // Attaching once more to the same kernel is what a client does to be sure, also while a job uses it.
        if slot.view().file.as_deref() == Some(file) {
            match slot.kernel.try_lock() {
                Ok(place) if place.as_ref().is_some_and(Kernel::is_alive) => return Ok(slot.describe()),
                Err(_) => return Ok(slot.describe()),
                Ok(_) => {}
            }
        }
        let mut place = slot.kernel.lock().await;
        let before = slot.view().state;
        let _starting = slot.starting(before, &self.outbox);
        let kernel = Kernel::attach(file).await.map_err(Fault::failed)?;
        slot.fill(&kernel, Some(file), &self.outbox);
        if let Some(old) = place.replace(kernel) {
            old.shutdown().await;
        }
        Ok(slot.describe())
    }

    /// Attaches again to a kernel that its owner restarted: it listens where it did before.
    pub(crate) async fn revive(&self, slot: &Arc<Slot>, place: &mut Option<Kernel>) {
        let file = slot.view().file.clone();
        let dead = place.as_ref().is_some_and(|kernel| !kernel.is_alive());
        if let Some(file) = file.filter(|_| dead)
            && let Ok(kernel) = Kernel::attach(&file).await
        {
            slot.fill(&kernel, Some(&file), &self.outbox);
            *place = Some(kernel);
        }
    }

    /// Attaches to the kernel that a Jupyter server runs for this notebook.
    ///
    /// # Errors
    /// When no server has a session for it.
    pub(crate) async fn find_kernel(&self, notebook: &Uri, server: Option<jupyter::Server>) -> Result<Value, Fault> {
        self.trusted()?;
        let path = snapshot::path(notebook).ok_or_else(|| Fault::Failed(format!("{notebook} is not a file on this machine")))?;
        let file = jupyter::connection_file(&path, server).await.map_err(Fault::failed)?;
        self.attach_kernel(notebook, &file).await
    }

    /// Starts a kernel for this notebook; one that was started before ends.
    ///
    /// # Errors
    /// When there is no interpreter with ipykernel, or it does not start.
    pub(crate) async fn start_kernel(&self, notebook: &Uri, python: Option<&Path>) -> Result<Value, Fault> {
        self.trusted()?;
        let configured = self.options().python;
        let python = python::find(python.or(configured.as_deref())).await.map_err(Fault::failed)?;
        let folder = snapshot::folder(notebook).filter(|folder| folder.is_dir());
        let folder = folder.unwrap_or_else(|| std::env::current_dir().unwrap_or_else(|_| std::env::temp_dir()));
        let slot = self.kernels.slot(notebook);
        slot.abort();
        let mut place = slot.kernel.lock().await;
        slot.view().watch = None;
        if let Some(old) = place.take() {
            old.shutdown().await;
        }
        let _starting = slot.starting(State::None, &self.outbox);
        let kernel = Kernel::start(&python.path, &folder, &[]).await.map_err(Fault::failed)?;
        slot.fill(&kernel, None, &self.outbox);
        *place = Some(kernel);
        Ok(slot.describe())
    }

    /// Ends a kernel that was started here and starts it again.
    ///
    /// # Errors
    /// When it is not ours, or does not start.
    pub(crate) async fn restart_kernel(&self, notebook: &Uri) -> Result<Value, Fault> {
        let (started, python) = {
            let slot = self.kernels.slot(notebook);
            let view = slot.view();
            (view.started, view.python.clone())
        };
        match started {
            Some(true) => {
                self.lives.forget(notebook);
                self.start_kernel(notebook, python.as_deref()).await
            }
            Some(false) => Err(Fault::Failed("this kernel was started elsewhere; restart it there and attach again".to_owned())),
            None => Err(Fault::Failed("this notebook has no kernel; start one with `nbhoist/startKernel`".to_owned())),
        }
    }

    /// Ends a kernel that was started here, or lets go of one that was not.
    pub(crate) async fn shutdown_kernel(&self, notebook: &Uri) -> Value {
        let slot = self.kernels.slot(notebook);
        slot.abort();
        let mut place = slot.kernel.lock().await;
        slot.view().watch = None;
        if let Some(kernel) = place.take() {
            kernel.shutdown().await;
        }
        {
            let mut view = slot.view();
            *view = View { state: view.state, abort: view.abort.clone(), ..View::default() };
        }
        slot.tell(State::None, &self.outbox);
        slot.describe()
    }

    /// Ends every kernel that was started here, with what it has in the folder for temporary files. The editor that ends the server does not
    /// wait for long.
    pub(crate) async fn end_kernels(self: &Arc<Self>) {
        let mut ending = tokio::task::JoinSet::new();
        for notebook in self.kernels.notebooks() {
            let session = Arc::clone(self);
            ending.spawn(async move { session.shutdown_kernel(&notebook).await });
        }
        if tokio::time::timeout(ENDING, ending.join_all()).await.is_err() {
            crate::log::line("a kernel did not end in time; another start of nbhoist removes what it left");
        }
    }

    /// What the kernel says of a value; nothing when it is busy or slow.
    pub(crate) async fn weigh(&self, notebook: &Uri, name: &str) -> Option<Weighed> {
        let slot = self.kernels.slot(notebook);
        let mut place = slot.kernel.try_lock().ok()?;
        let kernel = place.as_mut().filter(|kernel| kernel.is_alive())?;
        let argument = json!({ "names": [name], "seconds": 0.2 });
        let answer = tokio::time::timeout(HOVER, kernel.call("probe", &argument, None)).await.ok()?.ok()?;
        serde_json::from_value(answer.get("names")?.get(name)?.clone()).ok()
    }
}
