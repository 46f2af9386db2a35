//! What earlier runs took, in a database of this user's own. It holds hashes of code, never the code, and sizes of values, never values.

mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nbhoist_analyzer::measurements::{Measurements, Run, Signature};
use nbhoist_analyzer::notebook::{CellKind, Notebook};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::cache;
use crate::executors::Known;

/// How many runs of cells with the same content are kept.
const KEPT: u32 = 20;

/// How many runs are kept at all; a run takes about half a kilobyte.
const RUNS: u32 = 200_000;

/// What stands before the name of an executor where machines are named.
const EXECUTOR: &str = "executor ";

/// After so many runs what is too much is removed.
const TIDY: i64 = 200;

/// Why the history cannot be used. Nothing depends on it: without it estimates are less sure.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It was written by a version to come.
    #[error("the history {path} was written by a newer nbhoist (schema {found}, known up to {known}); it is left alone and not used")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// It cannot be opened or made.
    #[error("the history {path} cannot be used: {error}; set `history = false` to do without, or NBHOIST_STATE_DIR to keep it elsewhere")]
    Open {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: String,
    },
    /// It cannot be read or written.
    #[error("the history cannot be used: {0}; what was measured is not remembered")]
    Database(#[from] rusqlite::Error),
}

/// One run of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// By what the cell is known in its notebook: id, else number.
    pub cell: String,
    /// What ran.
    pub signature: Signature,
    /// How long it took, seconds.
    pub seconds: f64,
    /// Whether it ended without an exception.
    pub ok: bool,
    /// Name of the executor; `None` for this machine.
    pub executor: Option<String>,
    /// What the source alone led one to expect, seconds.
    pub cold: Option<f64>,
    /// Size of the values it read, bytes.
    pub input_bytes: Option<u64>,
}

/// The history.
#[derive(Debug)]
pub struct History {
    database: Connection,
    /// What had to be put right when it was opened.
    pub note: Option<String>,
}

/// Where the history is kept: `NBHOIST_STATE_DIR`, else `nbhoist` in `XDG_STATE_HOME`, else `~/.local/state/nbhoist`.
pub fn directory() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("NBHOIST_STATE_DIR")
        .or_else(|| set("XDG_STATE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("nbhoist")))
        .or_else(|| set("HOME").map(|path| path.join(".local").join("state").join("nbhoist")))
        .unwrap_or_else(cache::directory)
}

/// The name of this machine among those that have run cells.
pub fn this_machine() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}

/// By what a notebook is known: its path, absolute and without links where it exists.
pub fn notebook_key(path: &Path) -> String {
    let path = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_path_buf());
    path.to_string_lossy().into_owned()
}

fn machine(executor: Option<&str>) -> String {
    executor.map_or_else(this_machine, |name| format!("{EXECUTOR}{name}"))
}

impl History {
    /// Opens the history of this user.
    ///
    /// # Errors
    /// When it cannot be opened, made, or brought to the schema of today.
    pub fn open() -> Result<Self, HistoryError> {
        Self::open_at(&directory().join("history.sqlite"))
    }

    /// Opens a history, which is made when it is not there. One that is damaged is put aside, and said so in [`Self::note`].
    ///
    /// # Errors
    /// When it cannot be opened, made, or brought to the schema of today.
    pub fn open_at(path: &Path) -> Result<Self, HistoryError> {
        schema::open(path).map(|(database, note)| Self { database, note })
    }

    /// Remembers runs of a notebook's cells, and what its values weighed, all or nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn record(&mut self, notebook: &str, runs: &[Record], sizes: &BTreeMap<String, u64>) -> Result<(), HistoryError> {
        let (key, now) = (blob(Signature::of_text(notebook)), now());
        let transaction = self.database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut last = 0;
        for run in runs.iter().filter(|run| run.seconds.is_finite() && run.seconds >= 0.0) {
            transaction
                .prepare_cached(
                    "INSERT INTO run (at, notebook, cell, content, structure, sketch, seconds, ok, machine, cold, model, input_bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                )?
                .execute(params![
                    now,
                    key,
                    run.cell,
                    blob(run.signature.content),
                    blob(run.signature.structure),
                    sketch_bytes(&run.signature.sketch),
                    run.seconds,
                    run.ok,
                    machine(run.executor.as_deref()),
                    run.cold,
                    nbhoist_analyzer::measurements::MODEL,
                    run.input_bytes.map(u64::cast_signed),
                ])?;
            last = transaction.last_insert_rowid();
        }
        for (name, bytes) in sizes {
            let mut size = transaction.prepare_cached("INSERT OR REPLACE INTO size (notebook, name, bytes, at) VALUES (?1, ?2, ?3, ?4)")?;
            size.execute(params![key, name, bytes.cast_signed(), now])?;
        }
        if last % TIDY < i64::try_from(runs.len()).unwrap_or(TIDY) {
            tidy(&transaction)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What is known about the cells of a notebook.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn measurements(&self, notebook: &str, cells: &Notebook) -> Result<Measurements, HistoryError> {
        let key = blob(Signature::of_text(notebook));
        let speeds = self.speeds()?;
        let mut runs = BTreeMap::new();
        // All that ran in this notebook, and the same text wherever it ran.
        let mut of_notebook = self.database.prepare_cached(&select("notebook = ?1"))?;
        let mut rows = of_notebook.query(params![key])?;
        while let Some(row) = rows.next()? {
            let (id, run) = read(row, &speeds, &key)?;
            runs.insert(id, run);
        }
        let mut of_content = self.database.prepare_cached(&select("content = ?1"))?;
        for cell in cells.cells.iter().filter(|cell| cell.kind == CellKind::Code && !cell.source.trim().is_empty()) {
            let mut rows = of_content.query(params![blob(Signature::of(&cell.source).content)])?;
            while let Some(row) = rows.next()? {
                let (id, run) = read(row, &speeds, &key)?;
                runs.insert(id, run);
            }
        }
        Ok(Measurements {
            runs: runs.into_values().collect(),
            speed: speeds.get(&this_machine()).copied().unwrap_or(1.0),
            sizes: self.sizes(&key)?,
        })
    }

    /// Which cells of a notebook ran, oldest first, at most `limit` of the last ones; those that failed as well.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn log(&self, notebook: &str, limit: u32) -> Result<Vec<String>, HistoryError> {
        let mut select = self.database.prepare_cached("SELECT cell FROM run WHERE notebook = ?1 ORDER BY id DESC LIMIT ?2")?;
        let cells = select.query_map(params![blob(Signature::of_text(notebook)), limit], |row| row.get(0))?;
        let mut cells = cells.collect::<Result<Vec<String>, _>>()?;
        cells.reverse();
        Ok(cells)
    }

    /// Remembers what a probe found. `executor` is `None` for this machine.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn know(&self, executor: Option<&str>, known: &Known) -> Result<(), HistoryError> {
        let mut set = self.database.prepare_cached(
            "INSERT OR REPLACE INTO machine (name, speed, start, latency, bandwidth, memory, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let Known { speed, start, latency, bandwidth, memory } = *known;
        set.execute(params![machine(executor), speed, start, latency, bandwidth, memory.map(u64::cast_signed), now()])?;
        Ok(())
    }

    /// What the last probe of a place found. `executor` is `None` for this machine.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn known(&self, executor: Option<&str>) -> Result<Option<Known>, HistoryError> {
        let mut select = self.database.prepare_cached("SELECT speed, start, latency, bandwidth, memory FROM machine WHERE name = ?1")?;
        let known = select.query_row(params![machine(executor)], |row| {
            let memory: Option<i64> = row.get(4)?;
            let memory = memory.map(i64::cast_unsigned);
            Ok(Known { speed: row.get(0)?, start: row.get(1)?, latency: row.get(2)?, bandwidth: row.get(3)?, memory })
        });
        Ok(known.optional()?)
    }

    /// What the last probes of executors found, by name; speeds are those of this machine times as much.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn places(&self) -> Result<BTreeMap<String, Known>, HistoryError> {
        let here = self.known(None)?.and_then(|known| known.speed);
        let mut names = self.database.prepare_cached("SELECT name FROM machine")?;
        let names = names.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut places = BTreeMap::new();
        for name in names.iter().filter_map(|name| name.strip_prefix(EXECUTOR)) {
            if let Some(known) = self.known(Some(name))? {
                let speed = known.speed.zip(here).map(|(there, here)| there / here);
                places.insert(name.to_owned(), Known { speed, ..known });
            }
        }
        Ok(places)
    }

    fn speeds(&self) -> Result<BTreeMap<String, f64>, HistoryError> {
        let mut select = self.database.prepare_cached("SELECT name, speed FROM machine WHERE speed > 0")?;
        let pairs = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(pairs.collect::<Result<_, _>>()?)
    }

    fn sizes(&self, key: &[u8]) -> Result<BTreeMap<String, u64>, HistoryError> {
        let mut select = self.database.prepare_cached("SELECT name, bytes FROM size WHERE notebook = ?1")?;
        let pairs = select.query_map(params![key], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
        Ok(pairs.collect::<Result<_, _>>()?)
    }
}

/// Removes the oldest runs where there are too many.
fn tidy(database: &Connection) -> Result<(), rusqlite::Error> {
    database.execute(
        "DELETE FROM run WHERE id IN (SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY content, notebook ORDER BY id DESC) AS place FROM run) WHERE place > ?1)",
        params![KEPT],
    )?;
    database.execute("DELETE FROM run WHERE id <= (SELECT max(id) FROM run) - ?1", params![RUNS])?;
    Ok(())
}

fn select(condition: &str) -> String {
    format!(
        "SELECT id, notebook, cell, content, structure, sketch, seconds, machine, cold, model, input_bytes FROM run WHERE ok AND {condition}"
    )
}

fn read(row: &rusqlite::Row<'_>, speeds: &BTreeMap<String, f64>, here: &[u8]) -> Result<(i64, Run), rusqlite::Error> {
    let hash = |bytes: Vec<u8>| <[u8; 16]>::try_from(bytes).map(u128::from_be_bytes).unwrap_or_default();
    let sketch: Vec<u8> = row.get(5)?;
    let of_here = row.get::<_, Vec<u8>>(1)? == here;
    let model: Option<u32> = row.get(9)?;
    let run = Run {
        signature: Signature {
            content: hash(row.get(3)?),
            structure: hash(row.get(4)?),
            sketch: sketch.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]])).collect(),
        },
        cell: if of_here { Some(row.get(2)?) } else { None },
        seconds: row.get(6)?,
        speed: speeds.get(&row.get::<_, String>(7)?).copied().unwrap_or(1.0),
        // Another model's opinion cannot be compared with that of today.
        cold: row.get::<_, Option<f64>>(8)?.filter(|_| model == Some(nbhoist_analyzer::measurements::MODEL)),
        input_bytes: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
    };
    Ok((row.get(0)?, run))
}

fn blob(hash: u128) -> Vec<u8> {
    hash.to_be_bytes().to_vec()
}

fn sketch_bytes(sketch: &[u32]) -> Vec<u8> {
    sketch.iter().flat_map(|hash| hash.to_be_bytes()).collect()
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}
