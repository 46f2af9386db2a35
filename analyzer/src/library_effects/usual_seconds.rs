//! Rough seconds of well-known calls and imports, from `usual_seconds.tsv`.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

static TABLE: &str = include_str!("usual_seconds.tsv");

fn table() -> &'static FxHashMap<&'static str, f64> {
    static READ: OnceLock<FxHashMap<&'static str, f64>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut table = FxHashMap::default();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let Some((seconds, names)) = line.split_once('\t') else { continue };
            let Ok(seconds) = seconds.parse::<f64>() else { continue };
            for name in names.split(' ') {
                table.entry(name).or_insert(seconds);
            }
        }
        table
    })
}

/// What the first import of a module takes, seconds.
pub(crate) fn import(module: &str) -> Option<f64> {
    table().get(format!("import/{module}").as_str()).copied()
}

/// What a call takes. `fits` says that it fits the value it is a method of.
pub(crate) fn call(path: &str, fits: bool) -> Option<f64> {
    let table = table();
    let (holder, name) = path.rsplit_once('.').unwrap_or(("", path));
    let class = holder.rsplit('.').next().unwrap_or_default();
    let library = path.split('.').next().unwrap_or_default();
    let mut key = String::with_capacity(path.len() + 1);
    let mut look = |parts: [&str; 3]| {
        key.clear();
        key.extend(parts);
        table.get(key.as_str()).copied()
    };
    if fits
        && !class.is_empty()
        && let Some(seconds) = look([class, ".", ""])
    {
        return Some(seconds);
    }
    let qualified = if class.is_empty() { None } else { look([class, ".", name]) };
    qualified.or_else(|| look([library, ":", name])).or_else(|| table.get(name).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_name_counts() {
        assert_eq!(import("torch"), Some(3.0));
        assert_eq!(call("sklearn.ensemble.RandomForestClassifier.fit", true), Some(3.0));
        assert_eq!(call("json.load", false), Some(0.03));
        assert_eq!(call("?.fit", true), Some(10.0));
        assert_eq!(call("notebook.something_else", false), None);
    }

    #[test]
    fn every_line_is_read() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let (seconds, names) = line.split_once('\t').unwrap_or_else(|| panic!("no tab: {line}"));
            assert!(seconds.parse::<f64>().is_ok_and(|seconds| seconds > 0.0) && !names.is_empty(), "{line}");
        }
    }
}
