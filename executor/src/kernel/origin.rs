//! What a migration asks of the side that a block comes from.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::{Death, Kernel, KernelError};
use crate::ahead::Ahead;
use crate::cancel::Cancel;
use crate::runtime::Archive;

/// An answer that is waited for.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, KernelError>> + Send + 'a>>;

/// A namespace that a block comes from and goes back to: a kernel that is reached from outside ([`Kernel`]), or one whose own
/// cell is asking ([`super::Inside`]).
pub trait Origin: Send {
    /// Calls a function of `nbhoist_runtime.kernel` there. Cancelling interrupts it and waits for its answer.
    ///
    /// # Errors
    /// When it cannot be reached, or the function reports an error.
    fn call<'a>(&'a mut self, function: &'a str, argument: &'a Value, cancel: Option<&'a Cancel>) -> Answer<'a, Value>;

    /// As [`Self::call`], where something else may run first; `waiting` is called when that takes a moment.
    ///
    /// # Errors
    /// As [`Self::call`].
    fn call_in_turn<'a>(
        &'a mut self,
        function: &'a str,
        argument: &'a Value,
        cancel: &'a Cancel,
        _waiting: &'a mut (dyn FnMut() + Send),
    ) -> Answer<'a, Value> {
        self.call(function, argument, Some(cancel))
    }

    /// The runtime as workers for it get it: with the cloudpickle of its own interpreter.
    ///
    /// # Errors
    /// When cloudpickle's sources are nowhere.
    fn archive(&mut self) -> Answer<'_, Arc<Archive>>;

    /// The interpreter that runs there.
    fn interpreter(&self) -> &Path;

    /// A connection file by which another process can reach it as well.
    fn connection(&self) -> Option<&Path>;

    /// Sees its end.
    fn death(&self) -> Death;

    /// Whether it lives, as far as is known.
    fn is_alive(&self) -> bool;

    /// The workers of its session beside the one that runs a block.
    fn ahead(&mut self) -> &mut Ahead;
}

impl Origin for Kernel {
    fn call<'a>(&'a mut self, function: &'a str, argument: &'a Value, cancel: Option<&'a Cancel>) -> Answer<'a, Value> {
        Box::pin(Self::call(self, function, argument, cancel))
    }

    fn call_in_turn<'a>(
        &'a mut self,
        function: &'a str,
        argument: &'a Value,
        cancel: &'a Cancel,
        waiting: &'a mut (dyn FnMut() + Send),
    ) -> Answer<'a, Value> {
        Box::pin(Self::call_in_turn(self, function, argument, cancel, waiting))
    }

    fn archive(&mut self) -> Answer<'_, Arc<Archive>> {
        Box::pin(Self::archive(self))
    }

    fn interpreter(&self) -> &Path {
        Self::interpreter(self)
    }

    fn connection(&self) -> Option<&Path> {
        Self::connection(self)
    }

    fn death(&self) -> Death {
        Self::death(self)
    }

    fn is_alive(&self) -> bool {
        Self::is_alive(self)
    }

    fn ahead(&mut self) -> &mut Ahead {
        &mut self.ahead
    }
}
