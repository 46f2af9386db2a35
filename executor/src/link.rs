//! The way to a worker: frames out, frames in, and a new stream where the old one was cut.
//!
//! Frames are numbered by counting them. A worker that is held (see `lease.py`) says how many it has taken and is told how
//! many have arrived here, so nothing is lost and nothing is done twice. One task reads and one writes, so that dropping
//! a future here never leaves half a frame behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backend::{Backend, Connection, Errand, Peer, Reader, Writer};
use crate::frames::{self, Frame, FrameError, FrameReader};
use crate::process::Ending;
use crate::runtime::{self, Archive};
use crate::seal::{self, Key, Nonce, Seal};
use crate::worker::{WorkerError, accept};

/// How many frames may wait to be handled or written; each has up to 4 MiB.
const QUEUE: usize = 4;

/// How long a worker whose stream ended may take to end, and one that was asked to end may take to go.
const PARTING: Duration = Duration::from_secs(15);

/// How long a worker may take to go that nobody wants anything of any more, and how long the program that holds it.
const LEAVING: [(&str, Duration); 2] = [("exit", Duration::from_secs(2)), ("close", Duration::from_secs(1))];

/// How long a place may take to answer a new stream.
const GREETING: Duration = Duration::from_secs(30);

/// After so many frames the holder is told that they arrived; it keeps those of half its memory at most before it waits for that.
const ACKNOWLEDGE: u64 = 4;

/// How often a holder is asked whether it is there while nothing comes, and after how much silence the stream counts as cut: some
/// programs between do not tell when their other end has gone.
const BEAT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(20);

/// First and longest pause between two attempts to attach again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How often a frame may come other than it was sent, before it counts as having been sent so.
const SPOILED: u32 = 3;

/// What `again` in `lease.py` ends with when no worker is held under the name.
const NOT_HELD: &str = "exit code 69";

/// A stream and the tasks that serve it.
struct Stream {
    outgoing: mpsc::Sender<Vec<Frame>>,
    incoming: mpsc::Receiver<Result<Frame, FrameError>>,
    peer: Box<dyn Peer>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.peer.kill();
    }
}

/// The way to one worker.
pub(crate) struct Link {
    backend: Arc<dyn Backend>,
    session: String,
    key: Key,
    lease: Duration,
    stream: Stream,
    /// Whether the worker is to be found again when the stream is cut.
    armed: bool,
    /// Whether its place has been given back.
    closed: bool,
    /// When it was cut, until there is a new one.
    cut: Option<Instant>,
    /// When something came last.
    heard: Instant,
    sent: u64,
    received: u64,
    acknowledged: u64,
    /// Frames that may have to be sent again, from the first that the holder has not confirmed on.
    unconfirmed: VecDeque<Frame>,
    /// Frames that are told once more to who attached late, still to come.
    replayed: u64,
    /// How often a frame has come that was not as it was sent, since the last that was.
    spoiled: u32,
    notes: mpsc::UnboundedSender<String>,
}

impl Link {
    /// Starts a worker and sends it the runtime. A `lease` that is not zero lets it be held.
    pub(crate) async fn open(
        backend: Arc<dyn Backend>,
        archive: &Archive,
        lease: Duration,
        notes: mpsc::UnboundedSender<String>,
    ) -> Result<Self, WorkerError> {
        let session = uuid::Uuid::new_v4().simple().to_string();
        let held = !lease.is_zero();
        let key = Key::random().map_err(unsealed)?;
        let errand = if held { Errand::held(&session, lease) } else { Errand::worker(&session, archive.worker_line()) };
        let connection = backend.connect(&errand).await?;
        let program = if held { runtime::lease_script().as_bytes() } else { archive.bytes() };
        let stream = Stream::new(connection, [program, key.bytes()].concat(), &key)?;
        let mut link = Self {
            backend,
            session,
            key,
            lease,
            stream,
            armed: false,
            closed: false,
            cut: None,
            heard: Instant::now(),
            sent: 0,
            received: 0,
            acknowledged: 0,
            unconfirmed: VecDeque::new(),
            replayed: 0,
            spoiled: 0,
            notes,
        };
        if held {
            link.write(Frame::new("attach").with("received", 0)).await?;
            let start = Frame::new("start").with("line", archive.worker_line()).with_payload(archive.bytes().to_vec());
            link.write(start).await?;
            let greeting = link.raw().await?;
            if greeting.op() != "attached" {
                return Err(WorkerError::Protocol(format!("it greets with {:?}", greeting.op())));
            }
        }
        Ok(link)
    }

    /// Attaches to a worker that is held since another process left it, and has everything told once more that its block showed.
    pub(crate) async fn reopen(
        backend: Arc<dyn Backend>,
        session: &str,
        key: &Key,
        lease: Duration,
        notes: mpsc::UnboundedSender<String>,
    ) -> Result<Self, WorkerError> {
        let (stream, greeting) = attach(backend.as_ref(), session, key, lease, None).await?;
        let number = |key: &str| greeting.header.get(key).and_then(Value::as_u64).unwrap_or_default();
        Ok(Self {
            backend,
            session: session.to_owned(),
            key: key.clone(),
            lease,
            stream,
            armed: true,
            closed: false,
            cut: None,
            heard: Instant::now(),
            sent: number("received"),
            received: number("next"),
            acknowledged: number("next"),
            unconfirmed: VecDeque::new(),
            replayed: number("replay"),
            spoiled: 0,
            notes,
        })
    }

    /// The name under which the worker is held.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// What its streams are sealed with.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// From now on a cut of the stream is not the end of the worker.
    pub(crate) async fn arm(&mut self) -> Result<(), WorkerError> {
        self.heard = Instant::now();
        if !self.lease.is_zero() {
            self.write(Frame::new("lease").with("seconds", self.lease.as_secs_f64()).with("running", true)).await?;
            self.armed = true;
        }
        Ok(())
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: Frame) -> Result<(), WorkerError> {
        self.sent += 1;
        if self.armed {
            // What cannot be written now goes out when the worker is found again.
            self.unconfirmed.push_back(frame.clone());
            let _ = self.stream.outgoing.send(vec![frame]).await;
            return Ok(());
        }
        self.write(frame).await
    }

    async fn write(&mut self, frame: Frame) -> Result<(), WorkerError> {
        match self.stream.outgoing.send(vec![frame]).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.died().await),
        }
    }

    /// The next frame. Dropping the future loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<Frame, WorkerError> {
        loop {
            let Some(came) = self.next_or_silence().await else { continue };
            let frame = match came {
                Some(Ok(frame)) if frame.op() == "pong" => continue,
                Some(Ok(frame)) => frame,
                // What was changed on its way is sent once more; what is wrong again and again is wrong there.
                Some(Err(FrameError::Forged { .. })) if self.armed && self.spoiled < SPOILED => {
                    self.spoiled += 1;
                    self.find_again().await?;
                    continue;
                }
                Some(Err(FrameError::Truncated { .. } | FrameError::Io(_))) | None if self.armed => {
                    self.find_again().await?;
                    continue;
                }
                Some(Err(FrameError::Truncated { .. } | FrameError::Io(_))) | None => return Err(self.died().await),
                Some(Err(error)) => return Err(WorkerError::Protocol(error.to_string())),
            };
            self.count();
            match frame.op() {
                "gone" => return Err(self.gone(&frame)),
                "answered" => {}
                _ => return Ok(frame),
            }
        }
    }

    /// What comes next, `Some(None)` for the end of the stream; `None` when nothing has come for a while, and the holder has been asked.
    async fn next_or_silence(&mut self) -> Option<Option<Result<Frame, FrameError>>> {
        if !self.armed {
            return Some(self.stream.incoming.recv().await);
        }
        if let Ok(came) = tokio::time::timeout(BEAT, self.stream.incoming.recv()).await {
            self.heard = Instant::now();
            return Some(came);
        }
        if self.cut.is_none() && self.heard.elapsed() > SILENCE {
            self.stream.peer.kill();
            return Some(None);
        }
        let _ = self.stream.outgoing.try_send(vec![Frame::new("ping")]);
        self.acknowledge();
        None
    }

    /// A frame of the holder's own.
    async fn raw(&mut self) -> Result<Frame, WorkerError> {
        match self.stream.incoming.recv().await {
            Some(Ok(frame)) => Ok(frame),
            Some(Err(FrameError::Truncated { .. } | FrameError::Io(_))) | None => Err(self.died().await),
            Some(Err(error)) => Err(WorkerError::Protocol(error.to_string())),
        }
    }

    fn count(&mut self) {
        self.spoiled = 0;
        if self.replayed > 0 {
            self.replayed -= 1;
            return;
        }
        self.received += 1;
        if !self.lease.is_zero() && self.received >= self.acknowledged + ACKNOWLEDGE {
            self.acknowledge();
        }
    }

    /// Tells the holder what has arrived. A queue that is full will do with a later one.
    fn acknowledge(&mut self) {
        let ack = Frame::new("ack").with("frames", self.received);
        if self.received > self.acknowledged && self.stream.outgoing.try_send(vec![ack]).is_ok() {
            self.acknowledged = self.received;
        }
    }

    fn gone(&mut self, frame: &Frame) -> WorkerError {
        self.armed = false;
        let text = |key: &str| frame.header.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        WorkerError::Died(Ending { status: text("status"), stderr: text("stderr") })
    }

    /// Attaches again, with growing pauses, for as long as the worker is held.
    async fn find_again(&mut self) -> Result<(), WorkerError> {
        // This future may be dropped and made again while the link is away.
        let cut = match self.cut {
            Some(cut) => cut,
            None => {
                let seconds = self.lease.as_secs();
                let _ = self.notes.send(format!("the link was cut; the block goes on there, and is looked for again for {seconds} s"));
                *self.cut.insert(Instant::now())
            }
        };
        let until = cut + self.lease;
        let mut pause = PAUSES.0;
        loop {
            let why = match attach(self.backend.as_ref(), &self.session, &self.key, self.lease, Some(self.received)).await {
                Ok((stream, greeting)) => return self.resume(stream, &greeting),
                Err(WorkerError::Died(ending)) if ending.status == NOT_HELD => {
                    self.armed = false;
                    return Err(WorkerError::Died(Ending { status: "the link was cut, and its place is gone".to_owned(), ..ending }));
                }
                Err(error) => error,
            };
            if Instant::now() + pause >= until {
                self.armed = false;
                let status =
                    format!("the link was cut, and the worker could not be reached again within {} s: {why}", self.lease.as_secs());
                return Err(WorkerError::Died(Ending { status, stderr: String::new() }));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Takes the new stream, and sends what the holder has not taken yet.
    fn resume(&mut self, stream: Stream, greeting: &Frame) -> Result<(), WorkerError> {
        let taken = greeting.header.get("received").and_then(Value::as_u64).unwrap_or_default();
        let missing = self.sent.saturating_sub(taken) as usize;
        if missing > self.unconfirmed.len() {
            return Err(WorkerError::Protocol("it has lost requests that it had taken".to_owned()));
        }
        self.unconfirmed.drain(..self.unconfirmed.len() - missing);
        self.stream = stream;
        self.cut = None;
        self.heard = Instant::now();
        // The queue of a new stream is empty: in one piece they go before whatever is sent next.
        let _ = self.stream.outgoing.try_send(self.unconfirmed.iter().cloned().collect());
        let _ = self.notes.send("the link is there again".to_owned());
        Ok(())
    }

    /// Asks the worker to end, and ends it when it does not.
    pub(crate) async fn finish(&mut self) {
        self.part(&[("exit", PARTING)]).await;
    }

    /// Ends the worker at once, also one that would be held.
    pub(crate) async fn close(&mut self) {
        let words: &[_] = if self.armed { &[("close", PARTING)] } else { &[] };
        self.part(words).await;
    }

    /// Asks the worker to end for somebody who does not wait: nothing may pass on the link.
    pub(crate) async fn leave(&mut self) {
        let words = if self.armed { 2 } else { 1 };
        self.part(&LEAVING[..words]).await;
    }

    /// Says each of these until the stream ends, each for so long, then ends it and gives the place back.
    async fn part(&mut self, words: &[(&str, Duration)]) {
        self.armed = false;
        if self.closed {
            return;
        }
        for (word, patience) in words {
            let parting = async {
                // On a link that stands still the queue may be full for ever.
                if self.stream.outgoing.send(vec![Frame::new(word)]).await.is_ok() {
                    self.stream.peer.ended().await;
                }
            };
            if tokio::time::timeout(*patience, parting).await.is_ok() {
                break;
            }
        }
        self.stream.peer.kill();
        self.closed = true;
        self.backend.close(&self.session).await;
    }

    /// Why the stream ended. What it held before its end, a message of another program or the worker's reason, say, tells more than the end.
    async fn died(&mut self) -> WorkerError {
        let until = tokio::time::Instant::now() + PARTING;
        while let Ok(Some(frame)) = tokio::time::timeout_at(until, self.stream.incoming.recv()).await {
            match frame {
                Ok(frame) if frame.op() == "gone" => return self.gone(&frame),
                // It fails at no request, but as a whole.
                Ok(frame) if frame.op() == "failed" && !frame.header.contains_key("id") => {
                    if let Err(error) = accept(frame) {
                        return error;
                    }
                }
                Ok(_) | Err(FrameError::Truncated { .. } | FrameError::Io(_)) => {}
                Err(error) => return WorkerError::Protocol(error.to_string()),
            }
        }
        let ending = match tokio::time::timeout_at(until, self.stream.peer.ended()).await {
            Ok(ending) => ending,
            Err(_) => Ending { status: "its stream ended, though its process did not".to_owned(), stderr: String::new() },
        };
        WorkerError::Died(ending)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let (backend, session) = (Arc::clone(&self.backend), std::mem::take(&mut self.session));
        // A worker that is held may be found by another process; anything else is given back.
        if let (false, false, Ok(runtime)) = (self.closed, self.armed, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { backend.close(&session).await });
        }
    }
}

impl Stream {
    /// A stream whose other end gets `prologue` first, and then what makes its keys from `key`.
    fn new(connection: Connection, mut prologue: Vec<u8>, key: &Key) -> Result<Self, WorkerError> {
        let nonce: Nonce = seal::random().map_err(unsealed)?;
        prologue.extend_from_slice(&nonce);
        let (sender, incoming) = mpsc::channel(QUEUE);
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let reader = FrameReader::sealed(connection.reader, key.of_worker(&nonce));
        let writing = write(connection.writer, prologue, queue, key.to_worker(&nonce));
        let tasks = [tokio::spawn(read(reader, sender)), tokio::spawn(writing)];
        Ok(Self { outgoing, incoming, peer: connection.peer, tasks })
    }
}

/// A new stream to a worker that is held; `received` frames have arrived here, or `None` to be told everything once more.
async fn attach(
    backend: &dyn Backend,
    session: &str,
    key: &Key,
    lease: Duration,
    received: Option<u64>,
) -> Result<(Stream, Frame), WorkerError> {
    let connection = backend.connect(&Errand::again(session, lease)).await?;
    let mut stream = Stream::new(connection, runtime::lease_script().as_bytes().to_vec(), key)?;
    let greet = async {
        let _ = stream.outgoing.send(vec![Frame::new("attach").with("received", received)]).await;
        stream.incoming.recv().await
    };
    match tokio::time::timeout(GREETING, greet).await {
        Ok(Some(Ok(frame))) if frame.op() == "attached" => Ok((stream, frame)),
        Ok(Some(Ok(frame))) => Err(WorkerError::Protocol(format!("it greets with {:?}", frame.op()))),
        Ok(Some(Err(FrameError::Truncated { .. } | FrameError::Io(_))) | None) => {
            let ending = tokio::time::timeout(PARTING, stream.peer.ended()).await;
            let unknown = |_| Ending { status: "its stream ended".to_owned(), stderr: String::new() };
            Err(WorkerError::Died(ending.unwrap_or_else(unknown)))
        }
        Ok(Some(Err(error))) => Err(WorkerError::Protocol(error.to_string())),
        Err(_) => Err(WorkerError::Protocol(format!("it does not answer within {} s", GREETING.as_secs()))),
    }
}

fn unsealed(error: seal::KeyError) -> WorkerError {
    WorkerError::Protocol(error.to_string())
}

async fn read(mut frames: FrameReader<Reader>, sender: mpsc::Sender<Result<Frame, FrameError>>) {
    while let Some(frame) = frames.next().await.transpose() {
        let failed = frame.is_err();
        if sender.send(frame).await.is_err() || failed {
            return;
        }
    }
}

/// A stream that cannot be written any more is noticed by its queue, which closes, and by its end, which is read.
async fn write(mut writer: Writer, prologue: Vec<u8>, mut queue: mpsc::Receiver<Vec<Frame>>, mut seal: Seal) {
    if writer.write_all(&prologue).await.is_err() || writer.flush().await.is_err() {
        return;
    }
    drop(prologue);
    while let Some(frames) = queue.recv().await {
        for frame in frames {
            if frames::write_sealed(&mut writer, &frame, &mut seal).await.is_err() {
                return;
            }
        }
        if queue.is_empty() && writer.flush().await.is_err() {
            return;
        }
    }
}
