//! Finding the entry that speaks for a path.

use super::builtin::{self, top_level};
use super::own::Own;
use super::schema::{Default_, Entry};

/// The table that is part of the program, and what a user's files add to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub(super) own: Own,
}

/// What the table says about a path.
#[derive(Clone, Copy, Debug)]
pub enum Found<'t> {
    /// An entry.
    Entry(&'t Entry),
    /// No entry, and the library says that such paths change nothing.
    Pure,
    /// Nothing is known.
    Unknown,
}

impl Table {
    /// Whether nobody has added to the table that is part of the program.
    pub(crate) fn is_built_in(&self) -> bool {
        self.own == Own::default()
    }

    /// What unlisted paths of the library that this path belongs to do; `None` when nothing speaks for the library.
    pub fn library(&self, path: &str) -> Option<Default_> {
        let module = top_level(path);
        self.own.library(module).or_else(|| builtin::library(module))
    }

    /// The entry for exactly this path.
    pub fn exact(&self, path: &str) -> Option<&Entry> {
        self.own.exact(path).or_else(|| builtin::exact(path))
    }

    /// What calling this dotted path does.
    pub fn function(&self, path: &str) -> Found<'_> {
        match self.entry(path) {
            Some(entry) => Found::Entry(entry),
            None => self.default_of(path),
        }
    }

    /// What this method or attribute of a value of this kind does.
    pub fn member(&self, kind: &str, name: &str) -> Found<'_> {
        let mut path = String::with_capacity(kind.len() + name.len() + 16);
        let found = self.inherited(kind, name, &mut path, 0);
        match found.or_else(|| self.inherited(&dotted(top_level(kind), "Any"), name, &mut path, 0)) {
            Some(entry) => Found::Entry(entry),
            None => self.default_of(kind),
        }
    }

    /// What a method does, judged by its name alone, for a receiver of unknown kind: pure where every listed kind agrees or the name is a
    /// well-known one; `None` when nothing is known.
    pub fn by_method_name(&self, name: &str) -> Option<Default_> {
        if PURE_METHODS.binary_search(&name).is_ok() {
            return Some(Default_::Pure);
        }
        None
    }

    fn default_of(&self, path: &str) -> Found<'_> {
        match self.library(path) {
            Some(Default_::Pure) => Found::Pure,
            _ => Found::Unknown,
        }
    }

    /// The entry that speaks for a path. One that names it counts more than one with a `*`, and a user's more than ours.
    fn entry(&self, path: &str) -> Option<&Entry> {
        self.exact(path).or_else(|| self.own.pattern(path)).or_else(|| builtin::pattern(path))
    }

    /// The entry for a member of a kind, or of what that is derived from; `path` is room for the paths that are looked for.
    fn inherited(&self, kind: &str, name: &str, path: &mut String, depth: u32) -> Option<&Entry> {
        // Bases are written by hand and could form a ring.
        if depth > 8 {
            return None;
        }
        path.clear();
        path.extend([kind, ".", name]);
        if let Some(entry) = self.entry(path) {
            return Some(entry);
        }
        let bases = self.exact(kind).map(|entry| entry.base.as_slice()).unwrap_or_default();
        bases.iter().find_map(|base| self.inherited(base, name, path, depth + 1))
    }
}

/// The path of what is inside of something that has a path.
pub(crate) fn dotted(path: &str, name: &str) -> String {
    [path, ".", name].concat()
}

/// Whether a path fits a pattern, where `*` stands for one or more of its parts.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let last = |text: &str| memchr::memrchr(b'.', text.as_bytes()).map_or(0, |dot| dot + 1);
    // Most patterns are of another member.
    let member = &pattern[last(pattern)..];
    (member == "*" || *member == path[last(path)..]) && fits(pattern, path)
}

fn fits(pattern: &str, path: &str) -> bool {
    let cut = |text: &str| -> (usize, Option<usize>) {
        memchr::memchr(b'.', text.as_bytes()).map_or((text.len(), None), |dot| (dot, Some(dot + 1)))
    };
    let ((head, rest), (part, tail)) = (cut(pattern), cut(path));
    let starred = &pattern[..head] == "*";
    if !starred && pattern[..head] != path[..part] {
        return false;
    }
    match (rest, tail) {
        (None, None) => true,
        (Some(rest), Some(tail)) => fits(&pattern[rest..], &path[tail..]) || starred && fits(pattern, &path[tail..]),
        (None, Some(tail)) => starred && fits(pattern, &path[tail..]),
        (Some(_), None) => false,
    }
}

/// Methods that change nothing in any library people use in notebooks, sorted. Kept to names that mean one thing everywhere.
const PURE_METHODS: &[&str] = &[
    "T",
    "abs",
    "agg",
    "aggregate",
    "all",
    "any",
    "apply",
    "argmax",
    "argmin",
    "argsort",
    "asfreq",
    "assign",
    "astype",
    "between",
    "bfill",
    "boxplot",
    "capitalize",
    "cat",
    "clip",
    "conf_int",
    "copy",
    "corr",
    "corrwith",
    "count",
    "cov",
    "cpu",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "decode",
    "describe",
    "detach",
    "diff",
    "difference",
    "dot",
    "dropna",
    "dt",
    "duplicated",
    "encode",
    "endswith",
    "eq",
    "ewm",
    "exists",
    "expanding",
    "fillna",
    "filter",
    "flatten",
    "forecast",
    "format",
    "from_dict",
    "ge",
    "get",
    "get_dummies",
    "get_forecast",
    "get_params",
    "get_prediction",
    "groupby",
    "gt",
    "head",
    "hist",
    "iloc",
    "index",
    "info",
    "interpolate",
    "intersection",
    "is_dir",
    "is_file",
    "isalpha",
    "isdigit",
    "isin",
    "isna",
    "isnull",
    "items",
    "iterrows",
    "itertuples",
    "join",
    "keys",
    "kurt",
    "last",
    "le",
    "loc",
    "lower",
    "lstrip",
    "lt",
    "map",
    "max",
    "mean",
    "median",
    "melt",
    "memory_usage",
    "merge",
    "min",
    "mode",
    "mul",
    "ne",
    "nlargest",
    "notna",
    "notnull",
    "nsmallest",
    "numpy",
    "nunique",
    "params",
    "pct_change",
    "pipe",
    "pivot",
    "pivot_table",
    "plot",
    "predict",
    "predict_proba",
    "prod",
    "quantile",
    "query",
    "rank",
    "ravel",
    "reindex",
    "replace",
    "resample",
    "reset_index",
    "reshape",
    "rolling",
    "round",
    "rstrip",
    "sample",
    "score",
    "select",
    "select_dtypes",
    "set_index",
    "shift",
    "simulate",
    "size",
    "sort_index",
    "sort_values",
    "split",
    "squeeze",
    "stack",
    "startswith",
    "std",
    "str",
    "strip",
    "sub",
    "sum",
    "summary",
    "swapaxes",
    "tail",
    "test_causality",
    "to_csv",
    "to_dict",
    "to_frame",
    "to_html",
    "to_latex",
    "to_list",
    "to_markdown",
    "to_numpy",
    "to_pandas",
    "to_string",
    "tolist",
    "transform",
    "transpose",
    "union",
    "unique",
    "unstack",
    "upper",
    "value_counts",
    "values",
    "var",
    "view",
    "where",
    "xs",
    "zfill",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_or_more_parts() {
        for (pattern, path, fits) in [
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("a.*", "a", false),
            ("a.*.fit", "a.b.c.fit", true),
            ("a.*.fit", "a.fit", false),
            ("a.*.fit", "a.b.fit.c", false),
            ("a.*.fit.*", "a.b.fit.c", true),
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn names_of_pure_methods_are_sorted() {
        assert!(PURE_METHODS.is_sorted());
    }
}
