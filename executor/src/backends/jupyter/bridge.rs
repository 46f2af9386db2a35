//! A byte stream over the messages of a kernel.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as SocketMessage};

use super::rest::Rest;
use super::wire::{self, Layout, Message, Packet};
use crate::backend::{BackendError, Connection, Peer, Task};
use crate::process::Ending;

/// Starts the worker in the kernel and passes its streams on.
const BRIDGE: &str = include_str!("bridge.py");

/// Longest piece of data in one message, bytes: servers reset connections over messages of tens of megabytes.
const CHUNK: usize = 4 << 20;

/// How many pieces may be on their way at once.
const AHEAD: usize = 4;

/// How often a sign of life is sent; `bridge.py` waits for one much longer.
const ALIVE: Duration = Duration::from_secs(3);

/// How long a kernel may take to answer at first: one that has just been started imports a lot.
const START: Duration = Duration::from_mins(2);

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Connects to a kernel and starts `python -u -c LINE` beside it; without `python`, the kernel's own.
pub(super) async fn open(rest: &Rest, kernel: &str, python: Option<String>, line: &str) -> Result<Connection, BackendError> {
    let session = uuid::Uuid::new_v4().simple().to_string();
    let (socket, layout) = connect(rest, kernel, &session).await?;
    let mut channel = Channel { socket, layout, session, comm: uuid::Uuid::new_v4().simple().to_string() };
    let python = match tokio::time::timeout(START, channel.prepare()).await {
        Ok(own) => python.unwrap_or(own?),
        Err(_) => return Err(failed(&format!("it did not answer within {} s", START.as_secs()))),
    };
    let data = json!({ "argv": [python, "-u", "-c", line] });
    let open = json!({ "comm_id": channel.comm, "target_name": "nbhoist", "data": data });
    channel.send("comm_open", &open, &[]).await.map_err(|error| failed(&error.to_string()))?;

    let (near, far) = tokio::io::duplex(2 * CHUNK);
    let (reader, writer) = tokio::io::split(near);
    let (ended, ending) = watch::channel(None);
    let (kill, killed) = mpsc::channel(1);
    let (from_us, to_us) = tokio::io::split(far);
    tokio::spawn(carry(channel, from_us, to_us, ended, killed));
    Ok(Connection { reader: Box::new(reader), writer: Box::new(writer), peer: Box::new(Bridged { ending, kill }) })
}

fn failed(why: &str) -> BackendError {
    BackendError::Service { what: "the kernel cannot be used".to_owned(), why: why.to_owned() }
}

async fn connect(rest: &Rest, kernel: &str, session: &str) -> Result<(Socket, Layout), BackendError> {
    let request = || {
        let mut request = rest.channels(kernel, session).into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(wire::SUBPROTOCOL));
        if let Some(Ok(value)) = rest.authorization().map(|value| HeaderValue::from_str(&value)) {
            request.headers_mut().insert("Authorization", value);
        }
        Ok::<_, SocketError>(request)
    };
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let connecting = async { tokio_tungstenite::connect_async_with_config(request()?, Some(config), true).await };
    match connecting.await {
        Ok((socket, response)) => {
            let spoken = response.headers().get("Sec-WebSocket-Protocol").and_then(|value| value.to_str().ok());
            let layout = if spoken == Some(wire::SUBPROTOCOL) { Layout::Parts } else { Layout::Mixed };
            Ok((socket, layout))
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

/// A socket and the comm on it.
struct Channel {
    socket: Socket,
    layout: Layout,
    session: String,
    comm: String,
}

impl Channel {
    async fn send(&mut self, kind: &str, content: &Value, buffers: &[&[u8]]) -> Result<String, SocketError> {
        let (id, packet) = wire::request(self.layout, &self.session, kind, content, buffers);
        let message = match packet {
            Packet::Text(text) => SocketMessage::text(text),
            Packet::Binary(bytes) => SocketMessage::binary(bytes),
        };
        self.socket.send(message).await?;
        Ok(id)
    }

    async fn say(&mut self, data: &Value, buffers: &[&[u8]]) -> Result<(), SocketError> {
        let content = json!({ "comm_id": self.comm, "data": data });
        self.send("comm_msg", &content, buffers).await.map(|_| ())
    }

    /// The next message; `None` when the socket is closed or broken.
    async fn receive(&mut self) -> Option<Message> {
        loop {
            let packet = match self.socket.next().await?.ok()? {
                SocketMessage::Text(text) => Packet::Text(text.to_string()),
                SocketMessage::Binary(bytes) => Packet::Binary(bytes.to_vec()),
                SocketMessage::Close(_) => return None,
                _ => continue,
            };
            if let Some(message) = wire::decode(self.layout, &packet) {
                return Some(message);
            }
        }
    }

    /// Makes the kernel ready; gives its interpreter. What is said before the kernel listens may be lost, so it is asked again.
    async fn prepare(&mut self) -> Result<String, BackendError> {
        let gone = |error: SocketError| failed(&error.to_string());
        let request = json!({
            "code": BRIDGE, "silent": true, "store_history": false, "allow_stdin": false, "stop_on_error": false,
            "user_expressions": { "python": "__import__('sys').executable" },
        });
        let id = self.send("execute_request", &request, &[]).await.map_err(gone)?;
        loop {
            let message = self.receive().await.ok_or_else(|| failed("the server closed the connection"))?;
            if message.kind != "execute_reply" || message.parent != id {
                continue;
            }
            let python =
                message.content.get("user_expressions").and_then(|values| values.get("python")?.get("data")?.get("text/plain")?.as_str());
            return match python {
                Some(shown) => Ok(shown.trim_matches(['\'', '"']).to_owned()),
                None => Err(failed(&format!("it does not run IPython: {}", message.content))),
            };
        }
    }
}

/// The far end as its comm tells of it.
struct Bridged {
    ending: watch::Receiver<Option<Ending>>,
    kill: mpsc::Sender<()>,
}

impl Peer for Bridged {
    fn ended(&self) -> Task<'_, Ending> {
        let mut ending = self.ending.clone();
        Box::pin(async move {
            let ended = ending.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone());
            ended.unwrap_or_else(|| Ending { status: "ended unobserved".to_owned(), stderr: String::new() })
        })
    }

    fn kill(&self) {
        let _ = self.kill.try_send(());
    }
}

/// How data stands between here and the kernel.
struct Flow {
    /// How many more pieces may be sent.
    window: usize,
    /// Number of the next piece that comes.
    expected: u64,
}

/// Passes data on in both directions until either side ends.
async fn carry(
    mut channel: Channel,
    mut from_us: ReadHalf<DuplexStream>,
    mut to_us: WriteHalf<DuplexStream>,
    ended: watch::Sender<Option<Ending>>,
    mut killed: mpsc::Receiver<()>,
) {
    let mut flow = Flow { window: AHEAD, expected: 0 };
    let mut open = true;
    let mut alive = tokio::time::interval(ALIVE);
    let mut piece = vec![0; CHUNK];
    let ending = loop {
        tokio::select! {
            biased;
            _ = killed.recv() => break None,
            message = channel.receive() => {
                let Some(message) = message else { break None };
                match take(&mut channel, &mut flow, &message, &mut to_us).await {
                    Ok(None) => {}
                    Ok(Some(ending)) => break Some(ending),
                    Err(()) => break None,
                }
            }
            count = from_us.read(&mut piece), if open && flow.window > 0 => match count {
                Ok(count @ 1..) => {
                    flow.window -= 1;
                    if channel.say(&json!({}), &[&piece[..count]]).await.is_err() {
                        break None;
                    }
                }
                // Nobody writes any more, but what comes may still be read.
                _ => open = false,
            },
            _ = alive.tick() => if channel.say(&json!({}), &[]).await.is_err() { break None },
        }
    };
    let close = json!({ "comm_id": channel.comm, "data": {} });
    let _ = channel.send("comm_close", &close, &[]).await;
    let _ = channel.socket.close(None).await;
    let cut = || Ending { status: "the connection to the Jupyter server was cut".to_owned(), stderr: String::new() };
    ended.send_replace(Some(ending.unwrap_or_else(cut)));
    let _ = to_us.shutdown().await;
}

/// Handles one message: the ending when it tells one, an error when the stream has a hole.
async fn take(
    channel: &mut Channel,
    flow: &mut Flow,
    message: &Message,
    to_us: &mut WriteHalf<DuplexStream>,
) -> Result<Option<Ending>, ()> {
    if message.kind == "status" {
        let state = message.content.get("execution_state").and_then(Value::as_str).unwrap_or_default();
        return if matches!(state, "restarting" | "autorestarting" | "dead") {
            Ok(Some(Ending { status: format!("the kernel on the server is {state}"), stderr: String::new() }))
        } else {
            Ok(None)
        };
    }
    if !message.kind.starts_with("comm_") || message.content.get("comm_id").and_then(Value::as_str) != Some(&channel.comm) {
        return Ok(None);
    }
    let data = message.content.get("data").cloned().unwrap_or_default();
    flow.window += data.get("taken").and_then(Value::as_u64).unwrap_or_default() as usize;
    let Some(number) = data.get("number").and_then(Value::as_u64) else { return Ok(None) };
    if number != flow.expected {
        return Err(());
    }
    flow.expected += 1;
    if let Some(code) = data.get("exit").and_then(Value::as_i64) {
        let stderr = data.get("stderr").and_then(Value::as_str).unwrap_or_default().to_owned();
        let status = if code < 0 { format!("killed by signal {}", -code) } else { format!("exit code {code}") };
        return Ok(Some(Ending { status, stderr }));
    }
    for buffer in &message.buffers {
        to_us.write_all(buffer).await.map_err(|_| ())?;
    }
    channel.say(&json!({ "taken": 1 }), &[]).await.map_err(|_| ())?;
    Ok(None)
}
