//! Sessions of people with notebooks, replayed under every policy. All of it is made from fixed seeds.

pub mod crowd;
pub mod notebooks;
pub mod report;
pub mod scoring;
pub mod sessions;
pub mod world;

/// The value that this share of the values do not exceed.
pub fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(clippy::cast_sign_loss, reason = "shares are not negative")]
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
