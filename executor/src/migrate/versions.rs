//! Versions that must agree before objects travel.

use std::collections::BTreeMap;

use memchr::memmem;

use super::error::Difference;

/// Packages that are sent along, so that both sides have the same.
const SENT_ALONG: &[&str] = &["cloudpickle"];

/// What a worker says of a package that does not tell its version.
const UNKNOWN: &str = "unknown";

/// Python must be of the same minor version: a function's code does not load in another.
pub(super) fn python(here: &str, there: &str) -> Option<Difference> {
    (minor(here) != minor(there)).then(|| Difference { package: "Python".to_owned(), here: here.to_owned(), there: Some(there.to_owned()) })
}

/// Of the packages whose objects are in the bundle, the first two numbers must be equal: objects of one version often do
/// not load in another.
pub(super) fn packages(here: &BTreeMap<String, String>, there: &BTreeMap<String, String>, pickle: &[u8]) -> Vec<Difference> {
    let travelling = here.iter().filter(|(package, _)| !SENT_ALONG.contains(&package.as_str()) && mentions(pickle, package));
    let differing = travelling.filter_map(|(package, here)| {
        let there = there.get(package);
        let differs = there.is_none_or(|there| there != UNKNOWN && minor(there) != minor(here));
        differs.then(|| Difference { package: package.clone(), here: here.clone(), there: there.cloned() })
    });
    differing.collect()
}

/// Whether all packages that both sides have are of equal versions, so that whatever one packs the other unpacks.
pub(super) fn equal(here: &BTreeMap<String, String>, there: &BTreeMap<String, String>) -> bool {
    let sent_along = |package: &String| SENT_ALONG.contains(&package.as_str());
    here.iter().all(|(package, here)| sent_along(package) || there.get(package).is_none_or(|there| minor(there) == minor(here)))
}

/// Whether a pickle names a module of the package. A module's name is written as a short string: its opcode, its length, its
/// letters. A string of the user's that looks like it makes the check stricter, never laxer.
fn mentions(pickle: &[u8], package: &str) -> bool {
    let Ok(length) = u8::try_from(package.len()) else {
        return true;
    };
    let whole = [&[0x8c, length][..], package.as_bytes()].concat();
    memmem::find(pickle, &whole).is_some() || memmem::find(pickle, format!("{package}.").as_bytes()).is_some()
}

/// `3.11` of `3.11.4`.
fn minor(version: &str) -> Vec<&str> {
    version.split('.').take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(package, version)| ((*package).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn patch_versions_may_differ_and_minor_ones_may_not() {
        assert_eq!(python("3.11.4", "3.11.9"), None);
        assert_eq!(python("3.11.4", "3.12.4").unwrap().there.unwrap(), "3.12.4");
    }

    #[test]
    fn only_packages_in_the_bundle_count() {
        let here = versions(&[("numpy", "2.3.5"), ("pandas", "2.3.3"), ("scipy", "1.16.0"), ("torch", "2.9.0")]);
        let there = versions(&[("numpy", "2.3.1"), ("pandas", "3.0.0"), ("torch", "1.0.0")]);
        let pickle = b"\x80\x05\x8c\x05numpy\x8c\x05dtype\x8c\x11pandas.core.frame\x8c\x05scipy";
        let differing: Vec<_> = packages(&here, &there, pickle).into_iter().map(|one| one.package).collect();
        assert_eq!(differing, ["pandas", "scipy"]);
    }

    #[test]
    fn package_of_unknown_version_and_the_one_sent_along_are_believed() {
        let here = versions(&[("cv2", "4.12.0"), ("cloudpickle", "3.1.2")]);
        let there = versions(&[("cv2", "unknown")]);
        assert_eq!(packages(&here, &there, b"\x8c\x03cv2\x8c\x17cloudpickle.cloudpickle"), []);
    }
}
