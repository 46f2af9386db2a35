use nbhoist_tests::simulation::*;
use nbhoist_tests::random::Random;
use nbhoist_analyzer::placement::{policy::{Policy, TUNE}, Preferences};
fn main() {
    let mut random = Random::new(sessions::Purpose::Tuning.seed() + 1);
    let model = notebooks::Model::new(notebooks::Domain::ALL[1], 1.0, &mut random);
    let session = sessions::Session::new(sessions::Way::Linear, sessions::Purpose::Tuning, &model, &mut random);
    let truth = world::Truth::new(&model, &session, &mut random);
    let place = world::place(4.0, 1.25e6, 0.1);
    println!("{:?}", model.bytes);
    println!("{truth:?}");
    for (policy, short) in [(Policy::Cell, 0.3_f64), (Policy::Optimal, 0.3), (Policy::Optimal, 0.99)] {
        TUNE[0].store(short.to_bits(), std::sync::atomic::Ordering::Relaxed);
        let prefs = Preferences { rerun: true, risk: 0.5, ..Preferences::default() };
        let log = world::replay(&model, &session, &truth, policy, &place, &prefs);
        for (k, s) in log.iter().enumerate() { println!("{} {k} cell {} here {:.1} took {:.1} there {:.1} bytes {:.1}", policy.as_str(), truth.runs[k] + 1, truth.seconds[k], s.seconds, s.there, s.bytes / 1e6); }
    }
}
