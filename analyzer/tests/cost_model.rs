//! A model file is read, or refused with a reason; never half read.

use nbhoist_analyzer::cost::{Model, ModelError};

static FILE: &[u8] = include_bytes!("../cost_model/cost.model");

#[test]
fn the_built_in_model_fits_this_program() {
    assert!(Model::read(FILE).is_ok());
    assert!(Model::embedded().is_some());
    assert!(FILE.len() < 500_000, "{} bytes", FILE.len());
}

#[test]
fn what_is_no_model_is_refused() {
    assert_eq!(Model::read(b""), Err(ModelError::Foreign));
    assert_eq!(Model::read(b"{\"cells\": []}"), Err(ModelError::Foreign));
    let mut other = FILE.to_vec();
    other[15] ^= 1;
    assert_eq!(Model::read(&other), Err(ModelError::OtherFeatures));
}

#[test]
fn a_cut_or_longer_file_is_refused() {
    for length in [19, 20, 1000, FILE.len() / 2, FILE.len() - 1] {
        assert_eq!(Model::read(&FILE[..length]), Err(ModelError::Damaged), "{length} bytes");
    }
    assert_eq!(Model::read(&[FILE, b"x"].concat()), Err(ModelError::Damaged));
}
