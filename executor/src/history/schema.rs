//! The tables of the history, made and brought up to date.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::HistoryError;
use crate::cache;

/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(5);

/// What leads from each schema to the next; the first one from nothing. Never changed, only added to.
const STEPS: &[&str] = &[
    "CREATE TABLE run (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, notebook BLOB NOT NULL, cell TEXT NOT NULL,
        content BLOB NOT NULL, structure BLOB NOT NULL, sketch BLOB NOT NULL,
        seconds REAL NOT NULL, ok INTEGER NOT NULL, machine TEXT NOT NULL, cold REAL);
     CREATE INDEX run_content ON run (content);
     CREATE INDEX run_notebook ON run (notebook);",
    "ALTER TABLE run ADD COLUMN model INTEGER;
     ALTER TABLE run ADD COLUMN input_bytes INTEGER;
     CREATE TABLE size (notebook BLOB NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (notebook, name)) WITHOUT ROWID;
     CREATE TABLE machine (name TEXT PRIMARY KEY, speed REAL, start REAL, latency REAL, bandwidth REAL, memory INTEGER,
        at INTEGER NOT NULL) WITHOUT ROWID;",
];

/// Opens the database; also says what had to be put right.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<String>), HistoryError> {
    match try_open(path) {
        Err(Trouble::Damaged(error)) => {
            let aside = put_aside(path).map_err(|why| unusable(path, &format!("{error}; it cannot be put aside: {why}")))?;
            let note =
                format!("the history {} was damaged ({error}); it is kept as {}, and a new one begins", path.display(), aside.display());
            match try_open(path) {
                Ok(database) => Ok((database, Some(note))),
                Err(Trouble::Damaged(error)) => Err(unusable(path, &error)),
                Err(Trouble::Other(error)) => Err(error),
            }
        }
        Err(Trouble::Other(error)) => Err(error),
        Ok(database) => Ok((database, None)),
    }
}

enum Trouble {
    Damaged(String),
    Other(HistoryError),
}

fn unusable(path: &Path, error: &impl ToString) -> HistoryError {
    HistoryError::Open { path: path.to_path_buf(), error: error.to_string() }
}

fn try_open(path: &Path) -> Result<Connection, Trouble> {
    let failed = |error: &dyn std::fmt::Display| Trouble::Other(unusable(path, &error));
    if let Some(parent) = path.parent() {
        cache::create_private(parent).map_err(|error| failed(&error))?;
    }
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(failed(&"it is no file"));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    // SQLite gives its other files the mode of this one.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(&error))?;
    let prepared = || -> Result<Result<Connection, HistoryError>, rusqlite::Error> {
        let mut database = Connection::open(path)?;
        database.busy_timeout(PATIENCE)?;
        // A disk that cannot do this, such as a network share, goes on with the journal it can do.
        database.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        database.pragma_update(None, "synchronous", "normal")?;
        Ok(update(&mut database, path)?.map(|()| database))
    };
    match prepared() {
        Ok(opened) => opened.map_err(Trouble::Other),
        Err(error) if is_damaged(&error) => Err(Trouble::Damaged(error.to_string())),
        Err(error) => Err(failed(&error)),
    }
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Takes the steps that are missing, all or none; another process may be at it.
fn update(database: &mut Connection, path: &Path) -> Result<Result<(), HistoryError>, rusqlite::Error> {
    let version = |database: &Connection| database.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    let known = STEPS.len() as u32;
    if version(database)? == known {
        return Ok(Ok(()));
    }
    let transaction = database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > known {
        return Ok(Err(HistoryError::Newer { path: path.to_path_buf(), found, known }));
    }
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(Ok(()))
}

/// Renames a file that is no database, and what belongs to it.
fn put_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    let free = (1..1000).map(|number| with(&format!(".damaged-{number}"))).find(|aside| !aside.exists());
    let aside = free.unwrap_or_else(|| with(".damaged"));
    std::fs::rename(path, &aside)?;
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(with(ending));
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("history.sqlite");
        (folder, path)
    }

    #[test]
    fn an_old_schema_is_brought_up_to_date_with_its_runs() {
        let (_folder, path) = place();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.execute_batch("INSERT INTO run (at, notebook, cell, content, structure, sketch, seconds, ok, machine) VALUES (1, x'00', 'a', x'01', x'02', x'', 2.5, 1, 'm')").unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);
        let (database, note) = open(&path).unwrap();
        let seconds: f64 = database.query_row("SELECT seconds FROM run WHERE input_bytes IS NULL", [], |row| row.get(0)).unwrap();
        assert_eq!((seconds, note), (2.5, None));
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        let (_folder, path) = place();
        open(&path).unwrap().0.pragma_update(None, "user_version", 99).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, HistoryError::Newer { found: 99, .. }), "{error}");
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let (_folder, path) = place();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "no database ".repeat(500)).unwrap();
        let (_, note) = open(&path).unwrap();
        assert!(note.unwrap().contains("damaged-1"));
        assert!(open(&path).unwrap().1.is_none());
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_stays_where_it_is() {
        let (_folder, path) = place();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = open(&path).unwrap_err();
        assert!(error.to_string().contains("it is no file"), "{error}");
        assert!(path.exists() && !path.is_file());
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = place();
        let (database, _) = open(&path).unwrap();
        database.execute_batch("INSERT INTO machine (name, at) VALUES ('m', 0)").unwrap();
        for entry in std::fs::read_dir(path.parent().unwrap()).unwrap().flatten() {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o77, 0, "{entry:?}");
        }
    }
}
