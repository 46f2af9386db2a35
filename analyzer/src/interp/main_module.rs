//! The module `__main__`, whose variables are the notebook's: `sys.modules["__main__"].x` reads `x` as `globals()["x"]` does.

use ruff_python_ast::Expr;

use super::Interp;
use super::heap::{Kind, Val};

/// Its name.
pub(super) const MAIN: &str = "__main__";

/// Whether this is `__name__`, which is `__main__` in a notebook.
pub(super) fn is_own_name(index: &Expr) -> bool {
    index.as_name_expr().is_some_and(|name| name.id.as_str() == "__name__")
}

impl Interp<'_> {
    pub(super) fn is_main(&self, module: &Val) -> bool {
        self.is_path(module, MAIN)
    }

    /// Whether this may be what is found under a dotted path.
    pub(super) fn is_path(&self, val: &Val, wanted: &str) -> bool {
        val.objs.iter().any(|&object| matches!(&self.heap.get(object).kind, Kind::Path(path) if &**path == wanted))
    }
}
