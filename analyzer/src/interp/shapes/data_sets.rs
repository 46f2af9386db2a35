//! Data sets of scikit-learn whose shape is always the same.

use ruff_python_ast::name::Name;

use super::super::memory::Memory;
use super::NUMBER;

/// Data sets that come with scikit-learn, or are always the same when it fetches them: samples and features.
pub(super) fn data_set(name: &str) -> Option<Memory> {
    let (rows, columns) = match name {
        "load_iris" => (150.0, 4.0),
        "load_wine" => (178.0, 13.0),
        "load_digits" => (1797.0, 64.0),
        "load_diabetes" => (442.0, 10.0),
        "load_breast_cancer" => (569.0, 30.0),
        "fetch_california_housing" => (20_640.0, 8.0),
        "fetch_covtype" => (581_012.0, 54.0),
        "fetch_olivetti_faces" => (400.0, 4096.0),
        _ => return None,
    };
    Some(Memory::of_shape(vec![rows, columns], NUMBER).about(1.3))
}

/// What a part of a data set takes: `digits.data`, `digits.target`, `digits.images`.
pub(in crate::interp) fn of_data_set(known: &Memory, name: &Name) -> Option<Memory> {
    let [rows, columns] = known.shape[..] else { return None };
    let exact = Memory { spread: 1.0, ..known.clone() };
    match name.as_str() {
        "data" => Some(exact),
        "target" => Some(exact.shaped(vec![rows])),
        // A picture is a square here.
        "images" => Some(exact.shaped(vec![rows, columns.sqrt(), columns.sqrt()])),
        _ => None,
    }
}
