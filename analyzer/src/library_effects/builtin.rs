//! The table that is part of the program.
//!
//! The build script wrote it as sorted lines; an entry is parsed when something asks for it first, so that a notebook pays
//! for what it uses only.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use rustc_hash::FxHashMap;

use super::lookup::matches;
use super::schema::{Default_, Entry};

use lines::{LIBRARIES, PATTERNS, STARTS};

#[allow(clippy::unreadable_literal, reason = "a program wrote it")]
mod lines {
    include!(concat!(env!("OUT_DIR"), "/effects.rs"));
}

/// Path, tab and JSON of each entry.
static TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/effects.txt"));

/// What was parsed so far. An entry that cannot be parsed counts as absent; a test parses them all.
static PARSED: [OnceLock<Option<Box<Entry>>>; STARTS.len()] = [const { OnceLock::new() }; STARTS.len()];

/// The line of each path. A search among sorted lines would compare a dozen of them each time.
static LINES: LazyLock<FxHashMap<&'static str, u32>> =
    LazyLock::new(|| STARTS.iter().zip(0..).map(|(&start, index)| (path_at(start), index)).collect());

/// Where the patterns of each top-level module are.
static PATTERNS_OF: LazyLock<FxHashMap<&'static str, Range<usize>>> = LazyLock::new(|| {
    let mut ranges: FxHashMap<&'static str, Range<usize>> = FxHashMap::default();
    for (at, &index) in PATTERNS.iter().enumerate() {
        ranges.entry(top_level(path_at(STARTS[index as usize]))).or_insert(at..at).end = at + 1;
    }
    ranges
});

/// The entry for exactly this path.
pub(super) fn exact(path: &str) -> Option<&'static Entry> {
    LINES.get(path).and_then(|&index| entry(index as usize))
}

/// The most specific entry whose path holds a `*` and fits this one.
pub(super) fn pattern(path: &str) -> Option<&'static Entry> {
    let of_module = &PATTERNS[PATTERNS_OF.get(top_level(path))?.clone()];
    let index = of_module.iter().find(|index| matches(path_at(STARTS[**index as usize]), path))?;
    entry(*index as usize)
}

/// What unlisted paths of this top-level module do, when a file speaks for it.
pub(super) fn library(module: &str) -> Option<Default_> {
    let index = LIBRARIES.binary_search_by(|(name, _)| (*name).cmp(module)).ok()?;
    Some(if LIBRARIES[index].1 { Default_::Pure } else { Default_::Unknown })
}

/// The entry that speaks for a path.
pub(crate) fn function(path: &str) -> Option<&'static Entry> {
    exact(path).or_else(|| pattern(path))
}

/// Paths of what draws random numbers.
pub(crate) fn drawing() -> impl Iterator<Item = &'static str> {
    memchr::memmem::find_iter(TEXT.as_bytes(), "\"draws\"").filter_map(|at| {
        let index = STARTS.partition_point(|(start, _)| *start as usize <= at).checked_sub(1)?;
        Some(path_at(STARTS[index]))
    })
}

fn entry(index: usize) -> Option<&'static Entry> {
    let parse = || serde_json::from_str(line_at(STARTS[index]).1).ok().map(Box::new);
    PARSED[index].get_or_init(parse).as_deref()
}

/// The path of a line. Its length is known: a search compares a dozen of them.
fn path_at((start, length): (u32, u8)) -> &'static str {
    let start = start as usize;
    &TEXT[start..start + usize::from(length)]
}

fn line_at((start, length): (u32, u8)) -> (&'static str, &'static str) {
    let (path, rest) = TEXT[start as usize..].split_at(usize::from(length));
    (path, rest.split_once('\n').map_or(rest, |(entry, _)| entry).trim_start_matches('\t'))
}

/// The first part of a dotted path.
pub(crate) fn top_level(path: &str) -> &str {
    memchr::memchr(b'.', path.as_bytes()).map_or(path, |dot| &path[..dot])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_can_be_parsed_and_found() {
        for &start in &STARTS {
            let (path, text) = line_at(start);
            serde_json::from_str::<Entry>(text).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(exact(path).is_some(), "{path}");
        }
        assert!(exact("pandas.DataFrame.nothing").is_none() && exact("").is_none() && exact("zzz").is_none());
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        for &index in &PATTERNS {
            let path = path_at(STARTS[index as usize]);
            assert!(pattern(&path.replace('*', "anything")).is_some(), "{path}");
        }
        assert!(pattern("nobody.knows").is_none());
    }

    #[test]
    fn all_that_draws_is_listed() {
        let listed: Vec<&str> = drawing().collect();
        let of_line = |(index, &start): (usize, &(u32, u8))| entry(index).filter(|entry| entry.draws.is_some()).map(|_| path_at(start));
        assert_eq!(listed, STARTS.iter().enumerate().filter_map(of_line).collect::<Vec<_>>());
        assert!(listed.contains(&"numpy.random.rand"));
    }

    #[test]
    fn libraries_are_sorted() {
        assert!(LIBRARIES.is_sorted());
        assert_eq!(library("pandas"), Some(Default_::Pure));
        assert_eq!(library("ray"), Some(Default_::Unknown));
        assert_eq!(library("nobody"), None);
    }
}
