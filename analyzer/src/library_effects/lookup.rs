//! Finding the entry that speaks for a path.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::schema::{Default_, Entry, Library};

/// The files that are part of the program.
const FILES: &[(&str, &str)] = &[
    ("altair.toml", include_str!("altair.toml")),
    ("builtins.toml", include_str!("builtins.toml")),
    ("catboost.toml", include_str!("catboost.toml")),
    ("dask.toml", include_str!("dask.toml")),
    ("databases.toml", include_str!("databases.toml")),
    ("duckdb.toml", include_str!("duckdb.toml")),
    ("folium.toml", include_str!("folium.toml")),
    ("geopandas.toml", include_str!("geopandas.toml")),
    ("h5py.toml", include_str!("h5py.toml")),
    ("imageio.toml", include_str!("imageio.toml")),
    ("ipython.toml", include_str!("ipython.toml")),
    ("joblib.toml", include_str!("joblib.toml")),
    ("keras.toml", include_str!("keras.toml")),
    ("lightgbm.toml", include_str!("lightgbm.toml")),
    ("matplotlib.toml", include_str!("matplotlib.toml")),
    ("matplotlib_axes.toml", include_str!("matplotlib_axes.toml")),
    ("networkx.toml", include_str!("networkx.toml")),
    ("numba.toml", include_str!("numba.toml")),
    ("numpy.toml", include_str!("numpy.toml")),
    ("numpy_array.toml", include_str!("numpy_array.toml")),
    ("numpy_random.toml", include_str!("numpy_random.toml")),
    ("opencv.toml", include_str!("opencv.toml")),
    ("pandas.toml", include_str!("pandas.toml")),
    ("pandas_frame.toml", include_str!("pandas_frame.toml")),
    ("pandas_groups.toml", include_str!("pandas_groups.toml")),
    ("pillow.toml", include_str!("pillow.toml")),
    ("plotly.toml", include_str!("plotly.toml")),
    ("polars.toml", include_str!("polars.toml")),
    ("pyspark.toml", include_str!("pyspark.toml")),
    ("rasterio.toml", include_str!("rasterio.toml")),
    ("ray.toml", include_str!("ray.toml")),
    ("requests.toml", include_str!("requests.toml")),
    ("scikit_image.toml", include_str!("scikit_image.toml")),
    ("scipy.toml", include_str!("scipy.toml")),
    ("seaborn.toml", include_str!("seaborn.toml")),
    ("services.toml", include_str!("services.toml")),
    ("shapely.toml", include_str!("shapely.toml")),
    ("sklearn.toml", include_str!("sklearn.toml")),
    ("sqlalchemy.toml", include_str!("sqlalchemy.toml")),
    ("statsmodels.toml", include_str!("statsmodels.toml")),
    ("stdlib.toml", include_str!("stdlib.toml")),
    ("stdlib_interpreter.toml", include_str!("stdlib_interpreter.toml")),
    ("stdlib_network.toml", include_str!("stdlib_network.toml")),
    ("stdlib_system.toml", include_str!("stdlib_system.toml")),
    ("sympy.toml", include_str!("sympy.toml")),
    ("tensorflow.toml", include_str!("tensorflow.toml")),
    ("text.toml", include_str!("text.toml")),
    ("torch.toml", include_str!("torch.toml")),
    ("torchvision.toml", include_str!("torchvision.toml")),
    ("tqdm.toml", include_str!("tqdm.toml")),
    ("transformers.toml", include_str!("transformers.toml")),
    ("xarray.toml", include_str!("xarray.toml")),
    ("xgboost.toml", include_str!("xgboost.toml")),
];

/// All entries, by path.
#[derive(Debug, Default)]
pub struct Table {
    entries: HashMap<String, Entry>,
    /// Entries whose path holds a `*`, most specific first.
    patterns: Vec<(Vec<String>, Entry)>,
    defaults: HashMap<String, Default_>,
    problems: Vec<String>,
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

#[derive(Deserialize)]
struct File {
    library: Library,
    #[serde(flatten)]
    entries: HashMap<String, Entry>,
}

impl Table {
    /// The table that is part of the program.
    pub fn builtin() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Self::default();
            for (name, text) in FILES {
                table.extend(name, text);
            }
            table
        })
    }

    /// Adds the entries of a file; what cannot be read becomes a problem, the rest counts.
    pub fn extend(&mut self, name: &str, text: &str) {
        match toml::from_str::<File>(text) {
            Ok(file) => {
                for module in file.library.import {
                    self.defaults.insert(module, file.library.default);
                }
                for (path, entry) in file.entries {
                    if path.split('.').any(|part| part == "*") {
                        self.patterns.push((path.split('.').map(str::to_owned).collect(), entry));
                    } else {
                        self.entries.insert(path, entry);
                    }
                }
                self.patterns.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            }
            Err(error) => self.problems.push(format!("{name}: {error}")),
        }
    }

    /// What could not be read.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether a file speaks for this top-level module, and what unlisted paths of it do.
    pub fn library(&self, path: &str) -> Option<Default_> {
        self.defaults.get(path.split('.').next().unwrap_or(path)).copied()
    }

    /// The entry for exactly this path.
    pub fn exact(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// What calling this dotted path does.
    pub fn function(&self, path: &str) -> Found<'_> {
        if let Some(entry) = self.entries.get(path).or_else(|| self.pattern(path)) {
            return Found::Entry(entry);
        }
        match self.library(path) {
            Some(Default_::Pure) => Found::Pure,
            _ => Found::Unknown,
        }
    }

    /// What this method or attribute of a value of this kind does.
    pub fn member(&self, kind: &str, name: &str) -> Found<'_> {
        if let Some(entry) = self.inherited(kind, name, 0) {
            return Found::Entry(entry);
        }
        let library = kind.split('.').next().unwrap_or(kind);
        if let Some(entry) = self.inherited(&format!("{library}.Any"), name, 0) {
            return Found::Entry(entry);
        }
        match self.library(kind) {
            Some(Default_::Pure) => Found::Pure,
            _ => Found::Unknown,
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

    fn inherited(&self, kind: &str, name: &str, depth: u32) -> Option<&Entry> {
        // Bases are written by hand and could form a ring.
        if depth > 8 {
            return None;
        }
        let path = format!("{kind}.{name}");
        if let Some(entry) = self.entries.get(&path).or_else(|| self.pattern(&path)) {
            return Some(entry);
        }
        let bases = self.entries.get(kind).map(|entry| entry.base.as_slice()).unwrap_or_default();
        bases.iter().find_map(|base| self.inherited(base, name, depth + 1))
    }

    fn pattern(&self, path: &str) -> Option<&Entry> {
        let parts: Vec<&str> = path.split('.').collect();
        self.patterns.iter().find(|(pattern, _)| matches(pattern, &parts)).map(|(_, entry)| entry)
    }
}

fn matches(pattern: &[String], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, None) => true,
        (Some((star, rest)), Some((_, tail))) if star == "*" => matches(rest, tail) || matches(pattern, tail),
        (Some((head, rest)), Some((part, tail))) => head == part && matches(rest, tail),
        _ => false,
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
    "format",
    "forecast",
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
