//! How large values are, as far as constants of the source say: `np.zeros((n, n))`, `make_blobs(n_samples=500)`.

use super::Interp;
use super::arguments::Args;
use super::heap::{Const, Extent, Val};

impl Interp<'_> {
    /// How large the result of a library call is: as its arguments say, or else as large as what it was made from.
    pub(super) fn extent_of_result(&self, path: &str, receiver: Option<&Val>, args: &Args) -> Extent {
        let name = path.rsplit('.').next().unwrap_or(path);
        let from = receiver.map(|val| self.extent_of(val)).unwrap_or_default();
        let first = args.positional.first();
        let given = first.map(|val| self.extent_of(val)).unwrap_or_default();
        let number = |keyword: &str, position: usize| argument(args, keyword, position);
        match name {
            "zeros" | "ones" | "empty" | "full" => self.shape(args, "shape", 0),
            "rand" | "randn" => dimensions(&args.positional),
            "random" | "random_sample" | "ranf" | "standard_normal" => self.shape(args, "size", 0),
            "randint" | "integers" if first.is_some() => self.shape(args, "size", 2).or(self.shape(args, "size", 0)),
            "exponential" | "poisson" | "standard_t" | "choice" | "chisquare" | "geometric" => self.shape(args, "size", 1).or(given),
            "normal" | "uniform" | "gamma" | "beta" | "binomial" | "lognormal" | "laplace" | "logistic" => self.shape(args, "size", 2),
            "multivariate_normal" => self.shape(args, "size", 2).or(given),
            "eye" | "identity" => number("N", 0).map_or_else(Extent::default, |n| Extent { rows: n, columns: n }),
            "arange" | "range" => span(args),
            "linspace" | "logspace" | "geomspace" => Extent::of_rows(number("num", 2).unwrap_or(50.0)),
            "date_range" | "bdate_range" => number("periods", 2).map_or_else(Extent::default, Extent::of_rows),
            "head" | "tail" => Extent { rows: number("n", 0).unwrap_or(5.0), columns: from.columns },
            "nlargest" | "nsmallest" | "sample" => number("n", 0).map_or(from, |rows| Extent { rows, columns: from.columns }),
            "dot" | "matmul" => {
                let other = args.positional.get(1).map(|val| self.extent_of(val)).unwrap_or_default();
                Extent { rows: from.rows.max(given.rows), columns: if receiver.is_some() { given.columns } else { other.columns } }
            }
            "meshgrid" | "product" => {
                let points: f64 = args.positional.iter().map(|val| self.extent_of(val).rows.max(1.0)).product();
                Extent::of_rows(if points > 1.0 { points } else { 0.0 })
            }
            "DataLoader" => {
                let batch = number("batch_size", 1).unwrap_or(1.0).max(1.0);
                Extent::of_rows((given.rows / batch).ceil())
            }
            "batch" => Extent::of_rows((from.rows / number("batch_size", 0).unwrap_or(1.0).max(1.0)).ceil()),
            // Their sizes depend on the values.
            "groupby" | "unique" | "value_counts" | "resample" | "describe" | "split" | "get_dummies" | "mean" | "sum" | "std" | "max"
            | "min" | "median" | "nunique" | "GridSearchCV" | "subplots" | "figure" => Extent::default(),
            _ if name.starts_with("make_") => Extent {
                rows: number("n_samples", 0).unwrap_or(100.0),
                columns: number("n_features", 1).unwrap_or(if name == "make_classification" { 20.0 } else { 2.0 }),
            },
            _ if from.rows > 0.0 => from,
            _ => given,
        }
    }

    pub(super) fn extent_of(&self, val: &Val) -> Extent {
        val.objs.iter().map(|&id| self.heap.get(id).extent).fold(Extent::default(), Extent::larger)
    }

    /// `n` or `(n, m)`.
    fn shape(&self, args: &Args, keyword: &str, position: usize) -> Extent {
        let Some(val) = args.keyword(keyword).or_else(|| args.positional.get(position)) else { return Extent::default() };
        if let Some(rows) = val.literal.as_ref().and_then(Const::number) {
            return Extent::of_rows(rows.max(0.0));
        }
        let parts = val.objs.first().and_then(|&id| self.heap.get(id).rare().parts.as_ref());
        parts.map(|parts| dimensions(parts)).unwrap_or_default()
    }
}

/// The first dimension, and all others multiplied.
fn dimensions(parts: &[Val]) -> Extent {
    let mut numbers = parts.iter().map(|val| val.literal.as_ref().and_then(Const::number));
    let Some(Some(rows)) = numbers.next() else { return Extent::default() };
    let columns: Option<f64> = numbers.product();
    Extent { rows: rows.max(0.0), columns: if parts.len() > 1 { columns.unwrap_or(0.0) } else { 0.0 } }
}

fn argument(args: &Args, keyword: &str, position: usize) -> Option<f64> {
    let val = args.keyword(keyword).or_else(|| args.positional.get(position))?;
    val.literal.as_ref().and_then(Const::number).filter(|number| *number >= 0.0)
}

/// `range(stop)`, `range(start, stop, step)`.
pub(super) fn span(args: &Args) -> Extent {
    let numbers: Vec<Option<f64>> = args.positional.iter().map(|val| val.literal.as_ref().and_then(Const::number)).collect();
    let rows = match *numbers.as_slice() {
        [Some(stop)] => stop,
        [Some(start), Some(stop)] => stop - start,
        [Some(start), Some(stop), Some(step)] if step != 0.0 => (stop - start) / step,
        _ => return Extent::default(),
    };
    Extent::of_rows(rows.ceil().max(0.0))
}
