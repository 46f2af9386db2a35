//! Shapes of the arrays and tables that library calls, operators and subscripts give.

use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, Operator, UnaryOp};

use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Kind, Val};
use super::memory::Memory;

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
            .or_else(|| if path.starts_with("sklearn.datasets.") { data_set(name) } else { None })
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

    /// What an operator between arrays gives, by the rules of broadcasting.
    pub(super) fn combined(&self, left: &Val, right: &Val, op: Option<Operator>) -> Option<Memory> {
        let scalar = |val: &Val| val.objs.is_empty();
        let (one, other) = match (self.memory_of(left), self.memory_of(right)) {
            (Some(one), Some(other)) => (one, other),
            (Some(one), None) if scalar(right) => (one, one),
            (None, Some(other)) if scalar(left) => (other, other),
            _ => return None,
        };
        if op == Some(Operator::MatMult) {
            return multiplied(one, other);
        }
        let known = broadcast(one, other);
        // Comparisons give one byte each; a division gives numbers with a point.
        Some(match op {
            None => known.with_item(1.0),
            Some(Operator::Div) => {
                let item = known.item.max(4.0);
                known.with_item(if item < NUMBER && one.item < 4.0 { NUMBER } else { item })
            }
            Some(_) => known,
        })
    }

    /// `x[3]`, `x[1:5]`, `x[:, 0]`, `x[None]`, `x[mask]`, `x[order]`.
    pub(super) fn item_of_array(&self, known: &Memory, slice: &Expr, index: &Val) -> Option<Memory> {
        let axes: &[Expr] = match slice {
            Expr::Tuple(tuple) => &tuple.elts,
            other => std::slice::from_ref(other),
        };
        let mut rest = known.shape.iter().copied();
        let (mut shape, mut spread) = (Vec::new(), 1.0);
        for axis in axes {
            match axis {
                Expr::NoneLiteral(_) => shape.push(1.0),
                Expr::NumberLiteral(_) => drop(rest.next()?),
                Expr::UnaryOp(inner) if inner.op == UnaryOp::USub => drop(rest.next()?),
                Expr::Slice(inner) => {
                    let all = rest.next()?;
                    let bound = |part: &Option<Box<Expr>>| part.as_deref().map(|part| literal(part).ok_or(())).transpose();
                    let (Ok(lower), Ok(upper), Ok(step)) = (bound(&inner.lower), bound(&inner.upper), bound(&inner.step)) else {
                        return None;
                    };
                    let place = |at: f64| if at < 0.0 { (all + at).max(0.0) } else { at.min(all) };
                    let length = (upper.map_or(all, place) - lower.map_or(0.0, place)).max(0.0);
                    shape.push((length / step.unwrap_or(1.0).abs().max(1.0)).ceil());
                }
                _ if axes.len() == 1 => {
                    let chosen = self.memory_of(index)?;
                    // A mask keeps some of them, nobody knows how many.
                    if chosen.item <= 1.0 {
                        let all = known.shape.iter().take(chosen.shape.len()).product::<f64>();
                        rest.by_ref().take(chosen.shape.len()).for_each(drop);
                        shape.push(all / 2.0);
                        spread = 2.0;
                    } else {
                        rest.next()?;
                        shape.extend(&chosen.shape);
                    }
                }
                _ => return None,
            }
        }
        shape.extend(rest);
        Some(known.shaped(shape).about(spread))
    }

    /// `frame["a"]`, `frame[["a", "b"]]`, `frame[frame.a > 1]`.
    pub(super) fn item_of_frame(&self, known: &Memory, slice: &Expr, index: &Val) -> Option<Memory> {
        match (slice, known.shape.as_slice()) {
            (Expr::List(list), [rows, _]) => Some(known.shaped(vec![*rows, list.elts.len() as f64])),
            (Expr::Slice(_), _) => None,
            (_, [rows, _]) if index.as_str().is_some() => Some(known.shaped(vec![*rows])),
            (_, _) if self.memory_of(index).is_some_and(|mask| mask.item <= 1.0) => {
                let half = known.clone().with_item(known.item / 2.0);
                Some(if let [rows, columns] = known.shape[..] { known.shaped(vec![rows / 2.0, columns]) } else { half }.about(2.0))
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

    fn cast(&self, known: &Memory, args: &Args) -> Memory {
        match args.keyword("dtype") {
            Some(val) => self.bytes_of_type(val).map_or_else(|| known.clone().about(4.0), |item| known.clone().with_item(item)),
            None => known.clone(),
        }
    }

    /// Bytes of an element as the arguments choose its type; nothing where the type is not known.
    fn element_bytes(&self, args: &Args) -> Option<f64> {
        args.keyword("dtype").map_or(Some(NUMBER), |val| self.bytes_of_type(val))
    }

    /// Bytes of an element of a type: `np.float32`, `"uint8"`.
    fn bytes_of_type(&self, val: &Val) -> Option<f64> {
        if let Some(text) = val.as_str() {
            return item(text);
        }
        match &self.heap.get(*val.objs.first()?).kind {
            Kind::Path(path) => item(path.rsplit('.').next().unwrap_or(path)),
            _ => None,
        }
    }
}

/// Data sets that come with scikit-learn, or are always the same when it fetches them: samples and features.
fn data_set(name: &str) -> Option<Memory> {
    let (rows, columns) = match name {
        "load_iris" => (150.0, 4.0),
        "load_wine" => (178.0, 13.0),
        "load_digits" => (1797.0, 64.0),
        "load_diabetes" => (442.0, 10.0),
        "load_breast_cancer" => (569.0, 30.0),
        "fetch_california_housing" => (20_640.0, 8.0),
        "fetch_covtype" => (581_012.0, 54.0),
        "fetch_olivetti_faces" => (400.0, 4096.0),
        _ => return None,
    };
    Some(Memory::of_shape(vec![rows, columns], NUMBER).about(1.3))
}

/// Bytes of an element of the type of this name.
fn item(name: &str) -> Option<f64> {
    Some(match name {
        "bool" | "bool_" | "int8" | "uint8" => 1.0,
        "int16" | "uint16" | "float16" | "half" => 2.0,
        "int32" | "uint32" | "float32" | "single" => 4.0,
        "int" | "float" | "int64" | "uint64" | "float64" | "double" | "complex64" => 8.0,
        "complex" | "complex128" => 16.0,
        _ => return None,
    })
}

fn axis(args: &Args, position: usize) -> Option<f64> {
    args.keyword("axis").or_else(|| args.positional.get(position)).and_then(|val| val.literal.as_ref()?.number())
}

pub(super) fn literal(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::NumberLiteral(literal) => match &literal.value {
            ruff_python_ast::Number::Int(value) => value.as_i64().map(|value| value as f64),
            _ => None,
        },
        Expr::UnaryOp(inner) if inner.op == UnaryOp::USub => literal(&inner.operand).map(|value| -value),
        _ => None,
    }
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

fn multiplied(one: &Memory, other: &Memory) -> Option<Memory> {
    let shape = match (one.shape.as_slice(), other.shape.as_slice()) {
        ([front @ .., _], [_, columns]) => [front, &[*columns]].concat(),
        ([front @ .., _], [_]) => front.to_vec(),
        _ => return None,
    };
    let item = one.item.max(other.item);
    Some(Memory::of_shape(shape, item).about(one.spread.max(other.spread)))
}

fn broadcast(one: &Memory, other: &Memory) -> Memory {
    if one.shape.is_empty() || other.shape.is_empty() {
        // Tables from files: operators keep their size.
        return if one.bytes() >= other.bytes() { one.clone() } else { other.clone() };
    }
    let length = one.shape.len().max(other.shape.len());
    let side = |memory: &Memory, place: usize| memory.shape.len().checked_sub(length - place).map_or(1.0, |at| memory.shape[at]);
    let shape = (0..length).map(|place| side(one, place).max(side(other, place))).collect();
    Memory { item: one.item.max(other.item), spread: one.spread.max(other.spread), ..one.shaped(shape) }
}

/// What an attribute of a known value takes.
pub(super) fn of_attribute(known: &Memory, name: &Name) -> Option<Memory> {
    match name.as_str() {
        "T" => Some(known.shaped(known.shape.iter().rev().copied().collect())),
        "values" | "real" | "imag" => Some(known.clone()),
        _ => None,
    }
}

/// What a part of a data set takes: `digits.data`, `digits.target`, `digits.images`.
pub(super) fn of_data_set(known: &Memory, name: &Name) -> Option<Memory> {
    let [rows, columns] = known.shape[..] else { return None };
    let exact = Memory { spread: 1.0, ..known.clone() };
    match name.as_str() {
        "data" => Some(exact),
        "target" => Some(exact.shaped(vec![rows])),
        // A picture is a square here.
        "images" => Some(exact.shaped(vec![rows, columns.sqrt(), columns.sqrt()])),
        _ => None,
    }
}

const REDUCTIONS: [&str; 22] = [
    "sum",
    "mean",
    "std",
    "var",
    "min",
    "max",
    "median",
    "prod",
    "any",
    "all",
    "argmin",
    "argmax",
    "nanmean",
    "nansum",
    "nanstd",
    "nanmin",
    "nanmax",
    "ptp",
    "amax",
    "amin",
    "nanmedian",
    "nanvar",
];

const ELEMENTWISE: [&str; 74] = [
    "sin",
    "cos",
    "tan",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "cbrt",
    "square",
    "abs",
    "absolute",
    "fabs",
    "sign",
    "floor",
    "ceil",
    "rint",
    "round",
    "clip",
    "copy",
    "deepcopy",
    "conj",
    "cumsum",
    "cumprod",
    "sort",
    "sort_values",
    "sort_index",
    "reset_index",
    "set_index",
    "fillna",
    "ffill",
    "bfill",
    "interpolate",
    "rename",
    "replace",
    "shift",
    "pct_change",
    "rank",
    "tanh",
    "sinh",
    "cosh",
    "arctan",
    "arcsin",
    "arccos",
    "power",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "gaussian_filter",
    "median_filter",
    "uniform_filter",
    "maximum_filter",
    "minimum_filter",
    "to_numpy",
    "flip",
    "fliplr",
    "flipud",
    "roll",
    "nan_to_num",
    "asanyarray",
    "ascontiguousarray",
    "shuffle",
    "arcsinh",
    "mod",
    "gaussian",
    "gaussian_filter1d",
    "generic_filter",
    "percentile_filter",
    "sobel",
    "invert",
];
