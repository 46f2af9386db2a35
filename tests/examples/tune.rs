use nbhoist_analyzer::placement::{Preferences, policy::Policy};
use nbhoist_tests::random::Random;
use nbhoist_tests::simulation::*;
fn main() {
    for purpose in [sessions::Purpose::Tuning, sessions::Purpose::Scoring] {
        if purpose == sessions::Purpose::Scoring && std::env::args().nth(1).is_none() {
            continue;
        }
        for way in sessions::Way::ALL {
            let s = scoring::scores(way, purpose, 150);
            let m: Vec<String> = (0..5).map(|k| format!("{:.3}", s.iter().map(|x| x[k]).sum::<f64>() / s.len() as f64)).collect();
            let lose: Vec<usize> = (0..3).map(|k| s.iter().filter(|x| x[4] < x[k] - 1e-9).count()).collect();
            println!("{purpose:?} {:22} {m:?} loses {lose:?}", way.as_str());
        }
    }
    let prefs = Preferences { rerun: true, ..Preferences::default() };
    for weight in [0.05, 1.0, 10.0] {
        for (rate, lat) in [(1.25e6, 0.1), (12.5e6, 0.02), (125e6, 0.005), (1.25e9, 0.001)] {
            for way in sessions::Way::ALL {
                let mut line = String::new();
                let mut worst = f64::MAX;
                let mut to_oracle = vec![];
                let mut over = 0;
                let n = 9;
                let mut sums = [0.0; 8];
                for seed in 0..n {
                    let mut random = Random::new(sessions::Purpose::Tuning.seed() + seed);
                    let model = notebooks::Model::new(notebooks::Domain::ALL[seed as usize % 3], weight, &mut random);
                    let session = sessions::Session::new(way, sessions::Purpose::Tuning, &model, &mut random);
                    let truth = world::Truth::new(&model, &session, &mut random);
                    let place = world::place(4.0, rate, lat);
                    let mut opt = 0.0;
                    let mut all = [0.0; 8];
                    for (k, policy) in Policy::ALL.into_iter().enumerate() {
                        let s: f64 = world::replay(&model, &session, &truth, policy, &place, &prefs).iter().map(|s| s.seconds).sum();
                        sums[k] += truth.never() / s / n as f64;
                        all[k] = s;
                        if policy == Policy::Optimal {
                            opt = s;
                            worst = worst.min(truth.never() / s);
                        }
                        if policy == Policy::Oracle {
                            to_oracle.push(s / opt);
                        }
                    }
                    if all.iter().any(|s| *s < all[7] - 1e-3) {
                        over += 1;
                    }
                }
                to_oracle.sort_by(f64::total_cmp);
                for (p, s) in Policy::ALL.iter().zip(sums) {
                    line += &format!("{} {s:.2} ", p.as_str());
                }
                println!(
                    "w{weight} {:.0}M {:20} {line} | worst {worst:.3} oracle/opt median {:.3} min {:.3} below-oracle {over}",
                    rate / 1e6,
                    way.as_str(),
                    to_oracle[to_oracle.len() / 2],
                    to_oracle[0]
                );
            }
        }
    }
}
