//! What names say about cost where nobody knows the library: verbs in names of functions, arguments that only long work has, what a library is for.
//!
//! The tables were written from knowledge of the language of the field and of its libraries. Seconds are rough: the model learns what they are worth.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// What the names in a cell's calls say. Calls in functions that the cell only defines do not count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    /// The most that a name says, rough seconds.
    pub(crate) most: f64,
    /// The same of calls in loops.
    pub(crate) looped: f64,
    /// The sum over all calls.
    pub(crate) sum: f64,
    /// What the last call says.
    pub(crate) last: f64,
    /// Calls whose names say nothing.
    pub(crate) silent: u32,
    /// The most that an argument's name says, rough seconds.
    pub(crate) argument: f64,
    /// Arguments whose names say something.
    pub(crate) arguments: u32,
}

impl Hints {
    /// Notes a call of something of this name.
    pub(super) fn call(&mut self, name: &str, in_loop: bool) {
        let Some(seconds) = verb(name) else {
            self.silent += 1;
            return;
        };
        self.most = self.most.max(seconds);
        self.sum += seconds;
        self.last = seconds;
        if in_loop {
            self.looped = self.looped.max(seconds);
        }
    }

    /// Notes a command of the shell: each of its programs counts as a call, a script by its name.
    pub(super) fn command(&mut self, line: &str) {
        for part in line.split(['&', ';', '|']) {
            let mut words = part.split_whitespace();
            let mut program = words.next().unwrap_or_default();
            if matches!(program, "python" | "python3" | "bash" | "sh" | "time" | "sudo" | "accelerate" | "torchrun") {
                let script = words.clone().find(|word| !word.starts_with('-') && word.chars().any(char::is_alphabetic));
                program = script.map_or(program, |script| script.rsplit('/').next().unwrap_or(script));
            }
            let said = words.find(|word| matches!(*word, "install" | "clone" | "download" | "pull"));
            let name = said.filter(|_| verb(program).is_none()).unwrap_or(program);
            self.call(program_hint(name).unwrap_or(name), false);
        }
    }

    /// Notes an argument that is given by this name.
    pub(super) fn keyword(&mut self, name: &str) {
        if let Some(&seconds) = tables().arguments.get(name) {
            self.argument = self.argument.max(seconds);
            self.arguments += 1;
        }
    }
}

/// What a function of this name takes, rough seconds, where one of its words says so: `train_model`, `fitAll`, `gridSearch`.
pub(super) fn verb(name: &str) -> Option<f64> {
    let (text, bounds) = words(name);
    let verbs = &tables().verbs;
    let single = bounds.windows(2).map(|word| &text[word[0]..word[1]]);
    let double = bounds.windows(3).map(|pair| &text[pair[0]..pair[2]]);
    single.chain(double).filter_map(|word| verbs.get(word)).copied().reduce(f64::max)
}

/// The verb for what a program does whose name says nothing.
fn program_hint(program: &str) -> Option<&'static str> {
    match program {
        "wget" | "curl" | "gdown" | "aria2c" | "rsync" | "scp" => Some("download"),
        "unzip" | "tar" | "gunzip" | "7z" | "unrar" => Some("extract"),
        "make" | "cmake" | "gcc" | "g++" | "cargo" => Some("compile"),
        "ls" | "cat" | "head" | "pwd" | "echo" | "wc" | "nvidia-smi" | "mkdir" | "rm" | "cp" | "mv" => Some("print"),
        _ => None,
    }
}

/// What a call worth importing the library for takes, rough seconds.
pub(super) fn library(name: &str) -> f64 {
    tables().libraries.get(name).copied().unwrap_or(UNKNOWN_LIBRARY)
}

/// Whether the table has the library.
pub(super) fn knows(library: &str) -> bool {
    tables().libraries.contains_key(library)
}

/// The words of an identifier, in lower case, one after the other, and where each begins and the last ends: by `_`, capitals and digits.
fn words(name: &str) -> (String, SmallVec<[usize; 8]>) {
    let (mut text, mut bounds) = (String::with_capacity(name.len()), SmallVec::new());
    let mut before: Option<char> = None;
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        if !c.is_alphanumeric() {
            before = None;
            continue;
        }
        let ends_acronym = |before: char| before.is_uppercase() && c.is_uppercase() && rest.clone().next().is_some_and(char::is_lowercase);
        let starts = before.is_none_or(|before| {
            before.is_lowercase() && c.is_uppercase() || before.is_ascii_digit() != c.is_ascii_digit() || ends_acronym(before)
        });
        if starts {
            bounds.push(text.len());
        }
        if c.is_ascii() {
            text.push(c.to_ascii_lowercase());
        } else {
            text.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    bounds.push(text.len());
    (text, bounds)
}

struct Tables {
    verbs: FxHashMap<&'static str, f64>,
    arguments: FxHashMap<&'static str, f64>,
    libraries: FxHashMap<&'static str, f64>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables { verbs: table(&VERBS), arguments: table(&ARGUMENTS), libraries: table(&LIBRARIES) })
}

fn table(rows: &[(f64, &'static str)]) -> FxHashMap<&'static str, f64> {
    rows.iter().flat_map(|(seconds, words)| words.split_whitespace().map(move |word| (word, *seconds))).collect()
}

/// Of a library that the table does not have.
const UNKNOWN_LIBRARY: f64 = 1.0;

/// Words in names of functions, with rough seconds of what such a function takes.
static VERBS: [(f64, &str); 7] = [
    (60.0, "pretrain finetune hyperopt autotune mcmc nuts automl backtest"),
    (
        30.0,
        "train trainer training fit tune tuner tuning search gridsearch optimize optimise optimizer optimization minimize \
         anneal evolve learn learner experiment",
    ),
    (
        20.0,
        "sample sampling sampler posterior infer inference crossvalidate validation bootstrap permutation permute simulate \
         simulation simulator montecarlo generate generation synthesize deploy animate animation transcribe translate summarize \
         summarise benchmark refute",
    ),
    (
        10.0,
        "cluster clustering umap tsne embed embedding encode predict forecast evaluate evaluation embeddings tokenize \
         preprocess augment extract crawl scrape download fetch pull clone install compile build render solve solver integrate \
         ivp odeint shap explain explainer importance importances detect segment reconstruct align impute interpolate \
         merge resample match route routing network tile tiles chat completion ask query invoke agent crew pipeline",
    ),
    (
        3.0,
        "process prepare analyze analyse compute calculate estimate estimates run execute main test score scores transform load \
         import convert parse read open export save write dump upload request requests get_data dataset datasets collect \
         iterate loop apply map pairwise distance distances similarity correlation graph profile report pairplot heatmap facet",
    ),
    (0.3, "plot show draw display hist scatter figure chart image imshow view visualize visualise subplots"),
    (
        0.003,
        "head tail describe info print shape len type list dict set append format join str int float split strip replace sum \
         mean max min",
    ),
];

/// Names of arguments that only long work has, with rough seconds of it.
static ARGUMENTS: [(f64, &str); 3] = [
    (
        60.0,
        "epochs n_epochs num_epochs max_epochs num_train_epochs total_timesteps draws tune chains n_trials max_evals \
         num_boost_round steps_per_epoch nb_epoch max_steps timeout sample_kwargs num_samples target_accept max_new_tokens \
         mcmc_samples",
    ),
    (
        20.0,
        "n_estimators n_iter cv n_splits param_grid param_distributions num_iterations iterations n_iterations max_iter \
         permutations n_permutations n_boot n_bootstrap n_simulations n_sims generations population_size batch_size \
         validation_data callbacks early_stopping_rounds n_init n_clusters n_components n_repeats max_length max_tokens \
         num_beams learning_rate lr device gpus accelerator num_workers perplexity",
    ),
    (5.0, "n_jobs chunksize verbose nrows verbose_eval random_state seed random_seed"),
];

/// Libraries, with rough seconds of a call that makes such a library worth importing.
static LIBRARIES: [(f64, &str); 6] = [
    (
        60.0,
        "pymc pymc3 pymc4 pystan stan cmdstanpy numpyro pyro emcee bambi orbit causalpy dynesty zeus ultranest edward \
         tensorflow_probability pymc_marketing lightweight_mmm arviz_stats autogluon pycaret tpot h2o flaml autosklearn \
         autokeras nevergrad ray stable_baselines3 sb3 rllib tianshou diffusers trl peft unsloth accelerate axolotl scvi \
         cellrank",
    ),
    (
        20.0,
        "torch tensorflow keras transformers fastai pytorch_lightning lightning jax flax timm sentence_transformers \
         simpletransformers flair allennlp mxnet gluon paddle detectron2 ultralytics yolov5 mmdet monai deepchem dgl \
         torch_geometric gpytorch botorch ax optuna hyperopt skopt darts neuralprophet gluonts sktime tsfresh featuretools \
         evalml whisper openai langchain llama_index llama_cpp vllm ollama anthropic cohere crewai autogen dspy haystack \
         easyocr openmm gymnasium gym dowhy econml causalml",
    ),
    (
        8.0,
        "xgboost lightgbm catboost prophet gensim spacy stanza nltk umap hdbscan shap lime dask pyspark koalas vaex modin cudf \
         cuml cupy rapids datasets tensorflow_datasets torchtext librosa essentia moviepy cv2 osmnx cenpy geosnap pandana pysal \
         libpysal esda spreg mgwr segregation spopt geopandas rasterio rioxarray xarray ee geemap kaggle wandb mlflow boto3 \
         google bigquery sqlalchemy psycopg2 requests selenium scrapy bs4 yfinance pandas_datareader quandl astroquery \
         lightkurve qiskit pennylane cirq simpy mesa cvxpy pulp ortools pyomo gurobipy cplex fenics dolfin networkx igraph \
         graph_tool surprise implicit lightfm spotlight tables zipline backtrader pyfolio alphalens scanpy anndata squidpy \
         numba folium datashader",
    ),
    (
        2.0,
        "sklearn statsmodels scipy skimage imblearn lifelines pingouin linearmodels arch pmdarima mlxtend yellowbrick \
         category_encoders seaborn plotnine plotly bokeh altair holoviews hvplot wordcloud PIL imageio",
    ),
    (0.3, "pandas polars pyarrow matplotlib"),
    (0.01, "numpy math os sys re json random time datetime collections itertools functools warnings pathlib typing IPython"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        let cut = |name| {
            let (text, bounds) = words(name);
            bounds.windows(2).map(|word| text[word[0]..word[1]].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(cut("trainModel_v2"), ["train", "model", "v", "2"]);
        assert_eq!(cut("HTTPRequest"), ["http", "request"]);
        assert_eq!(cut("__init__"), ["init"]);
        assert!(cut("__").is_empty());
    }

    #[test]
    fn verbs_say_how_long() {
        assert!(verb("train_model") > verb("plot_model"));
        assert_eq!((verb("GridSearch"), verb("gridsearch")), (Some(30.0), Some(30.0)));
        assert_eq!(verb("foo"), None);
        assert!(library("torch") > library("pandas") && !knows("nobody_knows"));
    }

    #[test]
    fn a_word_stands_in_a_table_once() {
        for rows in [&VERBS[..], &ARGUMENTS, &LIBRARIES] {
            let mut words: Vec<&str> = rows.iter().flat_map(|(_, words)| words.split_whitespace()).collect();
            let all = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), all);
        }
    }
}
