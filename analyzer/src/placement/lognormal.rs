//! Uncertain amounts above zero: seconds, bytes.

use crate::report::{Cost, CostBasis};

/// Standard deviations between the median and either end of an 80% interval.
const Z80: f64 = 1.281_551_565_544_6;

/// An amount whose logarithm is normal: what is multiplied out of many factors, as run times and sizes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lognormal {
    /// As often below as above.
    pub median: f64,
    /// Standard deviation of the natural logarithm; 0 for what is known.
    pub sigma: f64,
}

impl Lognormal {
    /// Nothing, surely.
    pub const ZERO: Self = Self { median: 0.0, sigma: 0.0 };

    /// A known amount; what is negative or no number counts as zero.
    pub fn exactly(amount: f64) -> Self {
        Self { median: if amount.is_finite() { amount.max(0.0) } else { 0.0 }, sigma: 0.0 }
    }

    /// From a median and an 80% interval.
    pub fn between(low: f64, median: f64, high: f64) -> Self {
        let ratio = if low > 0.0 && high > low { high / low } else { 1.0 };
        Self { sigma: ratio.ln() / (2.0 * Z80), ..Self::exactly(median) }
    }

    /// What a cell takes; nothing where that is not known. Without an interval it is as wide as its kind of estimate usually is.
    pub fn of(cost: &Cost) -> Option<Self> {
        let median = cost.seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
        if let (Some(low), Some(high)) = (cost.low, cost.high)
            && low > 0.0
            && high >= low
        {
            return Some(Self::between(low, median, high));
        }
        let sigma = match cost.basis {
            CostBasis::History => 0.15,
            CostBasis::Metadata => 0.35,
            CostBasis::Model | CostBasis::Unknown => 1.0,
        };
        Some(Self { median, sigma })
    }

    /// The amount times a factor.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor.max(0.0), sigma: self.sigma }
    }

    /// Mean.
    pub fn mean(self) -> f64 {
        self.median * (self.sigma * self.sigma / 2.0).exp()
    }

    /// The amount that is not exceeded with this probability.
    pub fn quantile(self, probability: f64) -> f64 {
        self.at(normal_quantile(probability))
    }

    /// The amount so many standard deviations above the median; for many amounts at one probability, of which [`normal_quantile`] is found once.
    pub(super) fn at(self, deviations: f64) -> f64 {
        if self.sigma > 0.0 { self.median * (self.sigma * deviations).exp() } else { self.median }
    }

    /// The sum of independent amounts: lognormal with the same mean and variance (Fenton and Wilkinson).
    pub fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        let (mut mean, mut variance) = (0.0, 0.0);
        for part in parts {
            let own = part.mean();
            mean += own;
            variance += own * own * (part.sigma * part.sigma).exp_m1();
        }
        if mean <= 0.0 {
            return Self::ZERO;
        }
        let square = (variance / (mean * mean)).ln_1p();
        Self { median: mean * (-square / 2.0).exp(), sigma: square.sqrt() }
    }

    /// The probability that this is more than the other, when the two have nothing to do with each other.
    pub fn exceeds(self, other: Self) -> f64 {
        if self.median <= 0.0 {
            return 0.0;
        }
        if other.median <= 0.0 {
            return 1.0;
        }
        let distance = (self.median / other.median).ln();
        let width = self.sigma.hypot(other.sigma);
        if width > 0.0 {
            normal_cumulative(distance / width)
        } else if distance > 0.0 {
            1.0
        } else {
            0.0
        }
    }
}

/// The standard normal distribution function; off by at most 1e-7 (Abramowitz and Stegun 7.1.26).
fn normal_cumulative(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let tail = terms.iter().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp() / 2.0;
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// The inverse of it, by bisection: this is to be asked once for many amounts.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    if (probability - 0.5).abs() < 1e-12 {
        return 0.0;
    }
    let (mut low, mut high) = (-6.0, 6.0);
    for _ in 0..48 {
        let middle = f64::midpoint(low, high);
        if normal_cumulative(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_gives_its_ends_back() {
        let time = Lognormal::between(2.0, 4.0, 8.0);
        assert!((time.quantile(0.1) - 2.0).abs() < 1e-4, "{time:?}");
        assert!((time.quantile(0.9) - 8.0).abs() < 1e-4, "{time:?}");
    }

    #[test]
    fn a_sum_keeps_mean_and_variance() {
        let parts = [Lognormal { median: 3.0, sigma: 0.4 }, Lognormal { median: 5.0, sigma: 0.8 }];
        let sum = Lognormal::sum(parts);
        let variance = |part: Lognormal| part.mean().powi(2) * (part.sigma.powi(2)).exp_m1();
        assert!((sum.mean() - parts[0].mean() - parts[1].mean()).abs() < 1e-9);
        assert!((variance(sum) - variance(parts[0]) - variance(parts[1])).abs() < 1e-9);
        assert_eq!(Lognormal::sum([Lognormal::ZERO]), Lognormal::ZERO);
    }

    #[test]
    fn the_wider_one_is_less_surely_more() {
        let price = Lognormal::exactly(1.0);
        let sure = Lognormal { median: 2.0, sigma: 0.1 }.exceeds(price);
        let unsure = Lognormal { median: 2.0, sigma: 2.0 }.exceeds(price);
        assert!(sure > 0.999 && unsure > 0.5 && unsure < 0.7, "{sure} {unsure}");
        assert!((Lognormal::exactly(1.0).exceeds(Lognormal { median: 1.0, sigma: 0.3 }) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn an_unknown_time_is_not_zero() {
        assert_eq!(Lognormal::of(&Cost::unknown()), None);
    }
}
