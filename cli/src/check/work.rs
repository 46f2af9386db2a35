//! One file after the other, on all cores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nbhoist_analyzer::finding::{Edit, Finding};
use nbhoist_analyzer::local_files;
use nbhoist_analyzer::notebook::{Notebook, SourceLines};
use nbhoist_lsp::folders::Folders;

use super::args::CheckArgs;
use super::baseline::Baseline;
use super::cache::Cache;
use super::configured::Configured;
use super::entry::Entry;
use super::hash::hash;
use super::since::Since;
use super::stamp::Stamp;
use super::{fixes, ignores, local};
use crate::analysis;
use crate::error::Failure;
use crate::input::{self, Input, folder_of};
use crate::walk::Found;

/// A notebook that was checked.
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) notebook: Notebook,
    pub(crate) findings: Vec<Finding>,
    /// How many findings were put right, or got a comment.
    pub(crate) fixed: usize,
    /// How many findings take no comment.
    pub(crate) stubborn: usize,
    /// The file before and after, where it was changed or would be.
    pub(crate) change: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) from_stdin: bool,
    /// How many findings the baseline has.
    pub(crate) known: usize,
}

impl Checked {
    /// A notebook of a file that is not changed.
    fn new(notebook: Notebook, findings: Vec<Finding>, known: usize) -> Self {
        Self { name: String::new(), notebook, findings, fixed: 0, stubborn: 0, change: None, from_stdin: false, known }
    }

    /// Lets go of what no report shows: only cells that findings speak of are kept until the end of a run over thousands of notebooks.
    fn shed(&mut self) {
        let Self { notebook, findings, .. } = self;
        if findings.is_empty() {
            notebook.cells = Vec::new();
            return;
        }
        let shown = shown(findings);
        notebook.cells.truncate(shown.last().map_or(0, |last| *last as usize));
        notebook.cells.shrink_to_fit();
        for cell in notebook.cells.iter_mut().filter(|cell| !shown.contains(&cell.number)) {
            cell.source = String::new();
            cell.outputs = Vec::new();
            cell.source_lines = SourceLines::Same;
        }
    }
}

/// Numbers of the cells that findings speak of, and that reports show.
pub(super) fn shown(findings: &[Finding]) -> BTreeSet<u32> {
    let related = findings.iter().flat_map(|finding| finding.related.iter().map(|because| because.cell));
    let edits = findings.iter().filter_map(|finding| finding.fix.as_ref()).flat_map(|fix| &fix.edits);
    let edited = edits.map(|edit| match edit {
        Edit::Source { cell, .. } | Edit::ClearOutputs { cell } | Edit::Id { cell, .. } => *cell,
    });
    findings.iter().map(|finding| finding.cell).chain(related).chain(edited).collect()
}

/// What became of one file.
pub(crate) enum Outcome {
    Checked(Box<Checked>),
    /// Not a Python notebook, and only met while walking through a folder.
    LeftOut,
    /// Not among what is asked about.
    Unchanged,
    Failed {
        name: String,
        failure: Failure,
    },
}

/// What is to be done with each file.
pub(crate) struct Work<'a> {
    pub(crate) args: &'a CheckArgs,
    pub(crate) configured: &'a Configured,
    pub(crate) baseline: Option<&'a Baseline>,
    pub(crate) since: Option<&'a Since>,
    /// What was found before; none where it is not to be used.
    pub(crate) cache: Option<&'a Cache>,
    /// The folders of the notebooks, as they are during this run.
    pub(crate) folders: Folders,
}

impl Work<'_> {
    /// Checks the files on all cores; results come in the order of the files.
    pub(crate) fn all(&self, files: &[Found]) -> Vec<Outcome> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
        let next = AtomicUsize::new(0);
        let results: Mutex<BTreeMap<usize, Outcome>> = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else { break };
                let outcome = self.one(file);
                if let Ok(mut results) = results.lock() {
                    results.insert(index, outcome);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                let thread = std::thread::Builder::new().stack_size(crate::STACK_BYTES);
                // Without another thread this one does all the work.
                let _ = thread.spawn_scoped(scope, work);
            }
            work();
        });
        results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_values().collect()
    }

    fn one(&self, file: &Found) -> Outcome {
        let path = file.name(self.args);
        if self.since.is_some_and(|since| !since.concerns(path)) {
            return Outcome::Unchanged;
        }
        let name = path.display().to_string();
        let checked = match self.cache.filter(|_| !file.is_stdin()) {
            Some(cache) => self.remembered(cache, file),
            None if file.is_stdin() => input::read_stdin(path).and_then(|input| self.check(input, file)),
            None => input::read(&file.path).and_then(|input| self.check(input, file)),
        };
        match checked {
            Ok(mut checked) => {
                checked.name = name;
                checked.shed();
                Outcome::Checked(Box::new(checked))
            }
            Err(failure) if failure.is_other_language() && !file.explicit => Outcome::LeftOut,
            Err(failure) => Outcome::Failed { name, failure },
        }
    }

    /// What is found in a file: as it was found before, when nothing has changed since then.
    fn remembered(&self, cache: &Cache, file: &Found) -> Result<Checked, Failure> {
        let settings = self.configured.of(&file.path);
        let Some(conditions) = cache.conditions(&file.path, &settings) else {
            return input::read(&file.path).and_then(|input| self.check(input, file));
        };
        let folder = self.folders.of(&folder_of(&file.path));
        let old = cache.get(&file.path, &conditions);
        let mut old = old.and_then(|mut entry| entry.asked.renew(&folder, cache.moment()).map(|renewed| (entry, renewed)));
        if let Some((entry, renewed)) = &mut old
            && entry.stamp.is_some()
            && entry.stamp == Stamp::at(&file.path)
            && let Some(findings) = entry.findings()
        {
            if *renewed {
                cache.put(&file.path, entry);
            }
            // An entry without the cells has no stamp.
            if let Some(notebook) = entry.notebook() {
                return Ok(self.checked(notebook, findings, &file.path));
            }
        }
        let (known, bytes) = input::bytes_of(&file.path)?;
        let (content, stamp) = (hash(&[&bytes]), Stamp::of(&known).and_then(|stamp| stamp.settled(cache.moment())));
        if let Some((entry, renewed)) = old.filter(|(entry, _)| entry.content == content)
            && let Some(findings) = entry.findings()
        {
            let before = entry.stamp;
            let mut entry = entry.stamped(stamp);
            if renewed || (entry.stamp.is_some() && entry.stamp != before) {
                cache.put(&file.path, &entry);
            }
            let notebook = match entry.notebook() {
                Some(notebook) => notebook,
                None => input::parse(file.path.clone(), bytes)?.notebook,
            };
            return Ok(self.checked(notebook, findings, &file.path));
        }
        let mut input = input::parse(file.path.clone(), bytes)?;
        input.forget_bytes();
        let (files, asked) = local::read(input.sources(), &folder, cache.moment());
        let findings = analysis::findings(&input, &settings, files);
        cache.put(&file.path, &Entry::new(conditions, content, asked, &findings, &input.notebook).stamped(stamp));
        Ok(self.checked(input.notebook, findings, &file.path))
    }

    /// A notebook that is not changed, without what the baseline has.
    fn checked(&self, notebook: Notebook, mut findings: Vec<Finding>, path: &Path) -> Checked {
        let known = self.leave_out_known(path, &notebook, &mut findings);
        Checked::new(notebook, findings, known)
    }

    fn check(&self, mut input: Input, file: &Found) -> Result<Checked, Failure> {
        if !(self.args.fix || self.args.diff || self.args.add_ignores) {
            input.forget_bytes();
            let (findings, known) = self.findings(&input);
            return Ok(Checked { from_stdin: file.is_stdin(), ..Checked::new(input.notebook, findings, known) });
        }
        let (findings, known) = self.findings(&input);
        let mut checked = Checked { from_stdin: file.is_stdin(), ..Checked::new(input.notebook.clone(), findings, known) };
        if self.args.fix || self.args.diff {
            fixes::fix(&mut checked, input, self)?;
        } else {
            ignores::add(&mut checked, input, self)?;
        }
        if let (Some((_, after)), false, false) = (&checked.change, self.args.diff, file.is_stdin()) {
            crate::save::write(&file.path, after, "the notebook")?;
        }
        Ok(checked)
    }

    /// What is found in a notebook and is to be reported, and how much of it the baseline has.
    pub(crate) fn findings(&self, input: &Input) -> (Vec<Finding>, usize) {
        let settings = self.configured.of(&input.path);
        let folder = self.folders.of(&input.folder());
        let files = |input: &Input| local_files::referenced(input.sources(), |path| folder.text(path));
        let mut findings = analysis::findings(input, &settings, files(input));
        if let Some(since) = self.since {
            since.keep_new(input, &mut findings, |old| analysis::findings(old, &settings, files(old)));
        }
        let known = self.leave_out_known(&input.path, &input.notebook, &mut findings);
        (findings, known)
    }

    /// Leaves out what the baseline has, and says how much that is.
    fn leave_out_known(&self, path: &Path, notebook: &Notebook, findings: &mut Vec<Finding>) -> usize {
        let all = findings.len();
        if let Some(baseline) = self.baseline {
            baseline.leave_out(path, notebook, findings);
        }
        all - findings.len()
    }
}
