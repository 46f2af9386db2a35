//! What the simulation promises, on a part of its grid.

use nbhoist_analyzer::placement::policy::Policy;
use nbhoist_tests::simulation::quantile;
use nbhoist_tests::simulation::report::{kept, mean, replays};
use nbhoist_tests::simulation::scoring::scores;
use nbhoist_tests::simulation::sessions::{Purpose, Way};

#[test]
fn optimal_keeps_its_promises() {
    // All links at 4 times the speed and 10 ms; 2 and 8 times at 1 Gbit.
    let all = replays(&[Policy::Optimal, Policy::Oracle], &|ratio, rate, latency| latency == 1 && (ratio == 1 || rate == 2));
    let worst = quantile(all.iter().map(|one| one.gain(Policy::Optimal)), 0.0);
    assert!(worst >= 0.95, "never worse than 0.95 of `never`: {worst}");
    let oracle = quantile(all.iter().map(|one| one.of_oracle(Policy::Optimal)), 0.5);
    assert!(oracle >= 0.9, "within 10% of `oracle` in the median: {oracle}");
    let nothing_beats = all.iter().all(|one| one.of_oracle(Policy::Optimal) < 1.0 + 1e-6 && one.of_oracle(Policy::Never) < 1.0 + 1e-6);
    assert!(nothing_beats, "the oracle is the best that can be");
    for (domain, ratio, share) in kept(&all) {
        assert!(share >= 0.8, "{} keeps {share} of ratio {ratio}", domain.as_str());
    }
}

/// The oracle is a lower bound for every policy, or it would be no oracle.
#[test]
fn no_policy_beats_the_oracle() {
    for one in replays(&Policy::ALL, &|ratio, rate, latency| (ratio, latency) == (2, 0) && rate > 1) {
        for policy in Policy::ALL {
            assert!(one.of_oracle(policy) < 1.0 + 1e-6, "{policy:?} in {one:?}");
        }
    }
}

#[test]
fn the_next_cell_is_predicted_better_than_simple_ways_do() {
    for way in Way::ALL {
        let scores = scores(way, Purpose::Scoring, 60);
        let ours = mean(&scores, 4);
        for simple in 0..3 {
            if way == Way::Linear {
                assert!(scores.iter().all(|score| score[4] >= score[simple]), "{way:?} {simple}");
            } else {
                assert!(ours > mean(&scores, simple) + 0.05, "{way:?}: {ours} against {}", mean(&scores, simple));
            }
        }
    }
}
