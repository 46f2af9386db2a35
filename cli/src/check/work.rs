//! One file after the other, on all cores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nbhoist_analyzer::finding::{Edit, Finding};
use nbhoist_analyzer::notebook::{Notebook, SourceLines};

use super::args::CheckArgs;
use super::baseline::Baseline;
use super::cache::Cache;
use super::configured::Configured;
use super::since::Since;
use super::{fixes, ignores};
use crate::analysis;
use crate::error::Failure;
use crate::input::{self, Input};
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
        let related = findings.iter().flat_map(|finding| finding.related.iter().map(|because| because.cell));
        let edits = findings.iter().filter_map(|finding| finding.fix.as_ref()).flat_map(|fix| &fix.edits);
        let edited = edits.map(|edit| match edit {
            Edit::Source { cell, .. } | Edit::ClearOutputs { cell } | Edit::Id { cell, .. } => *cell,
        });
        let shown: BTreeSet<u32> = findings.iter().map(|finding| finding.cell).chain(related).chain(edited).collect();
        notebook.cells.truncate(shown.last().map_or(0, |last| *last as usize));
        notebook.cells.shrink_to_fit();
        for cell in notebook.cells.iter_mut().filter(|cell| !shown.contains(&cell.number)) {
            cell.source = String::new();
            cell.outputs = Vec::new();
            cell.source_lines = SourceLines::Same;
        }
    }
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
        let bytes = input::bytes(&file.path)?;
        let settings = self.configured.of(&file.path);
        let key = cache.key(&file.path, &bytes, &settings);
        let known = key.as_ref().and_then(|key| cache.get(&file.path, key));
        if known.as_ref().is_some_and(Vec::is_empty) {
            // Only findings refer to cells.
            return Ok(Checked::new(nbhoist_analyzer::percent::read(""), Vec::new(), 0));
        }
        let mut input = input::parse(file.path.clone(), bytes)?;
        input.forget_bytes();
        let mut findings = known.unwrap_or_else(|| {
            let findings = analysis::findings(&input, &settings);
            if let Some(key) = key {
                cache.put(&input, key, &findings);
            }
            findings
        });
        let known = self.leave_out_known(&input, &mut findings);
        Ok(Checked::new(input.notebook, findings, known))
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
        let mut findings = analysis::findings(input, &settings);
        if let Some(since) = self.since {
            since.keep_new(input, &mut findings, |old| analysis::findings(old, &settings));
        }
        let known = self.leave_out_known(input, &mut findings);
        (findings, known)
    }

    /// Leaves out what the baseline has, and says how much that is.
    fn leave_out_known(&self, input: &Input, findings: &mut Vec<Finding>) -> usize {
        let all = findings.len();
        if let Some(baseline) = self.baseline {
            baseline.leave_out(Path::new(&input.path), &input.notebook, findings);
        }
        all - findings.len()
    }
}
