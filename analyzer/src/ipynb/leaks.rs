//! Secrets and home folders in saved outputs, found in the raw JSON text.
//!
//! A secret counts only in the shape that its issuer documents: a fixed prefix and a length. Words such as `password` prove nothing.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::source::Lines;

/// A credential with a shape of its own.
struct Shape {
    what: &'static str,
    prefix: &'static str,
    /// Least number of characters after the prefix.
    least: usize,
    /// Most of them; a longer run is something else.
    most: usize,
    allowed: fn(u8) -> bool,
}

const fn upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn letter_or_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

const fn pem(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b' '
}

/// Documented by the issuers: AWS IAM identifiers, GitHub token formats, Slack, Google API keys, `OpenAI`, Hugging Face, GitLab, `PyPI`, RFC 7468.
const SHAPES: &[Shape] = &[
    Shape { what: "an AWS access key id", prefix: "AKIA", least: 16, most: 16, allowed: upper_or_digit },
    Shape { what: "a GitHub token", prefix: "ghp_", least: 36, most: 36, allowed: letter_or_digit },
    Shape { what: "a GitHub token", prefix: "github_pat_", least: 60, most: 100, allowed: word },
    Shape { what: "a Slack token", prefix: "xoxb-", least: 20, most: 100, allowed: word },
    Shape { what: "a Slack token", prefix: "xoxp-", least: 20, most: 100, allowed: word },
    Shape { what: "a Google API key", prefix: "AIza", least: 35, most: 35, allowed: word },
    Shape { what: "an OpenAI key", prefix: "sk-proj-", least: 40, most: 200, allowed: word },
    Shape { what: "a Hugging Face token", prefix: "hf_", least: 34, most: 34, allowed: letter_or_digit },
    Shape { what: "a GitLab token", prefix: "glpat-", least: 20, most: 60, allowed: word },
    Shape { what: "a PyPI token", prefix: "pypi-AgE", least: 60, most: 400, allowed: word },
    Shape { what: "a private key", prefix: "-----BEGIN ", least: 11, most: 40, allowed: pem },
];

/// What stands before the name of a home folder's owner, in JSON; the first of them that tells a person counts.
const HOMES: [&str; 3] = ["/home/", "/Users/", r"\\Users\\"];

/// All prefixes, those of secrets first: outputs are megabytes of pictures, which are gone through once. Of this kind of match the library
/// finds candidates sixteen bytes at a time.
static PREFIXES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let prefixes = SHAPES.iter().map(|shape| shape.prefix).chain(HOMES);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(prefixes).expect("a few short words are never too many states")
});

/// What an output gives away.
#[derive(Debug, Default)]
pub(super) struct Leaks {
    /// What kinds of secrets, each once.
    pub(super) secrets: Vec<&'static str>,
    /// The first home folder, such as `/home/ada`.
    pub(super) home: Option<String>,
}

/// What this output gives away, but for one part of it.
pub(super) fn find(json: &str, without: Option<&str>) -> Leaks {
    let mut leaks = Leaks::default();
    let mut homes = [const { None }; HOMES.len()];
    let (before, after) = without.map_or((json.len(), json.len()), |without| {
        let start = Lines::offset_of(json, without);
        (start, start + without.len())
    });
    for (mut from, end) in [(0, before), (after, json.len())] {
        while let Some(found) = PREFIXES.find(Input::new(json).range(from..end)) {
            let at = found.start();
            // One prefix may begin inside another.
            from = at + 1;
            match SHAPES.get(found.pattern().as_usize()) {
                Some(shape) if !leaks.secrets.contains(&shape.what) && shape.is_at(json.as_bytes(), at) => leaks.secrets.push(shape.what),
                Some(_) => {}
                None => {
                    let which = found.pattern().as_usize() - SHAPES.len();
                    homes[which] = homes[which].take().or_else(|| home(json, at, HOMES[which]));
                }
            }
        }
    }
    leaks.home = homes.into_iter().flatten().next();
    leaks
}

impl Shape {
    fn is_at(&self, json: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| json[before]);
        // A letter after a backslash is an escape, `\n`, and no part of a word. Base64 of a picture has no edges.
        let escaped = at >= 2 && json[at - 2] == b'\\';
        if before.is_some_and(|byte| (word(byte) || matches!(byte, b'/' | b'+')) && !escaped) {
            return false;
        }
        let rest = &json[at + self.prefix.len()..];
        let length = rest.iter().take_while(|&&byte| (self.allowed)(byte)).count();
        let ends = !rest.get(length).is_some_and(|&byte| matches!(byte, b'/' | b'+' | b'=') || byte.is_ascii_alphanumeric());
        if self.what == "a private key" {
            return rest[..length].ends_with(b"PRIVATE KEY");
        }
        (self.least..=self.most).contains(&length) && ends
    }
}

/// Accounts of images and services: the same for everyone, so they tell nothing about a person.
const SHARED_ACCOUNTS: &[&str] = &[
    "jovyan",
    "user",
    "username",
    "ubuntu",
    "runner",
    "docs",
    "jupyter",
    "shared",
    "Shared",
    "Public",
    "ec2-user",
    "vscode",
    "root",
    "sagemaker-user",
];

/// The home folder whose prefix stands here.
fn home(json: &str, at: usize, prefix: &str) -> Option<String> {
    // `docs/home/x` of a URL is no home folder.
    let before = json[..at].chars().next_back();
    if before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '.' | '-' | '_' | '/' | '~')) && !after_escape(json, at) {
        return None;
    }
    let rest = &json[at + prefix.len()..];
    let account: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')).collect();
    let ends = rest[account.len()..].starts_with(['/', '\\']);
    (ends && !account.is_empty() && !SHARED_ACCOUNTS.contains(&account.as_str()))
        .then(|| format!("{}{account}", prefix.replace(r"\\", r"\")))
}

/// Whether the character before is the letter of an escape such as `\n`.
fn after_escape(json: &str, at: usize) -> bool {
    let mut before = json[..at].chars().rev();
    before.next().is_some_and(|c| matches!(c, 'n' | 't' | 'r')) && before.next() == Some('\\')
}

#[cfg(test)]
mod tests {
    use super::Leaks;

    fn find(json: &str) -> Leaks {
        super::find(json, None)
    }

    #[test]
    fn secrets_have_the_shape_of_their_issuer() {
        let key = format!("AKIA{}", "IOSFODNN7EXAMPLE");
        for text in [format!("\"key {key}\""), format!("\"{key}\\n\""), format!("\"a\\n{key}\"")] {
            assert_eq!(find(&text).secrets, ["an AWS access key id"], "{text}");
        }
        for text in [format!("\"x{key}\""), format!("\"{key}Q\""), format!("\"AB/{key}\""), "\"AKIA\"".to_owned()] {
            assert!(find(&text).secrets.is_empty(), "{text}");
        }
        assert_eq!(find("\"-----BEGIN RSA PRIVATE KEY-----\"").secrets, ["a private key"]);
        assert!(find("\"-----BEGIN CERTIFICATE-----\"").secrets.is_empty());
    }

    #[test]
    fn a_part_can_be_left_out() {
        let json = r#"{"image/png": "+/home/ada/", "text/plain": "/home/eve/"}"#;
        let picture = &json[14..27];
        assert_eq!(picture, "\"+/home/ada/\"");
        assert_eq!(super::find(json, Some(picture)).home.as_deref(), Some("/home/eve"));
        assert_eq!(find(json).home.as_deref(), Some("/home/ada"));
    }

    #[test]
    fn home_folders_name_a_person() {
        assert_eq!(find(r#""/home/ada/x.csv""#).home.as_deref(), Some("/home/ada"));
        assert_eq!(find(r#""saved\n/Users/ada.l/x""#).home.as_deref(), Some("/Users/ada.l"));
        assert_eq!(find(r#""C:\\Users\\ada\\x""#).home.as_deref(), Some(r"\Users\ada"));
        for text in [r#""/home/jovyan/x""#, r#""https://x.org/home/news/1""#, r#""/home/""#, r#""see /home/ada""#] {
            assert_eq!(find(text).home, None, "{text}");
        }
    }
}
