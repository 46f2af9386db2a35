//! Amounts as people write them: `64G`, `80 MB/s`, `2.40 EUR`.

use nbhoist_analyzer::placement::Price;

/// Bytes of memory as Slurm writes them: a number of megabytes, or one with a unit of 1024.
pub(crate) fn memory(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let number: u64 = digits.parse().ok()?;
    let power = match text[digits.len()..].trim().to_ascii_uppercase().as_str() {
        "K" | "KB" => 1,
        "" | "M" | "MB" => 2,
        "G" | "GB" => 3,
        "T" | "TB" => 4,
        _ => return None,
    };
    number.checked_mul(1024_u64.checked_pow(power)?)
}

/// Bytes per second: a number, or one with `MB/s`, `Gbit/s` and the like.
pub(crate) fn bandwidth(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == 'e')).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim().trim_end_matches("/s");
    let factor = match unit {
        "" | "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "kbit" => 1e3 / 8.0,
        "Mbit" => 1e6 / 8.0,
        "Gbit" => 1e9 / 8.0,
        _ => return None,
    };
    Some(number * factor).filter(|rate| rate.is_finite() && *rate > 0.0)
}

/// An amount of money by the hour: `2.40 EUR`.
pub(crate) fn price(text: &str) -> Option<Price> {
    let (amount, currency) = text.trim().split_once(' ')?;
    let amount = amount.parse().ok().filter(|amount: &f64| amount.is_finite() && *amount >= 0.0)?;
    let currency = currency.trim();
    let is_word = currency.len() >= 2 && currency.chars().all(char::is_alphabetic);
    is_word.then(|| Price { amount, currency: currency.to_uppercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        assert_eq!([memory("64G"), memory("500"), memory("2 TB")], [Some(64 << 30), Some(500 << 20), Some(2 << 40)]);
        assert_eq!([memory("G"), memory("64X"), memory(""), memory("99999999999999T")], [None; 4]);
        assert_eq!([bandwidth("80 MB/s"), bandwidth("1 Gbit/s"), bandwidth("1000")], [Some(80e6), Some(125e6), Some(1000.0)]);
        assert_eq!([bandwidth("fast"), bandwidth("0"), bandwidth("3 MB/h"), bandwidth("")], [None; 4]);
        assert_eq!(price("2.40 eur"), Some(Price { amount: 2.4, currency: "EUR".to_owned() }));
        assert_eq!([price("2.40"), price("EUR 2"), price("-1 EUR"), price("1 $")], [None, None, None, None]);
    }
}
