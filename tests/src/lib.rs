//! Workspace tests: command line, corpus, migration, and house rules.
