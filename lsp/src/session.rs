//! Everything that is open, and the analyses under way.
//!
//! Changes are applied before anything is waited for, so they stay in the order in which they came. A change starts an
//! analysis unless one is under way; the one under way is followed by one of the latest text.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use nbhoist_analyzer::measurements::Measurements;
use nbhoist_settings::Settings;
use tokio::sync::watch;

use crate::cost::{Measured, Remembered};
use crate::document::{Document, NotebookChange, Source, Uri};
use crate::error::Fault;
use crate::jobs::Jobs;
use crate::kernels::Kernels;
use crate::live::Lives;
use crate::newest::Newest;
use crate::options::{Abilities, Options};
use crate::outbox::{Notice, Outbox, Outgoing};
use crate::pool::{Pool, fence};
use crate::problems::{Problem, Problems};
use crate::snapshot::{self, Kept, Snapshot};

/// Where a request waits, a text is analyzed to the end, outdated or not, when so many before it were broken off.
const MOST_BROKEN_OFF: u32 = 20;
/// Behind diagnostics the analysis pauses for so long. Whoever reads them may have been put on the processor that it runs on, and would get it
/// only when the rest is done.
const LINGER: Duration = Duration::from_millis(1);
/// So many documents are few.
const FEW: usize = 16;

/// Reads the configuration for a folder.
pub(crate) type Load = fn(&Path) -> Result<Settings, nbhoist_settings::Error>;

/// The state of the server.
#[derive(Debug)]
pub(crate) struct Session {
    documents: Mutex<Documents>,
    options: RwLock<Options>,
    abilities: OnceLock<Abilities>,
    /// Threads for what takes long.
    pub(crate) pool: Pool,
    /// The way to the client.
    pub(crate) outbox: Outbox,
    /// Run times reported in this session, and what was moved.
    pub(crate) measured: Mutex<Measured>,
    /// The same from earlier sessions.
    pub(crate) remembered: Remembered,
    /// Logs of what ran where, by notebook.
    pub(crate) lives: Lives,
    /// Kernels, by notebook.
    pub(crate) kernels: Kernels,
    /// Work that goes on behind an answer.
    pub(crate) jobs: Jobs,
    instances: AtomicU64,
    load: Load,
}

#[derive(Debug, Default)]
struct Documents {
    open: HashMap<Uri, Open>,
    /// The notebook of each cell's document.
    owners: HashMap<Uri, Uri>,
}

/// A document that is open.
#[derive(Debug)]
struct Open {
    document: Document,
    /// Tells one opening from the next.
    instance: u64,
    generation: u64,
    /// The same for an analysis under way.
    newest: Arc<Newest>,
    /// How many analyses in a row were broken off because they were outdated.
    broken_off: u32,
    running: Running,
    settings: Option<Arc<Settings>>,
    kept: Arc<Mutex<Kept>>,
    latest: watch::Sender<Latest>,
    published: HashMap<Uri, Published>,
    digest: u64,
}

/// Whether an analysis is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    No,
    Yes,
    /// And the text has changed since it began.
    Outdated,
}

/// The last analysis; `None` in the place of one that failed.
#[derive(Clone, Debug, Default)]
struct Latest {
    generation: u64,
    snapshot: Option<Arc<Snapshot>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Published {
    version: Option<i32>,
    problems: Arc<Vec<Problem>>,
}

impl Session {
    /// A session with nothing open.
    pub(crate) fn new(outbox: Outbox, pool: Pool, load: Load) -> Self {
        Self {
            documents: Mutex::default(),
            options: RwLock::default(),
            abilities: OnceLock::new(),
            pool,
            outbox,
            measured: Mutex::default(),
            remembered: Remembered::default(),
            lives: Lives::default(),
            kernels: Kernels::default(),
            jobs: Jobs::default(),
            instances: AtomicU64::new(1),
            load,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was measured.
    pub(crate) fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the client can do; the least before it has said so.
    pub(crate) fn abilities(&self) -> Abilities {
        self.abilities.get().copied().unwrap_or_default()
    }

    /// Notes what the client can do.
    pub(crate) fn set_abilities(&self, abilities: Abilities) {
        // `initialize` comes once.
        let _ = self.abilities.set(abilities);
    }

    /// The editor's options.
    pub(crate) fn options(&self) -> Options {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes new options and analyzes everything with them.
    pub(crate) fn set_options(self: &Arc<Self>, options: Options) {
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = options;
        self.reload();
    }

    /// Reads configuration again and analyzes everything with it.
    pub(crate) fn reload(self: &Arc<Self>) {
        let mut documents = self.lock();
        let all: Vec<Uri> = documents.open.keys().cloned().collect();
        for uri in all {
            if let Some(open) = documents.open.get_mut(&uri) {
                open.settings = None;
                // What hints say may depend on it.
                open.digest = 0;
                self.changed(&uri, open);
            }
        }
    }

    /// Analyzes everything again: a file that notebooks import may be another one now.
    pub(crate) fn recheck(self: &Arc<Self>) {
        for (uri, open) in &mut self.lock().open {
            self.changed(uri, open);
        }
    }

    /// Opens a document.
    pub(crate) fn open(self: &Arc<Self>, uri: &Uri, document: Document) {
        self.close(uri);
        let mut documents = self.lock();
        documents.own(uri, &document);
        let mut open = Open {
            document,
            instance: self.instances.fetch_add(1, Ordering::Relaxed),
            generation: 0,
            newest: Arc::default(),
            broken_off: 0,
            running: Running::No,
            settings: None,
            kept: Arc::default(),
            latest: watch::Sender::new(Latest::default()),
            published: HashMap::new(),
            digest: 0,
        };
        self.changed(uri, &mut open);
        documents.open.insert(Arc::clone(uri), open);
    }

    /// Applies a change of a notebook.
    pub(crate) fn change_notebook(self: &Arc<Self>, uri: &Uri, change: NotebookChange) {
        let encoding = self.abilities().encoding;
        let mut documents = self.lock();
        let Some(open) = documents.open.get_mut(uri) else {
            return crate::log::line(&format!("a change of {uri}, which is not open, was passed over"));
        };
        let Document::Notebook(notebook) = &mut open.document else { return };
        let spliced = change.splice.is_some();
        if notebook.apply(change, encoding) {
            self.changed(uri, open);
            let document = spliced.then(|| open.document.clone());
            document.iter().for_each(|document| documents.own(uri, document));
        }
    }

    /// Applies a change of a script.
    pub(crate) fn change_script(self: &Arc<Self>, uri: &Uri, version: i32, edits: &[crate::document::Edit]) {
        let encoding = self.abilities().encoding;
        let mut documents = self.lock();
        if let Some(open) = documents.open.get_mut(uri)
            && let Document::Script(text) = &mut open.document
        {
            text.apply(version, edits, encoding);
            self.changed(uri, open);
        }
    }

    /// Closes a document and takes back what was published about it.
    pub(crate) fn close(&self, uri: &Uri) {
        let mut documents = self.lock();
        let Some(open) = documents.open.remove(uri) else { return };
        documents.owners.retain(|_, owner| owner != uri);
        if self.abilities().pulls(open.document.is_script()) {
            return;
        }
        for (uri, published) in open.published {
            if !published.problems.is_empty() {
                self.outbox.send(Outgoing::Problems { uri, version: None, problems: Arc::default() });
            }
        }
    }

    /// Closes a script. A notebook's text that some editor has open beside it is another document of the same name.
    pub(crate) fn close_script(&self, uri: &Uri) {
        let is_script = self.lock().open.get(uri).is_some_and(|open| open.document.is_script());
        if is_script {
            self.close(uri);
        }
    }

    /// The document as it is now.
    pub(crate) fn source(&self, uri: &str) -> Option<Source> {
        let (uri, document) = self.lock().open.get_key_value(uri).map(|(uri, open)| (Arc::clone(uri), open.document.clone()))?;
        Some(document.source(&uri))
    }

    /// The notebook or script that a document belongs to.
    pub(crate) fn owner(&self, document: &str) -> Option<Uri> {
        let documents = self.lock();
        let owner = documents.owners.get(document).cloned();
        owner.or_else(|| documents.open.get_key_value(document).map(|(uri, _)| Arc::clone(uri)))
    }

    /// The analysis of the text as it is now, or of a later one.
    ///
    /// # Errors
    /// When the document is not open, is closed meanwhile, or the analysis fails.
    pub(crate) async fn snapshot(&self, uri: &str) -> Result<Arc<Snapshot>, Fault> {
        let (mut latest, wanted) = {
            let documents = self.lock();
            let open = documents.open.get(uri).ok_or_else(|| Fault::not_open(uri))?;
            open.newest.hurry(open.generation);
            (open.latest.subscribe(), open.generation)
        };
        let found = latest.wait_for(|latest| latest.generation >= wanted).await;
        let found = found.map_err(|_| Fault::not_open(uri))?.snapshot.clone();
        found.ok_or(Fault::Panicked(crate::pool::Panicked))
    }

    /// Notes a change and sees that an analysis follows.
    fn changed(self: &Arc<Self>, uri: &Uri, open: &mut Open) {
        open.generation += 1;
        open.newest.set(open.generation);
        if open.running != Running::No {
            open.running = Running::Outdated;
            return;
        }
        open.running = Running::Yes;
        self.start(uri, open.instance);
    }

    fn start(self: &Arc<Self>, uri: &Uri, instance: u64) {
        let (session, uri) = (Arc::clone(self), Arc::clone(uri));
        self.pool.submit_next(move || session.analyze(&uri, instance));
    }

    /// One analysis of the latest text, on a thread with a large stack.
    fn analyze(self: &Arc<Self>, uri: &Uri, instance: u64) {
        let (document, generation, newest, settings, kept, patient) = {
            let mut documents = self.lock();
            let Some(open) = documents.open.get_mut(uri).filter(|open| open.instance == instance) else { return };
            open.running = Running::Yes;
            let document = open.document.at_rest(uri);
            let patient = open.broken_off >= MOST_BROKEN_OFF && open.latest.receiver_count() > 0;
            (document, open.generation, Arc::clone(&open.newest), open.settings.clone(), Arc::clone(&open.kept), patient)
        };
        let settings = settings.unwrap_or_else(|| self.load_settings(uri));
        let heavy = self.options().heavy_seconds(&settings);
        let encoding = self.abilities().encoding;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let source = document.source(uri);
        let measurements = self.known_of(&source, &settings);
        let places = if settings.history { self.remembered.places() } else { Arc::default() };
        let early = |source: &Source, problems: &Problems| {
            if self.found(uri, instance, generation, source, problems) {
                newest.wait(generation, LINGER);
            }
        };
        let wanted = || patient || newest.is(generation);
        let made =
            fence(|| Snapshot::new(source, Arc::clone(&settings), heavy, encoding, measurements, &places, &mut kept, early, &wanted));
        if made.is_err() {
            // What a panic left behind is not to be relied on.
            *kept = Kept::default();
        }
        drop(kept);
        match made {
            Ok(None) => self.broken_off(uri, instance),
            Ok(Some(snapshot)) => self.analyzed(uri, instance, generation, settings, Some(Arc::new(snapshot))),
            Err(_) => self.analyzed(uri, instance, generation, settings, None),
        }
    }

    /// A newer text came before the analysis had ended; who waits for it gets that of the newer one.
    fn broken_off(self: &Arc<Self>, uri: &Uri, instance: u64) {
        let mut documents = self.lock();
        if let Some(open) = documents.open.get_mut(uri).filter(|open| open.instance == instance) {
            open.broken_off += 1;
            self.start(uri, instance);
        }
    }

    /// What was measured of a document's cells. Its history is read when it is opened.
    fn known_of(&self, source: &Source, settings: &Settings) -> Measurements {
        let known = self.measured().of(&source.uri);
        let known = known.unwrap_or_else(|| {
            let before = if settings.history { self.remembered.measurements(source) } else { Measurements::default() };
            self.measured().know(&source.uri, before)
        });
        Arc::unwrap_or_clone(known)
    }

    /// Analyzes a document again because more was measured.
    pub(crate) fn measured_more(self: &Arc<Self>, uri: &Uri) {
        if let Some(open) = self.lock().open.get_mut(uri) {
            // What hints say changes although no text does.
            open.digest = 0;
            self.changed(uri, open);
        }
    }

    /// The last analysis there is, which may be of an older text.
    pub(crate) fn last_snapshot(&self, uri: &str) -> Option<Arc<Snapshot>> {
        self.lock().open.get(uri)?.latest.borrow().snapshot.clone()
    }

    fn analyzed(self: &Arc<Self>, uri: &Uri, instance: u64, generation: u64, settings: Arc<Settings>, snapshot: Option<Arc<Snapshot>>) {
        let mut documents = self.lock();
        let Some(open) = documents.open.get_mut(uri).filter(|open| open.instance == instance) else { return };
        open.broken_off = 0;
        let before = open.latest.send_replace(Latest { generation, snapshot: snapshot.clone() });
        if open.running == Running::Outdated {
            // Settings that were read before a reload are not kept.
            self.start(uri, instance);
        } else {
            open.running = Running::No;
            open.settings = Some(settings);
            if let Some(snapshot) = snapshot {
                self.publish(open, &snapshot);
            }
        }
        // The state before is large, so it goes when others may work again.
        drop(documents);
        drop(before);
    }

    /// Tells the problems of the text as it is now while its analysis goes on. A client that pulls them waits for the snapshot. Says
    /// whether there was anything to tell.
    fn found(&self, uri: &Uri, instance: u64, generation: u64, source: &Source, problems: &Problems) -> bool {
        if self.abilities().pulls(source.is_script) {
            return false;
        }
        let mut documents = self.lock();
        let open = documents.open.get_mut(uri).filter(|open| open.instance == instance && open.generation == generation);
        open.is_some_and(|open| self.tell(open, source, problems))
    }

    /// Tells what differs from what was told before, and says whether anything does.
    fn tell(&self, open: &mut Open, source: &Source, problems: &Problems) -> bool {
        let pulled = self.abilities().pulls(source.is_script);
        let gone: Vec<(Uri, Arc<Vec<Problem>>)> =
            open.published.keys().filter(|uri| !problems.contains_key(*uri)).map(|uri| (Arc::clone(uri), Arc::default())).collect();
        let mut versions = Versions::new(source, problems.len() + gone.len());
        let mut news = false;
        let all = problems.iter().map(|(uri, problems)| (Arc::clone(uri), Arc::clone(problems)));
        for (uri, problems) in all.chain(gone) {
            // An edit shifts what the editor shows; of an edited cell it gets everything again.
            let version = versions.of(&uri).filter(|_| !problems.is_empty());
            let now = Published { version, problems };
            let before = open.published.get(&uri);
            if before == Some(&now) || (before.is_none() && now.problems.is_empty()) {
                continue;
            }
            news = true;
            if !pulled {
                let version = versions.of(&uri);
                self.outbox.send(Outgoing::Problems { uri: Arc::clone(&uri), version, problems: Arc::clone(&now.problems) });
            }
            if now.problems.is_empty() {
                open.published.remove(&uri);
            } else {
                open.published.insert(uri, now);
            }
        }
        news
    }

    /// Tells what differs from what was told before.
    fn publish(&self, open: &mut Open, snapshot: &Snapshot) {
        let news = self.tell(open, &snapshot.source, &snapshot.problems);
        let pulled = self.abilities().pulls(snapshot.source.is_script);
        let digest = snapshot.digest();
        let status = std::mem::replace(&mut open.digest, digest) != digest;
        self.outbox.send(Outgoing::Refresh { status, diagnostics: news && pulled });
        self.outbox.notice(Notice::StatusChanged, serde_json::json!({ "notebook": &*snapshot.source.uri }));
    }

    /// Says that costs or marks have changed.
    pub(crate) fn status_changed(&self, uri: &str) {
        self.outbox.send(Outgoing::Refresh { status: true, diagnostics: false });
        self.outbox.notice(Notice::StatusChanged, serde_json::json!({ "notebook": uri }));
    }

    /// The settings of a document's folder. Broken ones are told and replaced by the defaults.
    pub(crate) fn load_settings(&self, uri: &str) -> Arc<Settings> {
        let folder = snapshot::folder(uri).unwrap_or_else(|| PathBuf::from("."));
        match (self.load)(&folder) {
            Ok(settings) => {
                for warning in &settings.warnings {
                    let help = warning.help.as_deref().map(|help| format!("; {help}")).unwrap_or_default();
                    crate::log::line(&format!("{}: {}{help}", warning.place, warning.text));
                }
                Arc::new(settings)
            }
            Err(error) => {
                self.outbox.send(Outgoing::Message { bad: true, text: format!("{}: {error}", error.place()) });
                Arc::default()
            }
        }
    }
}

/// Versions of the documents of cells. Of few documents they are looked for; of many in a table.
struct Versions<'s> {
    source: &'s Source,
    table: Option<HashMap<&'s Uri, Option<i32>>>,
}

impl<'s> Versions<'s> {
    fn new(source: &'s Source, asked: usize) -> Self {
        let table = || source.places.iter().map(|place| (&place.uri, place.version)).collect();
        Self { source, table: (asked > FEW).then(table) }
    }

    fn of(&mut self, uri: &Uri) -> Option<i32> {
        match &self.table {
            Some(table) => table.get(uri).copied().flatten(),
            None => self.source.places.iter().find(|place| place.uri == *uri)?.version,
        }
    }
}

impl Documents {
    /// Notes whose the documents of the cells are.
    fn own(&mut self, uri: &Uri, document: &Document) {
        if let Document::Notebook(notebook) = document {
            self.owners.retain(|_, owner| owner != uri);
            self.owners.extend(notebook.cells.iter().map(|cell| (Arc::clone(&cell.uri), Arc::clone(uri))));
        }
    }
}
