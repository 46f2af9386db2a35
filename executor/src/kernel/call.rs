//! Calls of the runtime in the kernel, through silent `user_expressions`: no trace in the history, no name bound.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jupyter_protocol::ExecuteRequest;
use serde_json::Value;

use super::channels::Incoming;
use super::text::unrepr;
use super::{CallError, Kernel, KernelError};
use crate::cancel::Cancel;
use crate::environment;
use crate::runtime::{Archive, python_string};

/// An argument longer than this is handed over in a file, bytes.
const INLINE: usize = 256 << 10;

/// An idle kernel answers within this time, even under load.
const MOMENT: Duration = Duration::from_secs(2);

/// An interrupted kernel answers within this time, or not at all.
const STOPPED: Duration = Duration::from_secs(10);

/// The key of the one expression that is evaluated.
const KEY: &str = "nbhoist";

impl Kernel {
    /// Calls a function of `nbhoist_runtime.kernel`, which is injected when it is not there yet. Cancelling interrupts the
    /// kernel and waits for its answer, so that nothing goes on behind the caller's back.
    ///
    /// # Errors
    /// When the kernel cannot be reached, or the function reports an error.
    pub async fn call(&mut self, function: &str, argument: &Value, cancel: Option<&Cancel>) -> Result<Value, KernelError> {
        self.inject().await?;
        let text = argument.to_string();
        let handed = if text.len() > INLINE { Some(self.hand_over(text.as_bytes())?) } else { None };
        let argument = match &handed {
            Some(file) => format!("__import__('io').open({}, encoding='utf-8').read()", python_string(&file.path().to_string_lossy())),
            None => python_string(&text),
        };
        let expression = format!("__import__('nbhoist_runtime.kernel', fromlist=['kernel']).{function}({argument})");
        let answer = self.evaluate(&expression, cancel).await?;
        understood(function, &answer)
    }

    /// As [`Self::call`], where the kernel may have something else to do first; `waiting` is called when that takes a moment.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(crate) async fn call_in_turn(
        &mut self,
        function: &str,
        argument: &Value,
        cancel: &Cancel,
        waiting: &mut (dyn FnMut() + Send),
    ) -> Result<Value, KernelError> {
        if !self.injected {
            // Injecting takes longer than a moment in a slow kernel, and is not to be mistaken for a cell that runs.
            soon(self.evaluate("''", Some(cancel)), &mut *waiting).await?;
        }
        soon(self.call(function, argument, Some(cancel)), waiting).await
    }

    /// The runtime as this kernel and its workers get it: with the cloudpickle of the kernel's own interpreter.
    ///
    /// # Errors
    /// When cloudpickle's sources are nowhere.
    pub(crate) async fn archive(&mut self) -> Result<Arc<Archive>, KernelError> {
        if let Some(archive) = &self.archive {
            return Ok(Arc::clone(archive));
        }
        let sources = environment::cloudpickle_sources(self.interpreter()).await.map_err(KernelError::Cloudpickle)?;
        let archive = Archive::new(&sources).map_err(|error| KernelError::Io { path: self.directory.path().to_path_buf(), error })?;
        Ok(Arc::clone(self.archive.insert(Arc::new(archive))))
    }

    /// Makes the runtime importable in the kernel.
    async fn inject(&mut self) -> Result<(), KernelError> {
        if self.injected {
            return Ok(());
        }
        let archive = self.archive().await?;
        let file = self.hand_over(archive.bytes())?;
        self.evaluate(&archive.install_expression(&file.path().to_string_lossy()), None).await?;
        self.injected = true;
        Ok(())
    }

    /// Evaluates an expression whose value is a string.
    pub(super) async fn evaluate(&mut self, expression: &str, cancel: Option<&Cancel>) -> Result<String, KernelError> {
        let mut request = ExecuteRequest::new(String::new());
        request.silent = true;
        request.store_history = false;
        request.allow_stdin = false;
        request.stop_on_error = false;
        request.user_expressions = Some([(KEY.to_owned(), expression.to_owned())].into());
        let interrupter = self.interrupter();
        let begun = AtomicBool::new(false);
        let mut publish = |message: Incoming| {
            if message.kind == "status" && message.text("execution_state") == "busy" {
                begun.store(true, Ordering::Relaxed);
            }
        };
        let waiting = self.round_trip(request.into(), Some(&mut publish));
        tokio::pin!(waiting);
        let reply = match cancel {
            None => waiting.await?,
            Some(cancel) => tokio::select! {
                reply = &mut waiting => reply?,
                () = cancel.cancelled() => {
                    // While the kernel is still at something else, that is what an interrupt would hit.
                    if begun.load(Ordering::Relaxed) {
                        interrupter.interrupt();
                        // One that hits the kernel between two steps costs the answer.
                        if let Ok(answer) = tokio::time::timeout(STOPPED, waiting).await {
                            answer?;
                        }
                    }
                    return Err(KernelError::Cancelled);
                }
            },
        };
        let value = reply.content.get("user_expressions").and_then(|values| values.get(KEY));
        let value = value.ok_or_else(|| KernelError::Protocol(format!("{} without a value", reply.text("status"))))?;
        read_value(value)
    }

    /// Writes a file, readable by this user only, for the kernel to read.
    fn hand_over(&self, bytes: &[u8]) -> Result<tempfile::NamedTempFile, KernelError> {
        let directory: &Path = self.directory.path();
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            std::io::Write::write_all(&mut file, bytes)?;
            Ok(file)
        };
        write().map_err(|error| KernelError::Io { path: directory.to_path_buf(), error })
    }
}

/// Waits for an answer; `waiting` is called when it takes a moment.
async fn soon<T>(answer: impl Future<Output = T>, waiting: &mut (dyn FnMut() + Send)) -> T {
    tokio::pin!(answer);
    if let Ok(answer) = tokio::time::timeout(MOMENT, &mut answer).await {
        return answer;
    }
    waiting();
    answer.await
}

/// What a function of the runtime said, or the error that it reports.
pub(super) fn understood(function: &str, answer: &str) -> Result<Value, KernelError> {
    let answer: Value = serde_json::from_str(answer).map_err(|error| KernelError::Protocol(format!("{function}: {error}")))?;
    match answer.get("error").filter(|error| !error.is_null()) {
        Some(error) => {
            let known = serde_json::from_value(error.clone());
            let unknown = |_| CallError { text: error.to_string(), ..CallError::default() };
            Err(KernelError::Call(Box::new(known.unwrap_or_else(unknown))))
        }
        None => Ok(answer),
    }
}

/// The text of an evaluated expression.
fn read_value(value: &Value) -> Result<String, KernelError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("status") != "ok" {
        let traceback = crate::event::strings(value.get("traceback")).join("\n");
        let (ename, evalue) = (text("ename"), text("evalue"));
        let error = CallError { kind: ename.clone(), text: format!("{ename}: {evalue}"), detail: Some(traceback), ..CallError::default() };
        return Err(KernelError::Call(Box::new(error)));
    }
    let shown = value.get("data").and_then(|data| data.get("text/plain")).and_then(Value::as_str);
    let shown = shown.ok_or_else(|| KernelError::Protocol("a value without a text".to_owned()))?;
    unrepr(shown).ok_or_else(|| {
        let beginning: String = shown.chars().take(200).collect();
        KernelError::Protocol(format!("a value that is no string: {beginning}"))
    })
}
