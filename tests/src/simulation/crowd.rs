//! Many users and few executors: who waits, and what runs out first.
//!
//! Users think, run the next cell of their session, and think again. A run that goes elsewhere takes a slot of an executor for as long as it
//! works there; slots are given out first come, first served.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::quantile;
use super::world::Spent;
use crate::random::Random;

/// Executors.
pub const EXECUTORS: usize = 50;
/// Runs that one works on at a time.
pub const SLOTS: usize = 8;
/// Bytes a second into and out of one.
pub const LINK: f64 = 1.25e9;
/// Bytes of memory of one.
pub const MEMORY: f64 = 256e9;
/// Seconds that are simulated.
const PERIOD: f64 = 2.0 * 3600.0;
/// Seconds between the end of a cell and the start of the next one: median, deviation of the logarithm.
const THINKING: (f64, f64) = (25.0, 1.0);

/// One run of a session: seconds here, and what it took under the policy.
pub type Script = Vec<(f64, Spent)>;

/// What came out.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Users.
    pub users: usize,
    /// Time when everything runs here over the time that it took.
    pub gain: f64,
    /// Seconds that a run waits for a slot: half of them, 99% of them at most.
    pub wait: (f64, f64),
    /// Share of the slots that are in use, of the links, of the memory at its fullest.
    pub used: (f64, f64, f64),
    /// Share of the runs meant for elsewhere that ran here after all.
    pub kept: f64,
}

struct User {
    script: usize,
    at: usize,
    resident: f64,
    random: Random,
}

/// So many users for two hours; `aware` ones run a cell here when waiting for a slot would take longer.
pub fn crowd(scripts: &[Script], users: usize, aware: bool) -> Outcome {
    let mut random = Random::new(50);
    let mut next: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut all: Vec<User> = (0..users)
        .map(|user| {
            next.push(Reverse((micros(random.unit() * 600.0), user)));
            User { script: random.below(scripts.len()), at: 0, resident: 0.0, random: Random::new(1000 + user as u64) }
        })
        .collect();
    let mut slots: BinaryHeap<Reverse<u64>> = (0..EXECUTORS * SLOTS).map(|_| Reverse(0)).collect();
    let (mut waits, mut here, mut spent, mut busy, mut bytes) = (Vec::new(), 0.0, 0.0, 0.0, 0.0);
    let (mut resident, mut fullest, mut meant, mut kept) = (0.0_f64, 0.0_f64, 0.0, 0.0);
    while let Some(Reverse((now, index))) = next.pop() {
        if now > micros(PERIOD) {
            break;
        }
        let user = &mut all[index];
        let (alone, step) = scripts[user.script][user.at];
        let mut took = step.seconds;
        if step.there > 0.0 {
            meant += 1.0;
            let free = slots.peek().map_or(now, |Reverse(free)| (*free).max(now));
            let wait = (free - now) as f64 / 1e6;
            // State travels either way.
            let stayed = alone + step.seconds - step.there;
            if aware && stayed < step.seconds + wait {
                took = stayed;
                kept += 1.0;
            } else {
                took += wait;
                waits.push(wait);
                slots.pop();
                slots.push(Reverse(free + micros(step.there)));
                busy += step.there;
            }
        }
        bytes += step.bytes;
        user.resident += step.bytes;
        resident += step.bytes;
        fullest = fullest.max(resident);
        here += alone;
        spent += took;
        user.at += 1;
        if user.at == scripts[user.script].len() {
            resident -= user.resident;
            (user.at, user.resident) = (0, 0.0);
            user.script = user.random.below(scripts.len());
        }
        let thinking = user.random.lognormal(THINKING.0, THINKING.1);
        next.push(Reverse((now + micros(took + thinking), index)));
    }
    let wait = |share| if waits.is_empty() { 0.0 } else { quantile(waits.iter().copied(), share) };
    let count = EXECUTORS as f64;
    Outcome {
        users,
        gain: here / spent,
        wait: (wait(0.5), wait(0.99)),
        used: (busy / (PERIOD * count * SLOTS as f64), bytes / (PERIOD * count * LINK), fullest / (count * MEMORY)),
        kept: kept / f64::max(meant, 1.0),
    }
}

#[expect(clippy::cast_sign_loss, reason = "times are not negative")]
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}
