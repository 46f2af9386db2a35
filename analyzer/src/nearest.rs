//! The known word that was probably meant.

/// The candidate that is the fewest slips away from the word, when they are at most this many.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>, limit: usize) -> Option<&'a str> {
    // Words whose lengths differ by more cannot be near, nor those with more letters that the word has nowhere: each of them is a slip. Most are
    // left out by that.
    let letters = word.chars().map(plain).fold(0u128, |letters, letter| letters | bit(letter));
    let strange = |candidate: &str| candidate.chars().map(plain).filter(|letter| letters & bit(*letter) == 0).nth(limit).is_some();
    let too_far =
        |candidate: &str| word.is_ascii() && candidate.is_ascii() && (word.len().abs_diff(candidate.len()) > limit || strange(candidate));
    let candidates = candidates.into_iter().filter(|candidate| !too_far(candidate));
    let scored = candidates.map(|candidate| (distance(word, candidate), candidate));
    scored.filter(|(distance, _)| *distance <= limit).min().map(|(_, candidate)| candidate)
}

/// A letter, where case, and `-` for `_`, make no difference.
fn plain(letter: char) -> char {
    if letter == '_' { '-' } else { letter.to_ascii_lowercase() }
}

/// A set of one letter of ASCII.
fn bit(letter: char) -> u128 {
    1u128.checked_shl(u32::from(letter)).unwrap_or_default()
}

/// How many slips a word of this length may hold and still be recognised.
pub fn tolerance(word: &str) -> usize {
    (word.chars().count() / 2).clamp(1, 3)
}

/// Letters inserted, left out, changed or swapped with the next one; case, and `-` for `_`, make no difference.
fn distance(a: &str, b: &str) -> usize {
    let plain = |text: &str| text.replace('_', "-").to_lowercase().chars().collect::<Vec<_>>();
    let (a, b) = (plain(a), plain(b));
    let mut rows = [Vec::new(), Vec::new(), (0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        let mut row = vec![i];
        for j in 1..=b.len() {
            let (before, last) = (&rows[0], &rows[1]);
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        rows[2] = row;
    }
    rows[2][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (a, b, slips) in [("", "", 0), ("total", "totla", 1), ("host", "hots", 1), ("df", "DF", 0), ("a_b", "a-b", 0), ("", "abc", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (slips, slips), "{a} {b}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    /// What is left out before slips are counted could not have been near.
    #[test]
    fn nothing_near_is_left_out() {
        let words =
            ["", "a", "x_1", "X-1", "total", "totla", "tools", "nowhere", "now_here", "nowhere12", "v1000_10", "\u{e9}tude", "etude"];
        for word in words {
            for candidate in words {
                for limit in 0..4 {
                    let near = distance(word, candidate) <= limit;
                    assert_eq!(nearest(word, [candidate], limit), near.then_some(candidate), "{word} {candidate} {limit}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_counts_when_it_is_near_enough() {
        assert_eq!(nearest("totla", ["tools", "total"], 1), Some("total"));
        assert_eq!(nearest("xs", ["total"], tolerance("xs")), None);
    }
}
