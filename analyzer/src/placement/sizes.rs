//! How large values are, and how long they take on the way.

use super::{Lognormal, Options, Place};
use crate::report::{self, ValueKind};

/// Bytes a second at which state is packed on one side and unpacked on the other; cloudpickle with compression of what compresses.
pub(super) const PACKING: f64 = 200e6;

/// Round trips that a block adds: greeting, state, start, result.
const ROUND_TRIPS: f64 = 4.0;

/// Bytes of data of which nothing is known: the median, and the ends of an 80% interval.
const DATA: [f64; 3] = [1e3, 1e5, 1e7];

/// How many times as large as all that it is made of a value may well be.
const UNPACKED: f64 = 4.0;

/// A size, with whether it was measured or follows from the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) bytes: Lognormal,
    pub(super) known: bool,
}

/// The size of a value of which nothing is known: small for code, for data anything from a number to a table.
pub(super) fn assumed(kind: ValueKind) -> Lognormal {
    match kind {
        ValueKind::Function => Lognormal::between(500.0, 2e3, 8e3),
        ValueKind::Class => Lognormal::between(1e3, 5e3, 25e3),
        ValueKind::Data | ValueKind::Unknown => {
            let [low, median, high] = DATA;
            Lognormal::between(low, median, high)
        }
    }
}

/// The size of a value of which nothing is known but what the code that makes it reads, bytes: what is made of much may be as much,
/// or several times that once it is unpacked; mostly it is less.
pub(super) fn made_of(kind: ValueKind, inputs: f64) -> Lognormal {
    let [low, _, usual] = DATA;
    let high = inputs * UNPACKED;
    if matches!(kind, ValueKind::Function | ValueKind::Class) || high <= usual {
        return assumed(kind);
    }
    Lognormal::between(low, (low * high).sqrt(), high)
}

/// The size of a value by its name: measured, else what the source says of it.
pub(super) fn size(name: &str, kind: ValueKind, known: Option<&report::Size>, options: &Options) -> Size {
    match (options.sizes.get(name), known) {
        (Some(bytes), _) => Size { bytes: Lognormal::exactly(*bytes as f64), known: true },
        (None, Some(size)) => Size { bytes: Lognormal::between(size.low as f64, size.bytes as f64, size.high as f64), known: true },
        (None, None) => Size { bytes: assumed(kind), known: false },
    }
}

/// A rate, bytes per second. One that is not known may be that of a poor home line as well as that of a good office.
pub(super) fn rate(known: Option<f64>) -> Lognormal {
    known.filter(|rate| rate.is_finite() && *rate > 0.0).map_or_else(|| Lognormal::between(1e6, 1e7, 1e8), Lognormal::exactly)
}

/// Seconds for so many bytes: packed, on the way, unpacked.
pub(super) fn transfer(bytes: Lognormal, rate: Lognormal) -> Lognormal {
    if bytes.median <= 0.0 {
        return Lognormal::ZERO;
    }
    Lognormal { median: bytes.median * (1.0 / rate.median + 2.0 / PACKING), sigma: bytes.sigma.hypot(rate.sigma) }
}

/// Seconds for so many bytes to be packed and unpacked.
pub(super) fn packing(bytes: f64) -> f64 {
    bytes * 2.0 / PACKING
}

/// Seconds that every move to a place takes, whatever goes along; the start of a worker is not among them.
pub(super) fn crossing(place: &Place) -> f64 {
    place.overhead.max(0.0) + ROUND_TRIPS * place.latency.max(0.0)
}
