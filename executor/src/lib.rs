//! nbhoist executor.
