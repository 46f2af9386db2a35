//! Numbers and names in the words of people: the same in the terminal and in the editor.

use crate::report::{Cost, CostBasis, Memory, Size};

/// The start of a text, with `...` where something is left out.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// A size a person reads: `812 B`, `3.4 kB`, `120 MB`.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    for unit in ["kB", "MB", "GB"] {
        value /= 1000.0;
        if value < 999.5 {
            return if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") };
        }
    }
    format!("{:.1} TB", value / 1000.0)
}

/// A time a person reads: `3 ms`, `1.4 s`, `2 min 5 s`, `3 h 20 min`.
pub fn seconds(seconds: f64) -> String {
    if seconds < 0.0005 {
        return "0 ms".to_owned();
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    if seconds < 119.5 {
        return format!("{seconds:.0} s");
    }
    #[expect(clippy::cast_sign_loss, reason = "negative times were answered above")]
    let whole = seconds.round() as u64;
    if whole < 2 * 3600 {
        return format!("{} min {} s", whole / 60, whole % 60);
    }
    format!("{} h {} min", whole / 3600, whole % 3600 / 60)
}

/// A time that nobody knows to the second: `40 s`, `3 min`, `2 h`.
pub fn roughly(seconds: f64) -> String {
    let (value, unit) = match seconds {
        ..=90.0 => (seconds, "s"),
        ..=5400.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3600.0, "h"),
    };
    // Two digits are more than such an estimate has.
    let step = if value < 20.0 { 1.0 } else { 5.0 };
    format!("{:.0} {unit}", ((value / step).round() * step).max(1.0))
}

/// What a cell takes: `~2 min 10 s` where it ran before, `about 3 min (1 min to 8 min)` where that is only supposed.
pub fn time(cost: &Cost) -> Option<String> {
    let middle = cost.seconds?;
    if cost.basis != CostBasis::Model {
        return Some(format!("~{}", seconds(middle)));
    }
    let range = cost.low.zip(cost.high).map(|(low, high)| (roughly(low), roughly(high))).filter(|(low, high)| low != high);
    Some(format!("about {}{}", roughly(middle), range.map(|(low, high)| format!(" ({low} to {high})")).unwrap_or_default()))
}

/// How large a value is: `3.2 MB` where that is known, `about 3.2 MB (1.1 MB to 9.6 MB)` where it is not quite.
pub fn size(size: &Size) -> String {
    let (low, high) = (bytes(size.low), bytes(size.high));
    if low == high { bytes(size.bytes) } else { format!("about {} ({low} to {high})", bytes(size.bytes)) }
}

/// What a cell takes at most at one time: `about 40 MB (24 MB to 60 MB)`, `24 MB or more`.
pub fn memory(memory: &Memory) -> Option<String> {
    let low = bytes(memory.low?);
    let all = memory.bytes.zip(memory.high).map(|(middle, high)| (bytes(middle), bytes(high)));
    Some(match all {
        Some((middle, high)) if low == high => middle,
        Some((middle, high)) => format!("about {middle} ({low} to {high})"),
        None => format!("{low} or more"),
    })
}

/// What is left to run, when it is known of every cell and long enough to be worth a word: `about 3 min left`.
pub fn left<'c>(costs: impl IntoIterator<Item = &'c Cost>) -> Option<String> {
    let all: Option<f64> = costs.into_iter().map(|cost| cost.seconds).sum();
    all.filter(|seconds| *seconds >= 5.0).map(|seconds| format!("about {} left", roughly(seconds)))
}

/// `1 cell`, `2 cells`.
pub fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Ascending numbers as people write them: `1, 3-5, 8`.
pub fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let shown = runs.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    shown.collect::<Vec<_>>().join(", ")
}

/// `cell 3`, `cells 3-5`.
pub fn named(numbers: &[u32]) -> String {
    if let [one] = numbers { format!("cell {one}") } else { format!("cells {}", ranges(numbers)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_well() {
        let sizes = [0, 999, 1000, 9_940, 10_400, 999_600, 4_200_000_000, 2_500_000_000_000];
        assert_eq!(sizes.map(bytes), ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "1.0 MB", "4.2 GB", "2.5 TB"]);
        let times = [0.0, 0.0034, 0.9996, 9.94, 9.96, 119.0, 125.2, 7199.9, 12_000.0];
        let read = ["0 ms", "3 ms", "1.0 s", "9.9 s", "10 s", "119 s", "2 min 5 s", "2 h 0 min", "3 h 20 min"];
        assert_eq!(times.map(seconds), read);
    }

    #[test]
    fn what_is_supposed_is_said_so() {
        assert_eq!([0.2, 17.0, 43.0, 185.0, 3000.0, 7300.0].map(roughly), ["1 s", "17 s", "45 s", "3 min", "50 min", "2 h"]);
        let model = Cost { seconds: Some(185.0), low: Some(60.0), high: Some(490.0), basis: CostBasis::Model, ..Cost::unknown() };
        assert_eq!(time(&model).as_deref(), Some("about 3 min (60 s to 8 min)"));
        let ran = Cost { basis: CostBasis::History, ..model.clone() };
        assert_eq!((time(&ran).as_deref(), time(&Cost::unknown())), (Some("~3 min 5 s"), None));
        assert_eq!((left([&model, &ran]).as_deref(), left([&model, &Cost::unknown()])), (Some("about 6 min left"), None));
    }

    #[test]
    fn numbers_are_shown_as_ranges() {
        assert_eq!((named(&[3]), named(&[1, 3, 4, 5, 8])), ("cell 3".to_owned(), "cells 1, 3-5, 8".to_owned()));
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!((shorten("abcdef", 6), shorten("abcdefg", 6)), ("abcdef".to_owned(), "abc...".to_owned()));
    }
}
