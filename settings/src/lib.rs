//! nbhoist settings.
