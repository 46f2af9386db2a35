//! Shapes of the arrays and tables that library calls give; beside it those of operators and subscripts.

mod data_sets;
mod element_types;
mod function_names;
mod operators;
mod subscripts;

use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Kind, Val};
use super::memory::Memory;
pub(super) use data_sets::of_data_set;
use function_names::{ELEMENTWISE, REDUCTIONS};
use operators::multiplied;
pub(super) use operators::of_attribute;
pub(super) use subscripts::literal;

/// Bytes of a number, as libraries choose them.
const NUMBER: f64 = 8.0;
/// Bytes of a table in memory for each byte of a text file, and by how much that is off.
const TABLE: (f64, f64) = (1.2, 3.0);
/// The same for files whose values are packed.
const PACKED: (f64, f64) = (3.0, 3.0);

impl Interp<'_> {
    /// What the result of a call takes.
    pub(super) fn memory_of_call(&self, path: &str, receiver: Option<&Val>, args: &Args) -> Option<Memory> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let from = receiver.and_then(|val| self.memory_of(val));
        let first = args.positional.first();
        let given = first.and_then(|val| self.memory_of(val));
        // What a method works on is its receiver, what a function works on its first argument.
        let subject = if receiver.is_some() { from } else { given };
        let offset = usize::from(receiver.is_none());
        self.made(name, args)
            .or_else(|| if path.starts_with("sklearn.datasets.") { data_sets::data_set(name) } else { None })
            .or_else(|| self.pictured(path, name, given, args))
            .or_else(|| self.read_from_file(name, first))
            .or_else(|| self.drawn(name, args))
            .or_else(|| self.joined(name, args))
            .or_else(|| subject.and_then(|subject| self.reshaped(name, subject, args, offset)))
            .or_else(|| self.learned(name, receiver, given))
    }

    /// `np.zeros((n, n))`, `np.arange(n)`, `np.array([...])`, `pd.DataFrame({...})`.
    fn made(&self, name: &str, args: &Args) -> Option<Memory> {
        let at = |keyword: &str, position: usize| args.keyword(keyword).or_else(|| args.positional.get(position));
        let number = |keyword: &str, position: usize| at(keyword, position)?.literal.as_ref()?.number();
        let item = || self.element_bytes(args);
        match name {
            "zeros" | "ones" | "empty" | "full" => Some(Memory::of_shape(self.dimensions(at("shape", 0)?)?, item()?)),
            "eye" | "identity" => number("N", 0).and_then(|n| Some(Memory::of_shape(vec![n, number("M", 1).unwrap_or(n)], item()?))),
            "arange" => Some(Memory::of_shape(vec![super::extent::span(args).rows], item()?)).filter(|memory| memory.bytes() > 0.0),
            "range" => Some(Memory::of_bytes(32.0)),
            "linspace" | "logspace" | "geomspace" => Some(Memory::of_shape(vec![number("num", 2).unwrap_or(50.0)], NUMBER)),
            "date_range" | "bdate_range" => Some(Memory::of_shape(vec![number("periods", 2)?], NUMBER)),
            "array" | "asarray" | "tensor" | "from_numpy" | "Series" | "Index" => {
                let given = at("data", 0)?;
                if let Some(known) = self.memory_of(given).filter(|_| !self.is_container(given)) {
                    return Some(self.cast(known, args));
                }
                Some(Memory::of_shape(self.nested(given, 0)?, item()?))
            }
            "DataFrame" => {
                let given = at("data", 0)?;
                let object = self.heap.get(*given.objs.first()?);
                if matches!(&object.kind, Kind::Lib(kind) if &**kind == "builtins.dict") {
                    let rows = object
                        .elems
                        .objs
                        .iter()
                        .filter_map(|&id| self.heap.get(id).rare().memory.as_ref()?.shape.first().copied())
                        .fold(0.0, f64::max);
                    return (rows > 0.0 && object.extent.rows > 0.0)
                        .then(|| Memory::of_shape(vec![rows, object.extent.rows], NUMBER).about(1.5));
                }
                if !self.is_container(given) {
                    return self.memory_of(given).cloned();
                }
                Some(Memory::of_shape(self.nested(given, 0)?, NUMBER).about(1.5))
            }
            "list" | "sorted" | "tuple" => {
                let known = self.memory_of(args.positional.first()?)?;
                let is_range =
                    matches!(&self.heap.get(*args.positional[0].objs.first()?).kind, Kind::Lib(kind) if &**kind == "builtins.range");
                let rows = if is_range { self.extent_of(&args.positional[0]).rows } else { *known.shape.first()? };
                Some(Memory::of_shape(
                    vec![rows],
                    if is_range || known.shape.len() == 1 { 40.0 } else { 40.0 + known.bytes() / rows.max(1.0) },
                ))
            }
            _ => None,
        }
    }

    /// Pictures: `skimage.transform.resize(picture, (256, 256))`, `scipy.ndimage.rotate(picture, 20, reshape=False)`.
    fn pictured(&self, path: &str, name: &str, given: Option<&Memory>, args: &Args) -> Option<Memory> {
        let at = |keyword: &str, position: usize| args.keyword(keyword).or_else(|| args.positional.get(position));
        match name {
            "resize" if path.starts_with("skimage.") => Some(Memory::of_shape(self.dimensions(at("output_shape", 1)?)?, NUMBER)),
            "rotate" if path.starts_with("scipy.ndimage") => {
                let given = given?.clone();
                // Turned corners need room, up to the diagonal.
                let kept = at("reshape", 3).is_some_and(|val| val.literal == Some(Const::Bool(false)));
                Some(if kept { given } else { given.about(2.0) })
            }
            _ => None,
        }
    }

    /// Draws: `rng.normal(size=n)`, `np.random.rand(n, m)`, `torch.randn(n)`.
    fn drawn(&self, name: &str, args: &Args) -> Option<Memory> {
        let sized = |position: usize| args.keyword("size").or_else(|| args.positional.get(position)).and_then(|val| self.dimensions(val));
        let shape = match name {
            "rand" | "randn" => args
                .positional
                .iter()
                .map(|val| val.literal.as_ref()?.number())
                .collect::<Option<Vec<f64>>>()
                .filter(|shape| !shape.is_empty())?,
            "random" | "random_sample" | "ranf" | "standard_normal" => sized(0)?,
            "exponential" | "poisson" | "standard_t" | "chisquare" | "geometric" | "choice" => sized(1)?,
            "randint" | "integers" | "normal" | "uniform" | "gamma" | "beta" | "binomial" | "lognormal" | "laplace" | "logistic" => {
                sized(2)?
            }
            "permutation" => match args.positional.first()?.literal.as_ref().and_then(Const::number) {
                Some(count) => vec![count],
                None => return self.memory_of(args.positional.first()?).cloned(),
            },
            _ => return None,
        };
        Some(Memory::of_shape(shape, self.element_bytes(args)?))
    }

    /// Tables and arrays read from a file whose size is known.
    fn read_from_file(&self, name: &str, first: Option<&Val>) -> Option<Memory> {
        let path = first?.as_str()?;
        let (factor, spread) = match name {
            "read_csv" | "read_table" | "read_fwf" | "loadtxt" | "genfromtxt" => TABLE,
            "read_parquet" | "read_feather" => PACKED,
            "read_json" => (1.0, 3.0),
            "read_pickle" => (1.0, 1.5),
            "load" => (1.0, 1.2),
            _ => return None,
        };
        // A compressed file says little about what is in it.
        let packed = ["gz", "bz2", "zip", "xz", "zst", "npz"].iter().any(|ending| path.ends_with(ending));
        let bytes = self.file_bytes(path)? * factor * if packed { 4.0 } else { 1.0 };
        Some(Memory { file: Some(path.into()), ..Memory::of_bytes(bytes).about(if packed { spread * 2.0 } else { spread }) })
    }

    /// `np.concatenate([a, b])`, `np.stack(...)`, `pd.concat([...])`, `np.where(c, a, b)`.
    fn joined(&self, name: &str, args: &Args) -> Option<Memory> {
        let first = args.positional.first()?;
        match name {
            "concatenate" | "vstack" | "hstack" | "concat" | "stack" | "column_stack" | "cat" => {
                let parts = self.heap.get(*first.objs.first()?).rare().parts.as_ref();
                let Some(parts) = parts else { return self.stacked(name, first) };
                let known: Vec<&Memory> = parts.iter().map(|part| self.memory_of(part)).collect::<Option<_>>()?;
                let bytes: f64 = known.iter().map(|memory| memory.bytes()).sum();
                let spread = known.iter().map(|memory| memory.spread).fold(1.0, f64::max);
                let one = *known.first()?;
                let count = known.len() as f64;
                let shape = match (name, one.shape.as_slice()) {
                    ("stack", rest) => [&[count], rest].concat(),
                    ("column_stack" | "vstack", [rows]) => {
                        if name == "vstack" {
                            vec![count, *rows]
                        } else {
                            vec![*rows, count]
                        }
                    }
                    (_, [_, rest @ ..]) if axis(args, 1).unwrap_or(0.0) == 0.0 && name != "hstack" => {
                        let row = rest.iter().product::<f64>() * one.item;
                        [&[bytes / row], rest].concat()
                    }
                    _ => Vec::new(),
                };
                let item = if shape.is_empty() { bytes } else { bytes / shape.iter().product::<f64>() };
                Some(Memory::of_shape(shape, item).about(spread))
            }
            "where" => {
                let [test, one, other] = args.positional.as_slice() else { return None };
                let known = [test, one, other].into_iter().filter_map(|val| self.memory_of(val));
                let largest = known.max_by(|a, b| a.shape.iter().product::<f64>().total_cmp(&b.shape.iter().product()))?;
                Some(largest.clone().with_item(NUMBER))
            }
            _ => None,
        }
    }

    /// What a list that is known by its comprehension gives when it is stacked.
    fn stacked(&self, name: &str, list: &Val) -> Option<Memory> {
        let known = self.memory_of(list)?;
        let [count] = known.shape[..] else { return None };
        let element = self.heap.get(*list.objs.first()?).elems.objs.first().and_then(|&id| self.heap.get(id).rare().memory.clone())?;
        let shape = match (name, element.shape.as_slice()) {
            ("stack", rest) => [&[count], rest].concat(),
            ("concatenate" | "vstack" | "concat", [rows, rest @ ..]) if *rows > 0.0 => [&[count * rows], rest].concat(),
            _ => return None,
        };
        Some(Memory::of_shape(shape, element.item).about(element.spread))
    }

    /// What keeps the elements of its subject, or some of them.
    fn reshaped(&self, name: &str, subject: &Memory, args: &Args, offset: usize) -> Option<Memory> {
        let at = |keyword: &str, position: usize| args.keyword(keyword).or_else(|| args.positional.get(position + offset));
        let number = |keyword: &str, position: usize| at(keyword, position)?.literal.as_ref()?.number();
        if REDUCTIONS.contains(&name) {
            return if subject.shape.is_empty() { None } else { reduced(name, subject, args, offset) };
        }
        let rows = |count: f64| {
            let [all, rest @ ..] = subject.shape.as_slice() else { return None };
            Some(subject.shaped([&[count.min(*all)], rest].concat()))
        };
        match name {
            "reshape" | "view" => {
                let wanted = match args.positional.get(offset) {
                    Some(first) if first.literal.is_none() => self.dimensions(first)?,
                    _ => args.positional[offset.min(args.positional.len())..]
                        .iter()
                        .map(|val| val.literal.as_ref()?.number())
                        .collect::<Option<_>>()?,
                };
                fitted(subject, wanted)
            }
            "transpose" | "T" => Some(subject.shaped(subject.shape.iter().rev().copied().collect())),
            "ravel" | "flatten" => {
                Some(subject.shaped(if subject.shape.is_empty() { Vec::new() } else { vec![subject.shape.iter().product()] }))
            }
            "astype" | "to" | "asarray" => {
                let wanted = args.positional.get(offset).or_else(|| args.keyword("dtype"));
                let item = wanted.and_then(|val| self.bytes_of_type(val));
                Some(item.map_or_else(|| subject.clone().about(2.0), |item| subject.clone().with_item(item)))
            }
            "head" | "tail" => rows(number("n", 0).unwrap_or(5.0)),
            "sample" => rows(number("n", 0)?),
            "isnull" | "isna" | "notna" | "notnull" | "isnan" | "isfinite" | "duplicated" | "isin" | "between" => {
                Some(subject.clone().with_item(1.0))
            }
            "dropna" | "drop_duplicates" | "drop" | "query" => Some(subject.clone().about(2.0)),
            "argsort" | "distance_transform_edt" => Some(subject.clone().with_item(NUMBER)),
            "repeat" | "tile" => {
                let times = number("repeats", 0).or_else(|| number("reps", 0))?;
                let axis = at("axis", 1).filter(|_| name == "repeat").map(|val| val.literal.as_ref()?.number());
                let mut shape = subject.shape.clone();
                match (axis, shape.as_mut_slice()) {
                    (Some(axis), [..]) => shape[place(axis?, subject.shape.len())?] *= times,
                    (None, [.., last]) if name == "tile" => *last *= times,
                    (None, [_, ..]) => shape = vec![shape.iter().product::<f64>() * times],
                    _ => return None,
                }
                Some(subject.shaped(shape))
            }
            "diff" => {
                let at = place(axis(args, offset + 1).unwrap_or(-1.0), subject.shape.len())?;
                let mut shape = subject.shape.clone();
                shape[at] = (shape[at] - 1.0).max(0.0);
                Some(subject.shaped(shape))
            }
            "pairwise_distances" | "euclidean_distances" | "cosine_similarity" | "rbf_kernel" | "cdist" | "distance_matrix" => {
                let [rows, ..] = subject.shape[..] else { return None };
                let others = match args.positional.get(1 + offset) {
                    _ if offset == 0 => return None,
                    Some(other) if !other.objs.is_empty() => *self.memory_of(other)?.shape.first()?,
                    _ => rows,
                };
                Some(Memory::of_shape(vec![rows, others], NUMBER))
            }
            "dot" | "matmul" => {
                let other = if offset == 0 { args.positional.first() } else { args.positional.get(1) };
                multiplied(subject, self.memory_of(other?)?)
            }
            _ if ELEMENTWISE.contains(&name) => Some(subject.clone()),
            _ => None,
        }
    }

    /// `model.predict(X)`, `pca.fit_transform(X)`.
    fn learned(&self, name: &str, receiver: Option<&Val>, given: Option<&Memory>) -> Option<Memory> {
        let given = given?;
        let [rows, ..] = given.shape[..] else { return None };
        match name {
            "predict" | "fit_predict" | "decision_function" | "score_samples" => {
                Some(Memory::of_shape(vec![rows], NUMBER).about(if name == "decision_function" { 10.0 } else { 1.0 }))
            }
            "transform" | "fit_transform" => {
                let made = self.heap.get(*receiver?.objs.first()?);
                let components = made.rare().made_with.iter().find(|given| &*given.name == "n_components" || &*given.name == "#0");
                let Kind::Lib(path) = &made.kind else { return None };
                let class = path.rsplit('.').next().unwrap_or_default();
                if matches!(
                    class,
                    "StandardScaler"
                        | "MinMaxScaler"
                        | "RobustScaler"
                        | "Normalizer"
                        | "MaxAbsScaler"
                        | "SimpleImputer"
                        | "QuantileTransformer"
                        | "PowerTransformer"
                ) {
                    return Some(given.clone().with_item(NUMBER));
                }
                let projects = matches!(
                    class,
                    "PCA"
                        | "TruncatedSVD"
                        | "NMF"
                        | "FastICA"
                        | "TSNE"
                        | "UMAP"
                        | "KernelPCA"
                        | "Isomap"
                        | "MDS"
                        | "IncrementalPCA"
                        | "SpectralEmbedding"
                );
                let columns = components.map(|given| given.value).or(matches!(class, "TSNE" | "UMAP" | "Isomap" | "MDS").then_some(2.0));
                // A share of the variance is no count.
                columns.filter(|count| projects && *count >= 1.0).map(|columns| Memory::of_shape(vec![rows, columns], NUMBER))
            }
            _ => None,
        }
    }

    /// Parts of results that come as tuples: `train_test_split(X, y)`, `make_blobs(n)`.
    pub(super) fn memory_of_part(&self, path: &str, part: usize, args: &Args) -> Option<Memory> {
        let name = path.rsplit('.').next().unwrap_or(path);
        match name {
            "train_test_split" => {
                let known = self.memory_of(args.positional.get(part / 2)?)?;
                let [rows, rest @ ..] = known.shape.as_slice() else { return None };
                let number = |keyword: &str| args.keyword(keyword).and_then(|val| val.literal.as_ref()?.number());
                let count = |given: f64| if given < 1.0 { rows * given } else { given };
                let test =
                    number("test_size").map(count).or_else(|| number("train_size").map(|given| rows - count(given))).unwrap_or(rows * 0.25);
                Some(known.shaped([&[if part.is_multiple_of(2) { (rows - test).floor() } else { test.ceil() }], rest].concat()))
            }
            _ if name.starts_with("make_") => {
                let extent = self.extent_of_result(path, None, args);
                Some(Memory::of_shape(if part == 0 { vec![extent.rows, extent.columns] } else { vec![extent.rows] }, NUMBER))
                    .filter(|memory| memory.bytes() > 0.0)
            }
            _ => None,
        }
    }

    /// `n` or `(n, m)`.
    fn dimensions(&self, val: &Val) -> Option<Vec<f64>> {
        if let Some(number) = val.literal.as_ref().and_then(Const::number) {
            return Some(vec![number]);
        }
        let parts = self.heap.get(*val.objs.first()?).rare().parts.as_ref()?;
        parts.iter().map(|part| part.literal.as_ref()?.number()).collect()
    }

    /// The shape of nested displays: `[[1, 2], [3, 4]]`.
    fn nested(&self, val: &Val, depth: usize) -> Option<Vec<f64>> {
        let object = self.heap.get(*val.objs.first()?);
        let memory = object.rare().memory.as_ref()?;
        if !self.is_container(val) || depth > 3 {
            return Some(memory.shape.clone());
        }
        let rows = *memory.shape.first()?;
        let inside = match object.rare().parts.as_ref().and_then(|parts| parts.first()) {
            Some(part) if !part.objs.is_empty() => self.nested(part, depth + 1)?,
            Some(_) => Vec::new(),
            None => match object.elems.objs.first() {
                Some(&id) => self.nested(&Val::of(id), depth + 1)?,
                None => Vec::new(),
            },
        };
        Some([&[rows], inside.as_slice()].concat())
    }

    fn is_container(&self, val: &Val) -> bool {
        val.objs.first().is_some_and(|&id| matches!(&self.heap.get(id).kind, Kind::Lib(path) if path.starts_with("builtins.")))
    }
}

fn axis(args: &Args, position: usize) -> Option<f64> {
    args.keyword("axis").or_else(|| args.positional.get(position)).and_then(|val| val.literal.as_ref()?.number())
}

/// What a reduction leaves: `x.mean(axis=0)`; nothing where its axis is not known.
fn reduced(name: &str, subject: &Memory, args: &Args, offset: usize) -> Option<Memory> {
    let counts = name.starts_with("arg") || matches!(name, "sum" | "mean" | "std" | "var" | "median");
    let item = if counts { subject.item.max(NUMBER) } else { subject.item };
    let Some(axis) = args.keyword("axis").or_else(|| args.positional.get(offset)) else { return Some(Memory::of_bytes(32.0)) };
    let at = place(axis.literal.as_ref()?.number()?, subject.shape.len())?;
    let mut shape = subject.shape.clone();
    shape.remove(at);
    Some(subject.shaped(shape).with_item(item))
}

/// The index that a number of Python means: from the end where it is negative.
pub(super) fn place(at: f64, count: usize) -> Option<usize> {
    let at = if at < 0.0 { count as f64 + at } else { at };
    #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
    (at >= 0.0 && at < count as f64).then_some(at as usize)
}

/// As many elements as the subject has, in dimensions of which one may be left open (-1).
fn fitted(subject: &Memory, mut wanted: Vec<f64>) -> Option<Memory> {
    if subject.shape.is_empty() {
        return None;
    }
    let all: f64 = subject.shape.iter().product();
    let known: f64 = wanted.iter().filter(|size| **size >= 0.0).product();
    if let Some(open) = wanted.iter_mut().find(|size| **size < 0.0) {
        *open = if known > 0.0 { all / known } else { return None };
    }
    Some(subject.shaped(wanted))
}
