//! The message loop: two threads that take turns. The one whose turn it is reads messages and sees to them, until one of them asks
//! for an analysis; then it gives the turn away and analyzes itself. So an edit wakes one thread only, the one that waited for it:
//! where a processor has gone to sleep, each thread that has to be woken can take longer than the analysis.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::SinkExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};
use tower_lsp_server::{ClientSocket, Loopback, LspService};
use tower_service::Service as _;

use crate::error::Fault;
use crate::frames::{Frame, Frames};
use crate::pool::{self, Job, STACK_BYTES, fence, fence_async};
use crate::server::Server;
use crate::wire::Wire;

/// Takes what the client answers.
pub(crate) type Answers = <ClientSocket as Loopback>::ResponseSink;

/// Gone when the stream has ended and every request that came in it is answered.
pub(crate) type UnderWay = mpsc::Sender<()>;

struct Reading<R> {
    turn: Mutex<Turn<R>>,
    /// How many threads wait for their turn.
    waiting: AtomicUsize,
    runtime: Handle,
}

struct Turn<R> {
    frames: Frames<R>,
    service: LspService<Server>,
    answers: Answers,
    wire: Wire,
    /// Nothing at the end.
    under_way: Option<UnderWay>,
}

/// What comes behind a message.
enum Next {
    Message,
    /// An analysis, while another thread reads on.
    Job(Job),
    End,
}

/// Begins to read messages and to see to them, requests in tasks of this runtime.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn begin(
    input: impl Read + Send + 'static,
    service: LspService<Server>,
    answers: Answers,
    wire: Wire,
    under_way: UnderWay,
) -> std::io::Result<()> {
    let turn = Turn { frames: Frames::new(input), service, answers, wire, under_way: Some(under_way) };
    let reading = Arc::new(Reading { turn: Mutex::new(turn), waiting: AtomicUsize::new(0), runtime: Handle::current() });
    for number in 1..=2 {
        let reading = Arc::clone(&reading);
        let thread = std::thread::Builder::new().name(format!("messages {number}")).stack_size(STACK_BYTES);
        thread.spawn(move || reading.take_turns())?;
    }
    Ok(())
}

impl<R: Read> Reading<R> {
    fn take_turns(&self) {
        let _runtime = self.runtime.enter();
        while let Some(job) = self.take_turn() {
            let mut next = Some(job);
            // An analysis that is outdated is followed by the next one without waking anybody.
            while let Some(job) = next {
                next = pool::here(|| fence(job)).1;
            }
        }
    }

    /// Sees to messages until there is something to analyze; nothing at the end.
    fn take_turn(&self) -> Option<Job> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        loop {
            match turn.message(self) {
                Next::Message => {}
                Next::Job(job) => return Some(job),
                Next::End => return None,
            }
        }
    }
}

impl<R: Read> Turn<R> {
    /// Waits for a message and sees to it.
    fn message(&mut self, reading: &Reading<R>) -> Next {
        let Some(under_way) = self.under_way.clone() else { return Next::End };
        let frame = self.frames.next().inspect_err(|error| crate::log::line(&format!("cannot read standard input: {error}")));
        let Some(frame) = frame.ok().flatten() else {
            self.under_way = None;
            return Next::End;
        };
        let message = match frame {
            Frame::Text(text) => Message::read(text),
            Frame::Broken => Message::Broken(Error::parse_error()),
        };
        let request = match message {
            Message::Request(request) => request,
            Message::Response(response) => {
                // Whoever asked may be gone.
                let _ = self.answers.start_send_unpin(response);
                return Next::Message;
            }
            Message::Nothing => return Next::Message,
            Message::Broken(error) => {
                self.wire.send(&Response::from_error(Id::Null, error));
                return Next::Message;
            }
        };
        let is_last = request.method() == "exit";
        let job = if reading.waiting.load(Ordering::SeqCst) > 0 {
            pool::here(|| self.call(request, under_way)).1
        } else {
            self.call(request, under_way);
            None
        };
        if is_last {
            self.under_way = None;
            return Next::End;
        }
        job.map_or(Next::Message, Next::Job)
    }

    /// Begins to see to a request; what it changes it does at once, and for what it has to wait it does in a task.
    fn call(&mut self, request: Request, under_way: UnderWay) {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(Err(_)) = self.service.poll_ready(&mut context) {
            return;
        }
        let id = request.id().cloned();
        let mut answer = Box::pin(fence_async(self.service.call(request)));
        let failed = |fault| id.map(|id| Response::from_error(id, Fault::Panicked(fault).into()));
        let answered = move |answer| match answer {
            Ok(answer) => Result::unwrap_or_default(answer),
            Err(panicked) => failed(panicked),
        };
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(answer) => answered(answer).iter().for_each(|answer| self.wire.send(answer)),
            Poll::Pending => {
                let wire = self.wire.clone();
                tokio::spawn(async move {
                    answered(answer.await).iter().for_each(|answer| wire.send(answer));
                    drop(under_way);
                });
            }
        }
    }
}

enum Message {
    Request(Request),
    Response(Response),
    Nothing,
    Broken(Error),
}

impl Message {
    fn read(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::Nothing;
        }
        // What has no method may be an answer.
        let request = serde_json::from_slice::<Request>(text);
        if let Ok(request) = request
            && !request.method().is_empty()
        {
            return Self::Request(request);
        }
        match (serde_json::from_slice(text), serde_json::from_slice::<Request>(text)) {
            (Ok(response), _) => Self::Response(response),
            (_, Ok(request)) => Self::Request(request),
            (_, Err(error)) if error.is_data() => Self::Broken(Error::invalid_request()),
            (_, Err(_)) => Self::Broken(Error::parse_error()),
        }
    }
}
