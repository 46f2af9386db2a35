//! By what a cell is recognised in the history. Hashes only: a history does not hold anybody's code.

use std::collections::BTreeSet;
use std::hash::Hasher;

use ruff_python_ast::token::TokenKind;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::syntax;

/// How many hashes a sketch has; its estimate of a likeness is off by about one part in eleven.
const SKETCH: usize = 128;

/// How many tokens in a row are hashed together.
const SHINGLE: usize = 3;

/// What stands in a cell, comments and white space left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Hash of the tokens.
    pub content: u128,
    /// Hash of the tokens without the values of the numbers.
    pub structure: u128,
    /// The smallest hashes of the runs of three tokens (bottom-k sketch: Cohen and Kaplan 2007), ascending.
    pub sketch: Vec<u32>,
}

impl Signature {
    /// The signature of a cell's source.
    pub fn of(source: &str) -> Self {
        let tokens = tokens(source);
        let (mut content, mut structure) = (SipHasher13::new(), SipHasher13::new());
        for (text, number) in &tokens {
            for (hasher, text) in [(&mut content, *text), (&mut structure, if *number { "0" } else { *text })] {
                hasher.write(text.as_bytes());
                hasher.write_u8(0xff);
            }
        }
        Self { content: content.finish128().as_u128(), structure: structure.finish128().as_u128(), sketch: sketch(&tokens) }
    }

    /// The hash of a name or a path.
    pub fn of_text(text: &str) -> u128 {
        let mut hasher = SipHasher13::new();
        hasher.write(text.as_bytes());
        hasher.finish128().as_u128()
    }

    /// The share of what stands in either that stands in both, from 0 to 1 (Jaccard), estimated from the sketches.
    pub fn likeness(&self, other: &Self) -> f64 {
        if self.content == other.content {
            return 1.0;
        }
        let (one, two): (BTreeSet<u32>, BTreeSet<u32>) = (self.sketch.iter().copied().collect(), other.sketch.iter().copied().collect());
        let smallest: Vec<u32> = one.union(&two).copied().take(SKETCH).collect();
        let common = smallest.iter().filter(|hash| one.contains(hash) && two.contains(hash)).count();
        if smallest.is_empty() { 0.0 } else { common as f64 / smallest.len() as f64 }
    }
}

/// The tokens of a cell, and whether each is a number. Where it is not Python its words.
fn tokens(source: &str) -> Vec<(&str, bool)> {
    let (start, python) = syntax::body(source);
    let mut tokens: Vec<_> = source[..start].split_whitespace().map(|word| (word, false)).collect();
    if !python {
        tokens.extend(source[start..].split_whitespace().map(|word| (word, word.parse::<f64>().is_ok())));
        return tokens;
    }
    syntax::each_token(source, start, |kind, range| {
        let text = &source[range];
        match kind {
            TokenKind::Comment | TokenKind::NonLogicalNewline => {}
            // How deep a line is indented says nothing, that it is does.
            TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent => tokens.push((structural(kind), false)),
            TokenKind::Int | TokenKind::Float | TokenKind::Complex => tokens.push((text, true)),
            _ => tokens.push((text, false)),
        }
    });
    tokens
}

const fn structural(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Indent => "\u{1}",
        TokenKind::Dedent => "\u{2}",
        _ => "\n",
    }
}

fn sketch(tokens: &[(&str, bool)]) -> Vec<u32> {
    let hash = |shingle: &[(&str, bool)]| {
        let mut hasher = SipHasher13::new();
        for (text, _) in shingle {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish128().h1 as u32
    };
    let hashes: BTreeSet<u32> = tokens.windows(SHINGLE.min(tokens.len().max(1))).map(hash).collect();
    hashes.into_iter().take(SKETCH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_spaces_do_not_count() {
        let one = Signature::of("%%time\nfor i in range(10):  # ten\n    f(i)\n");
        let two = Signature::of("%%time\nfor i in range( 10 ):\n\n        f(i)");
        assert_eq!((one.content, one.likeness(&two)), (two.content, 1.0));
        assert_ne!(one.content, Signature::of("for i in range(10):\n    f(i)\n").content);
    }

    #[test]
    fn a_changed_number_keeps_the_structure() {
        let (ten, twenty) = (Signature::of("fit(epochs=10, path='a')"), Signature::of("fit(epochs=20, path='a')"));
        assert_eq!(ten.structure, twenty.structure);
        assert_ne!(ten.content, twenty.content);
        assert_ne!(ten.structure, Signature::of("fit(epochs=10, path='b')").structure);
    }

    #[test]
    fn likeness_follows_the_change() {
        let lines: Vec<String> = (0..60).map(|line| format!("name_{line} = function_{line}(argument_{line})")).collect();
        let whole = Signature::of(&lines.join("\n"));
        let most = Signature::of(&lines[6..].join("\n")).likeness(&whole);
        let half = Signature::of(&lines[30..].join("\n")).likeness(&whole);
        assert!((most - 0.9).abs() < 0.1 && (half - 0.5).abs() < 0.13, "{most} {half}");
        assert!(Signature::of("something(entirely, different)").likeness(&whole) < 0.05);
    }

    #[test]
    fn anything_has_a_signature() {
        for source in ["", "   ", "def (", "%%bash\nls 10", "\u{1f600}", "'''", "!ls {a}", "x = $"] {
            assert_eq!(Signature::of(source), Signature::of(source));
        }
    }
}
