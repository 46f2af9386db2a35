//! Bytes of the elements of an array, by their type.

use super::super::Interp;
use super::super::arguments::Args;
use super::super::heap::{Kind, Val};
use super::super::memory::Memory;
use super::NUMBER;

impl Interp<'_> {
    pub(super) fn cast(&self, known: &Memory, args: &Args) -> Memory {
        match args.keyword("dtype") {
            Some(val) => self.bytes_of_type(val).map_or_else(|| known.clone().about(4.0), |item| known.clone().with_item(item)),
            None => known.clone(),
        }
    }

    /// Bytes of an element as the arguments choose its type; nothing where the type is not known.
    pub(super) fn element_bytes(&self, args: &Args) -> Option<f64> {
        args.keyword("dtype").map_or(Some(NUMBER), |val| self.bytes_of_type(val))
    }

    /// Bytes of an element of a type: `np.float32`, `"uint8"`.
    pub(super) fn bytes_of_type(&self, val: &Val) -> Option<f64> {
        if let Some(text) = val.as_str() {
            return item(text);
        }
        match &self.heap.get(*val.objs.first()?).kind {
            Kind::Path(path) => item(path.rsplit('.').next().unwrap_or(path)),
            _ => None,
        }
    }
}

/// Bytes of an element of the type of this name.
fn item(name: &str) -> Option<f64> {
    Some(match name {
        "bool" | "bool_" | "int8" | "uint8" => 1.0,
        "int16" | "uint16" | "float16" | "half" => 2.0,
        "int32" | "uint32" | "float32" | "single" => 4.0,
        "int" | "float" | "int64" | "uint64" | "float64" | "double" | "complex64" => 8.0,
        "complex" | "complex128" => 16.0,
        _ => return None,
    })
}
