//! What goes wrong in a step, in the words of a migration.

use std::io::ErrorKind;

use super::error::{MigrateError, Refused};
use super::journey::{Journey, Stop};
use crate::event::Phase;
use crate::kernel::{CallError, KernelError};
use crate::transfer::TransferError;
use crate::worker::WorkerError;

impl Journey<'_> {
    pub(super) fn unless_stopped<T>(&self, outcome: Result<T, Stop<impl Into<TransferError>>>) -> Result<T, MigrateError> {
        outcome.map_err(|stop| match stop {
            Stop::Cancelled => MigrateError::Cancelled { phase: self.phase },
            Stop::KernelDied(why) => MigrateError::KernelDied { phase: self.phase, why },
            Stop::Failed(error) => self.transfer_error(error.into()),
        })
    }

    pub(super) fn kernel_error(&self, error: KernelError) -> MigrateError {
        let phase = self.phase;
        match error {
            KernelError::Died { why } => MigrateError::KernelDied { phase, why },
            KernelError::Cancelled => MigrateError::Cancelled { phase },
            KernelError::Call(error) => self.call_error(*error),
            error => MigrateError::Kernel { phase, error: Box::new(error) },
        }
    }

    fn call_error(&self, error: CallError) -> MigrateError {
        let phase = self.phase;
        match (error.kind.as_str(), error.name.clone()) {
            ("disk", _) => MigrateError::DiskFull { path: self.spool.to_path_buf(), phase },
            ("pickle", Some(name)) => MigrateError::RefusedTravel(vec![Refused { name, path: error.path, reason: error.text }]),
            _ => MigrateError::Kernel { phase, error: Box::new(KernelError::Call(Box::new(error))) },
        }
    }

    pub(super) fn transfer_error(&self, error: TransferError) -> MigrateError {
        let phase = self.phase;
        match error {
            TransferError::Worker(error) => self.worker_error(error),
            TransferError::Differs(differences) => MigrateError::VersionMismatch { executor: self.executor.name.clone(), differences },
            TransferError::File { path, error } if is_full(&error) => {
                MigrateError::DiskFull { path: path.parent().unwrap_or(&path).to_path_buf(), phase }
            }
            TransferError::File { path, error } if error.kind() == ErrorKind::NotFound && phase == Phase::Transfer => {
                MigrateError::KernelElsewhere { path }
            }
            TransferError::File { path, error } => MigrateError::Io { path, phase, error },
            TransferError::Content { path, why } => {
                MigrateError::Io { path, phase, error: std::io::Error::new(ErrorKind::InvalidData, why) }
            }
        }
    }

    pub(super) fn worker_error(&self, error: WorkerError) -> MigrateError {
        let (executor, phase) = (self.executor.name.clone(), self.phase);
        match error {
            WorkerError::Start(error) => MigrateError::Connect { executor, error },
            WorkerError::Died(ending) if matches!(phase, Phase::Probe | Phase::Connect) => {
                MigrateError::Protocol { executor, why: format!("what should be the worker ended before it greeted ({ending})") }
            }
            WorkerError::Died(ending) => MigrateError::WorkerDied { executor, phase, cell: self.running, ending },
            WorkerError::Protocol(why) => MigrateError::Protocol { executor, why },
            WorkerError::Failed(failure) if failure.kind == "unpickle" => MigrateError::Unpickle {
                executor,
                name: failure.name,
                reason: failure.error,
                detail: failure.detail,
                missing: failure.missing,
            },
            WorkerError::Failed(failure) if failure.kind == "missing" => {
                let name = failure.name.unwrap_or_default();
                MigrateError::Stayed { executor, name, reason: failure.error, cells: Vec::new() }
            }
            WorkerError::Failed(failure) => MigrateError::Worker { executor, phase, reason: failure.error, detail: failure.detail },
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
