//! The `nbhoist` command.
fn main() {}
