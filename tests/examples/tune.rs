use nbhoist_tests::simulation::*;
use nbhoist_tests::random::Random;
use nbhoist_analyzer::placement::{policy::{Policy, TUNE}, Preferences};
fn main() {
    let combos: Vec<(f64, f64, f64, f64)> = vec![(0.5, 0.3, 0.0, 0.5), (0.5, 0.3, 0.0, 0.9), (0.5, 0.99, 0.0, 0.9)];
    let mut res: Vec<Vec<(f64, f64, f64)>> = vec![vec![]; combos.len()];
    let mut cell = vec![];
    for weight in [0.05, 1.0, 10.0] {
        for (rate, lat) in [(1.25e6, 0.1), (12.5e6, 0.02), (125e6, 0.005), (1.25e9, 0.001)] {
            for way in sessions::Way::ALL {
                let from = cell.len();
                for seed in 0..3 {
                    let mut random = Random::new(sessions::Purpose::Tuning.seed() + seed);
                    let model = notebooks::Model::new(notebooks::Domain::ALL[seed as usize % 3], weight, &mut random);
                    let session = sessions::Session::new(way, sessions::Purpose::Tuning, &model, &mut random);
                    let truth = world::Truth::new(&model, &session, &mut random);
                    let place = world::place(4.0, rate, lat);
                    let run = |policy, risk| -> f64 { let prefs = Preferences { rerun: true, risk, ..Preferences::default() }; world::replay(&model, &session, &truth, policy, &place, &prefs).iter().map(|s| s.seconds).sum() };
                    let oracle = run(Policy::Oracle, 0.5);
                    let c = run(Policy::Cell, 0.5);
                    cell.push((weight, oracle / c, truth.never() / c));
                    for (k, (risk, short, mean, later)) in combos.iter().enumerate() {
                        for (t, v) in TUNE.iter().zip([short, mean, later]) { t.store(v.to_bits(), std::sync::atomic::Ordering::Relaxed); }
                        let s = run(Policy::Optimal, *risk);
                        res[k].push((weight, oracle / s, truth.never() / s));
                    }
                }
                let avg = |r: &Vec<(f64, f64, f64)>| r[from..].iter().map(|x| format!("{:.2}", x.1)).collect::<Vec<_>>().join(" ");
                if weight < 5.0 { println!("w{weight} {rate} {:20} cell {} | {} | {}", way.as_str(), avg(&cell), avg(&res[0]), avg(&res[2])); }
            }
        }
    }
    let show = |name: String, r: &Vec<(f64, f64, f64)>| {
        let med = |w: Option<f64>| { let mut v: Vec<f64> = r.iter().filter(|x| w.is_none_or(|w| w == x.0)).map(|x| x.1).collect(); v.sort_by(f64::total_cmp); v[v.len() / 2] };
        let worst = r.iter().map(|x| x.2).fold(f64::MAX, f64::min);
        println!("{name} median {:.3} by weight {:.3} {:.3} {:.3} worst {worst:.3} below {}", med(None), med(Some(0.05)), med(Some(1.0)), med(Some(10.0)), r.iter().filter(|x| x.2 < 0.95).count());
    };
    show("cell".into(), &cell);
    for (k, c) in combos.iter().enumerate() { show(format!("{c:?}"), &res[k]); }
}
