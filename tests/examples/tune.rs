use nbhoist_analyzer::placement::{
    Preferences,
    policy::{Policy, TUNE},
};
use nbhoist_tests::random::Random;
use nbhoist_tests::simulation::*;
fn main() {
    for way in sessions::Way::ALL {
        let s = scoring::scores(way, sessions::Purpose::Tuning, 100);
        let m: Vec<String> = (0..5).map(|k| format!("{:.3}", s.iter().map(|x| x[k]).sum::<f64>() / s.len() as f64)).collect();
        println!("{:22} {m:?}", way.as_str());
    }
    if std::env::args().nth(1).is_some() {
        return;
    }
    let combos: Vec<(f64, f64, f64, f64)> = vec![
        (0.7, 0.05, 0.0, 0.5),
        (0.5, 0.2, 0.0, 0.5),
        (0.5, 0.1, 1.0, 0.5),
        (0.5, 0.2, 1.0, 0.5),
        (0.5, 0.3, 1.0, 0.5),
        (0.5, 0.2, 1.0, 0.9),
        (0.5, 0.45, 1.0, 0.5),
    ];
    let mut res: Vec<Vec<(f64, f64, f64)>> = vec![vec![]; combos.len()];
    let mut cell = vec![];
    for weight in [0.05, 1.0, 10.0] {
        for (rate, lat) in [(1.25e6, 0.1), (12.5e6, 0.02), (125e6, 0.005), (1.25e9, 0.001)] {
            for way in sessions::Way::ALL {
                for seed in 0..3 {
                    let mut random = Random::new(sessions::Purpose::Tuning.seed() + seed);
                    let model = notebooks::Model::new(notebooks::Domain::ALL[seed as usize % 3], weight, &mut random);
                    let session = sessions::Session::new(way, sessions::Purpose::Tuning, &model, &mut random);
                    let truth = world::Truth::new(&model, &session, &mut random);
                    let place = world::place(4.0, rate, lat);
                    let run = |policy, risk| -> f64 {
                        let prefs = Preferences { rerun: true, risk, ..Preferences::default() };
                        world::replay(&model, &session, &truth, policy, &place, &prefs).iter().map(|s| s.seconds).sum()
                    };
                    let oracle = run(Policy::Oracle, 0.5);
                    let c = run(Policy::Cell, 0.5);
                    cell.push((weight, oracle / c, truth.never() / c));
                    for (k, (risk, short, mean, later)) in combos.iter().enumerate() {
                        for (t, v) in TUNE.iter().zip([short, mean, later]) {
                            t.store(v.to_bits(), std::sync::atomic::Ordering::Relaxed);
                        }
                        let s = run(Policy::Optimal, *risk);
                        res[k].push((weight, oracle / s, truth.never() / s));
                    }
                }
            }
        }
    }
    let show = |name: String, r: &Vec<(f64, f64, f64)>| {
        let med = |w: Option<f64>| {
            let mut v: Vec<f64> = r.iter().filter(|x| w.is_none_or(|w| w == x.0)).map(|x| x.1).collect();
            v.sort_by(f64::total_cmp);
            v[v.len() / 2]
        };
        let worst = r.iter().map(|x| x.2).fold(f64::MAX, f64::min);
        println!(
            "{name} median {:.3} by weight {:.3} {:.3} {:.3} worst {worst:.3} below {}",
            med(None),
            med(Some(0.05)),
            med(Some(1.0)),
            med(Some(10.0)),
            r.iter().filter(|x| x.2 < 0.95).count()
        );
    };
    show("cell".into(), &cell);
    for (k, c) in combos.iter().enumerate() {
        show(format!("{c:?}"), &res[k]);
    }
}
