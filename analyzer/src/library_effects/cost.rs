//! How the cost of well-known calls grows: with which arguments, and with how large a power of the size of what they work on.
//!
//! The table of library effects says it for many calls (`cost`); here stand the arguments that repeat work, whatever the library, and names of methods that
//! mean the same everywhere. Seconds are rough ones of a common machine: only how they grow counts, the model knows the level.

/// How a call grows with the size of what it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Not at all.
    Cheap,
    /// With the size.
    Linear,
    /// With n log n.
    Sort,
    /// With the square of the rows.
    Quadratic,
    /// With the cube of the rows.
    Cubic,
    /// A model is fitted.
    Fit,
    /// Files.
    Io,
    /// Network.
    Network,
    /// Long, whatever the size.
    Heavy,
    /// A figure is drawn.
    Plot,
    /// Nothing is known.
    Unknown,
}

/// Rows of the largest square of numbers that a machine has room for.
const MOST_ROWS: f64 = 1e5;

/// Number of classes.
pub(crate) const CLASSES: usize = 11;

impl Class {
    /// The class that the table of library effects names.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "cheap" => Self::Cheap,
            "linear" => Self::Linear,
            "sort" => Self::Sort,
            "quadratic" => Self::Quadratic,
            "cubic" => Self::Cubic,
            "fit" => Self::Fit,
            "io" => Self::Io,
            "network" => Self::Network,
            "heavy" => Self::Heavy,
            _ => return None,
        })
    }

    /// Rows of what such a call works on as a rule.
    pub(crate) const fn usual_rows(self) -> f64 {
        match self {
            Self::Quadratic => 1000.0,
            Self::Cubic => 300.0,
            _ => 10_000.0,
        }
    }

    /// Seconds of one call on `rows` rows with `columns` numbers each.
    pub(crate) fn seconds(self, rows: f64, columns: f64) -> f64 {
        let size = rows * columns.max(1.0);
        match self {
            Self::Cheap => 1e-6,
            Self::Linear | Self::Unknown => 1e-5 + 2e-9 * size,
            Self::Sort => 1e-5 + 5e-9 * size * rows.max(2.0).log2(),
            // A square of more rows fits into no memory: what is called on them is something else, most likely strips of it.
            Self::Quadratic => 1e-5 + 5e-9 * rows * rows.min(MOST_ROWS),
            Self::Cubic => 1e-5 + 2e-10 * rows * rows.min(MOST_ROWS) * rows.min(MOST_ROWS),
            Self::Fit => 2e-3 + 2e-6 * size,
            Self::Io => 1e-3 + 2e-8 * size,
            Self::Network => 0.5,
            Self::Heavy => 1.0 + 2e-6 * size,
            Self::Plot => 2e-2 + 1e-7 * size,
        }
    }
}

/// An argument that makes a call do its work so often.
pub(crate) struct Argument {
    /// Its names.
    pub(crate) names: &'static [&'static str],
    /// Classes or functions it counts for, by the end of the last part of the path; everything when empty.
    pub(crate) of: &'static [&'static str],
    /// What it is as a rule.
    pub(crate) usual: f64,
    /// What it counts, for people.
    pub(crate) word: &'static str,
}

const fn argument(names: &'static [&'static str], usual: f64, word: &'static str) -> Argument {
    Argument { names, of: &[], usual, word }
}

/// Arguments that repeat work; each counts once for a call.
pub(crate) static ARGUMENTS: [Argument; 17] = [
    argument(&["epochs", "n_epochs", "num_epochs", "max_epochs", "nb_epoch", "num_train_epochs"], 10.0, "epochs"),
    argument(&["n_estimators", "num_boost_round", "num_trees", "n_trees", "num_round", "num_iterations"], 100.0, "trees"),
    Argument { names: &["iterations"], of: &["CatBoostClassifier", "CatBoostRegressor", "CatBoost"], usual: 1000.0, word: "trees" },
    argument(&["cv", "n_splits", "nfold", "n_folds", "num_folds", "folds"], 5.0, "folds"),
    argument(&["param_grid", "param_distributions", "search_spaces"], 10.0, "settings"),
    Argument { names: &["#1"], of: &["GridSearchCV"], usual: 10.0, word: "settings" },
    Argument { names: &["n_iter"], of: &["SearchCV"], usual: 10.0, word: "settings" },
    argument(&["n_trials", "max_evals", "total_trials", "num_trials"], 100.0, "trials"),
    argument(&["n_init"], 10.0, "starts"),
    argument(&["n_clusters"], 8.0, "clusters"),
    Argument { names: &["#0"], of: &["KMeans"], usual: 8.0, word: "clusters" },
    argument(&["draws", "num_samples", "n_draws", "iter_sampling"], 1000.0, "draws"),
    argument(&["chains", "num_chains", "n_chains"], 4.0, "chains"),
    argument(&["permutations", "n_permutations", "num_permutations"], 999.0, "permutations"),
    argument(&["n_boot", "n_bootstrap", "n_bootstraps", "n_resamples", "n_repeats"], 1000.0, "repetitions"),
    argument(&["max_steps", "num_steps", "n_steps", "total_timesteps", "steps_per_epoch", "num_train_steps"], 1000.0, "steps"),
    argument(&["num_simulations", "n_simulations", "n_sims", "num_sims", "shots"], 1000.0, "simulations"),
];

/// Methods and functions that mean the same whatever they are called on.
pub(crate) fn by_name(name: &str) -> Option<Class> {
    Some(match name {
        "fit" | "fit_transform" | "fit_predict" | "train" | "partial_fit" | "fit_generator" | "fit_resample" | "cross_val_score"
        | "cross_validate" | "cross_val_predict" | "learning_curve" | "validation_curve" | "backward" | "train_step" | "train_on_batch"
        | "evaluate" | "train_epoch" | "training_step" | "sample" | "optimize" | "minimize" | "fmin" | "tune" | "solve" => Class::Fit,
        "sort" | "sort_values" | "argsort" | "sorted" | "sort_index" | "merge" | "join" | "groupby" => Class::Sort,
        "cdist" | "pdist" | "pairwise_distances" | "distance_matrix" | "outer" | "squareform" | "corrcoef" => Class::Quadratic,
        "inv" | "pinv" | "svd" | "eig" | "eigh" | "eigvals" | "eigvalsh" | "det" | "cholesky" | "qr" | "lstsq" | "matmul" | "expm" => {
            Class::Cubic
        }
        "dot" => Class::Cubic,
        "read_csv" | "read_parquet" | "read_excel" | "read_json" | "to_csv" | "to_parquet" | "read_file" | "load" | "save" => Class::Io,
        "urlopen" | "urlretrieve" | "download" | "from_pretrained" | "fetch" => Class::Network,
        "plot" | "show" | "subplots" | "hist" | "scatter" | "imshow" | "savefig" | "heatmap" | "pairplot" | "boxplot" => Class::Plot,
        _ => return None,
    })
}

/// Libraries that draw.
pub(crate) fn draws(library: &str) -> bool {
    matches!(library, "matplotlib" | "seaborn" | "plotly" | "altair" | "bokeh" | "holoviews" | "hvplot" | "folium" | "pylab" | "plotnine")
}
