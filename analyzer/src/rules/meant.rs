//! What may be meant by a name that nothing defines: another name with a slip in it, or a module that was never imported.

use ruff_python_ast::Stmt;
use ruff_text_size::Ranged as _;

use super::Context;
use crate::finding::{Applicability, Edit, Finding, Fix};
use crate::interp::builtins;
use crate::nearest::nearest;
use crate::syntax;

/// Modules by the name that everybody gives them.
const CONVENTIONS: [(&str, &str); 8] = [
    ("nx", "networkx"),
    ("np", "numpy"),
    ("pd", "pandas"),
    ("pl", "polars"),
    ("plt", "matplotlib.pyplot"),
    ("px", "plotly.express"),
    ("sns", "seaborn"),
    ("tf", "tensorflow"),
];

/// Modules of the standard library whose names are rarely used for anything else.
const STANDARD: [&str; 22] = [
    "collections",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "functools",
    "glob",
    "gzip",
    "itertools",
    "json",
    "logging",
    "math",
    "os",
    "pathlib",
    "pickle",
    "random",
    "re",
    "shutil",
    "subprocess",
    "sys",
    "time",
];

/// The change that makes sense of the name which the finding is about; `here` is the cell that is run.
pub(super) fn fix(context: &Context<'_>, here: u32, finding: &Finding, name: &str) -> Option<Fix> {
    let source = &context.request.notebook.cell(finding.cell)?.source;
    // In a text, such as a query, the range is that of the text.
    if source.get(finding.start as usize..finding.end as usize)? != name {
        return None;
    }
    import(source, finding.cell, name).or_else(|| spelling(context, here, finding, name))
}

fn import(source: &str, cell: u32, name: &str) -> Option<Fix> {
    let convention = CONVENTIONS.iter().find(|(short, _)| *short == name).map(|(_, module)| format!("import {module} as {name}"));
    let line = convention.or_else(|| STANDARD.contains(&name).then(|| format!("import {name}")))?;
    let syntax = syntax::parse_cell(source);
    let first = syntax.body.first()?;
    // That one must stay the first.
    if matches!(first, Stmt::ImportFrom(import) if import.module.as_ref().is_some_and(|module| module == "__future__")) {
        return None;
    }
    let start = first.start().to_u32();
    let alone = source[..start as usize].rsplit('\n').next().is_some_and(str::is_empty);
    alone.then(|| guess(format!("Add `{line}`"), Edit::Source { cell, start, end: start, text: format!("{line}\n") }))
}

const CONSTANTS: &[&str] = &["Ellipsis", "False", "None", "NotImplemented", "True"];

fn spelling(context: &Context<'_>, here: u32, finding: &Finding, name: &str) -> Option<Fix> {
    let slips = match name.chars().count() {
        0..=2 => return None,
        3..=5 => 1,
        _ => 2,
    };
    let mut known: Vec<&str> = match (context.uses, context.position(here)) {
        (Some(uses), Some(at)) => {
            let earlier = uses.binders.iter().filter(|(_, binders)| binders.first().is_some_and(|first| *first as usize <= at));
            earlier.map(|(name, _)| name.as_str()).collect()
        }
        _ => {
            let earlier = context.linked.traces().iter().filter(|trace| trace.cell <= here);
            earlier.flat_map(|trace| &trace.binds).map(|bind| bind.name.as_str()).collect()
        }
    };
    known.retain(|known| !known.starts_with('_'));
    // A value where a name was meant is no correction: `gone` is not `None`.
    known.extend(builtins().iter().filter(|name| !CONSTANTS.contains(name)));
    let meant = nearest(name, known, slips)?;
    let Finding { cell, start, end, .. } = *finding;
    Some(guess(format!("Change to `{meant}`"), Edit::Source { cell, start, end, text: meant.to_owned() }))
}

/// What a person has to look at: nobody but them knows what was meant.
fn guess(title: String, edit: Edit) -> Fix {
    Fix { title, applicability: Applicability::Unsafe, edits: vec![edit] }
}

#[cfg(test)]
mod tests {
    use crate::finding::Edit;
    use crate::{Request, analyze, percent};

    /// The title, and the source of the last cell with the fix in it.
    fn fixed(script: &str) -> Option<(String, String)> {
        let notebook = percent::read(script);
        let findings = analyze(&Request::new(&notebook)).findings;
        let mut fix = findings.into_iter().find(|finding| finding.code == "NBH202")?.fix?;
        let Some(Edit::Source { cell, start, end, text }) = fix.edits.pop() else { return None };
        let mut source = notebook.cell(cell)?.source.clone();
        source.replace_range(start as usize..end as usize, &text);
        Some((fix.title, source))
    }

    fn shows(script: &str, title: &str, source: &str) {
        assert_eq!(fixed(script), Some((title.to_owned(), source.to_owned())));
        let after = script.rsplit_once("# %%\n").map(|(before, _)| format!("{before}# %%\n{source}\n"));
        let left = analyze(&Request::new(&percent::read(&after.unwrap()))).findings;
        assert!(left.iter().all(|finding| finding.code != "NBH202"), "{left:?}");
    }

    #[test]
    fn a_slip_is_put_right() {
        shows("# %%\ntotal = 1\n# %%\nprint(totla)\n", "Change to `total`", "print(total)");
        shows("# %%\nx = 1\n# %%\npritn(x)\n", "Change to `print`", "print(x)");
    }

    #[test]
    fn a_module_is_imported_above_the_code() {
        shows(
            "# %%\n# nbhoist: block b\nx = np.zeros(3)\n",
            "Add `import numpy as np`",
            "# nbhoist: block b\nimport numpy as np\nx = np.zeros(3)",
        );
        shows("# %%\n# %%time\njson.dumps([])\n", "Add `import json`", "%%time\nimport json\njson.dumps([])");
    }

    #[test]
    fn what_nobody_can_know_is_left_alone() {
        assert_eq!(fixed("# %%\nprint(samples)\n"), None);
        assert_eq!(fixed("# %%\nprint(gone)\n"), None);
        assert_eq!(fixed("# %%\nab = 1\n# %%\nprint(ac)\n"), None);
        assert_eq!(fixed("# %%\nprint(totla)\n# %%\ntotal = 1\n"), None);
        assert_eq!(fixed("# %%\nfrom __future__ import annotations\nnp.zeros(3)\n"), None);
    }
}
