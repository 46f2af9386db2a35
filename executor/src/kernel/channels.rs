//! The channels to a kernel. One task reads each of them all the time: a message that nobody waits for must not make the
//! kernel's publisher drop one that somebody does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jupyter_protocol::{ConnectionInfo, InterruptRequest, JupyterMessage, KernelInfoRequest, ShutdownRequest};
use jupyter_zmq_client::{self as client, RawMessage};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use zeromq::SocketRecv;

use super::KernelError;

/// How long connecting to a kernel that should be there may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a heartbeat is asked for.
const BEAT: Duration = Duration::from_secs(1);

/// How long a heartbeat may stay away. ipykernel answers it outside Python, so a busy kernel is not late.
const SILENCE: Duration = Duration::from_secs(10);

/// A message from the kernel, as plain JSON: nothing of an output is lost on the way through.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) kind: String,
    pub(super) parent: String,
    pub(super) content: Map<String, Value>,
}

impl Incoming {
    pub(super) fn text(&self, key: &str) -> &str {
        self.content.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it is the status that goes with a request.
    pub(super) fn is_answer_status(&self) -> bool {
        self.kind == "status" && !self.parent.is_empty()
    }
}

/// Something to say on the control channel.
#[derive(Debug)]
pub(super) enum Control {
    Info,
    Interrupt,
    Shutdown,
}

/// The open channels.
pub(super) struct Channels {
    shell: client::DealerSendConnection,
    pub(super) replies: mpsc::UnboundedReceiver<Incoming>,
    pub(super) published: mpsc::UnboundedReceiver<Incoming>,
    pub(super) control: mpsc::UnboundedSender<Control>,
    pub(super) control_replies: mpsc::UnboundedReceiver<Incoming>,
    wanted: Arc<Mutex<Wanted>>,
    tasks: JoinSet<()>,
}

/// Which published messages are passed on.
#[derive(Debug, Default)]
enum Wanted {
    /// All: the kernel has just been connected to.
    #[default]
    All,
    /// Those that answer this request.
    Parent(String),
}

impl Channels {
    /// Connects to a kernel. A restart and, with `heartbeat`, a death are told through `death`.
    pub(super) async fn open(info: &ConnectionInfo, death: &watch::Sender<Option<String>>, heartbeat: bool) -> Result<Self, KernelError> {
        let opened = tokio::time::timeout(CONNECT, Self::connect(info, death, heartbeat)).await;
        opened.map_err(|_| KernelError::NotThere { address: info.shell_url() })?
    }

    async fn connect(info: &ConnectionInfo, death: &watch::Sender<Option<String>>, heartbeat: bool) -> Result<Self, KernelError> {
        let session = uuid::Uuid::new_v4().to_string();
        let identity = client::peer_identity_for_session(&session)?;
        let iopub = client::create_client_iopub_connection(info, "", &session).await?;
        let shell = client::create_client_shell_connection_with_identity(info, &session, identity).await?;
        let control = client::create_client_control_connection(info, &session).await?;
        let (shell, shell_reader) = shell.split();
        let (control, control_reader) = control.split();

        let mut tasks = JoinSet::new();
        let (reply, replies) = mpsc::unbounded_channel();
        // A kernel's control thread answers before the kernel publishes that it starts; its shell does not.
        let settled = Arc::new(AtomicBool::new(false));
        let settle = Arc::clone(&settled);
        tasks.spawn(forward(shell_reader, move |message| {
            settle.store(heartbeat, Ordering::Relaxed);
            reply.send(message).is_ok()
        }));
        let (control_reply, control_replies) = mpsc::unbounded_channel();
        tasks.spawn(forward(control_reader, move |message| control_reply.send(message).is_ok()));
        let (control_sender, requests) = mpsc::unbounded_channel();
        tasks.spawn(speak(control, requests));
        let wanted = Arc::new(Mutex::new(Wanted::All));
        let (publish, published) = mpsc::unbounded_channel();
        tasks.spawn(forward(iopub, filter(Arc::clone(&wanted), settled, publish, death.clone())));
        if heartbeat {
            let beats = client::create_client_heartbeat_connection(info).await?;
            tasks.spawn(listen(beats, info.clone(), death.clone()));
        }
        Ok(Self { shell, replies, published, control: control_sender, control_replies, wanted, tasks })
    }

    /// Sends a request on the shell channel; from now on only what answers it is passed on.
    pub(super) async fn request(&mut self, message: JupyterMessage) -> Result<String, KernelError> {
        let id = message.header.msg_id.clone();
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Wanted::Parent(id.clone());
        while self.published.try_recv().is_ok() {}
        while self.replies.try_recv().is_ok() {}
        self.shell.send(message).await?;
        Ok(id)
    }

    /// Stops reading; the sockets close.
    pub(super) fn close(&mut self) {
        self.tasks.abort_all();
    }
}

/// Reads messages until the socket fails or `pass` says that nobody listens. A message that cannot be read (another
/// session's signature, a broken header) is skipped.
async fn forward<S: SocketRecv>(mut connection: client::Connection<S>, mut pass: impl FnMut(Incoming) -> bool) {
    while let Ok(parts) = connection.socket.recv().await {
        let message = RawMessage::from_multipart(parts, &connection.mac).ok().and_then(|raw| parse(&raw));
        if message.is_some_and(|message| !pass(message)) {
            return;
        }
    }
}

fn parse(raw: &RawMessage) -> Option<Incoming> {
    let part = |index: usize| -> Option<Map<String, Value>> { serde_json::from_slice(raw.jparts.get(index)?).ok() };
    let text = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Incoming { kind: text(&part(0)?, "msg_type"), parent: text(&part(1)?, "msg_id"), content: part(3)? })
}

/// Passes on what is wanted, and sees a kernel that is not ours start again.
fn filter(
    wanted: Arc<Mutex<Wanted>>,
    settled: Arc<AtomicBool>,
    publish: mpsc::UnboundedSender<Incoming>,
    death: watch::Sender<Option<String>>,
) -> impl FnMut(Incoming) -> bool {
    move |message| {
        let wanted = wanted.lock().unwrap_or_else(PoisonError::into_inner);
        match &*wanted {
            Wanted::All => publish.send(message).is_ok(),
            Wanted::Parent(parent) if *parent == message.parent => publish.send(message).is_ok(),
            Wanted::Parent(_) => {
                let starts = message.kind == "status" && message.text("execution_state") == "starting";
                if starts && settled.load(Ordering::Relaxed) {
                    die(&death, "it was restarted");
                }
                true
            }
        }
    }
}

async fn speak(mut connection: client::DealerSendConnection, mut requests: mpsc::UnboundedReceiver<Control>) {
    while let Some(request) = requests.recv().await {
        let message: JupyterMessage = match request {
            Control::Info => KernelInfoRequest {}.into(),
            Control::Interrupt => InterruptRequest {}.into(),
            Control::Shutdown => ShutdownRequest { restart: false }.into(),
        };
        if connection.send(message).await.is_err() {
            return;
        }
    }
}

/// Asks for heartbeats until one stays away.
async fn listen(mut beats: client::ClientHeartbeatConnection, info: ConnectionInfo, death: watch::Sender<Option<String>>) {
    loop {
        let beat = tokio::time::timeout(SILENCE, beats.single_heartbeat()).await;
        if !matches!(beat, Ok(Ok(()))) && !revived(&mut beats, &info).await {
            return die(&death, "it no longer answers");
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// One more try over a new connection: a laptop that slept breaks the old one.
async fn revived(beats: &mut client::ClientHeartbeatConnection, info: &ConnectionInfo) -> bool {
    let again = async {
        let mut fresh = client::create_client_heartbeat_connection(info).await.ok()?;
        fresh.single_heartbeat().await.ok()?;
        Some(fresh)
    };
    match tokio::time::timeout(SILENCE, again).await {
        Ok(Some(fresh)) => {
            *beats = fresh;
            true
        }
        _ => false,
    }
}

/// Notes the death of a kernel, unless one is noted already.
pub(super) fn die(death: &watch::Sender<Option<String>>, why: &str) {
    death.send_if_modified(|known| {
        let news = known.is_none();
        known.get_or_insert_with(|| why.to_owned());
        news
    });
}
