//! The minimum cut against trying everything, on small random graphs.

use nbhoist_analyzer::placement::{many, two};
use nbhoist_tests::random::Random;
use two::Run;

const GRAPHS: usize = 1000;

fn random_run(random: &mut Random) -> Run {
    if random.chance(0.1) { Run::Never } else { Run::Takes(random.below(100) as u64) }
}

fn random_problem(random: &mut Random) -> two::Problem {
    let (past, ahead) = (random.below(3), 1 + random.below(5));
    let mut problem = two::Problem { from_there: random.chance(0.3), ..two::Problem::default() };
    let cost = |random: &mut Random| (!random.chance(0.15)).then(|| random.below(80) as u64);
    for _ in 0..random.below(4) {
        let owed = random.below(40) as u64;
        let (here, there) = (random.chance(0.9), random.chance(0.3));
        problem.values.push(two::Value { maker: None, here, there, send: cost(random), fetch: cost(random), owed });
    }
    for index in 0..past + ahead {
        let done = index < past;
        let (here, there) = match (done, random.chance(0.5)) {
            (true, true) => (Run::Done, random_run(random)),
            (true, false) => (random_run(random), Run::Done),
            (false, _) => (random_run(random), random_run(random)),
        };
        let reads = (0..problem.values.len()).filter(|_| random.chance(0.35)).collect();
        problem.steps.push(two::Step {
            here,
            there,
            reads,
            twice: random.chance(0.6),
            ahead: !done,
            crossing: random.below(20) as u64,
            start_up: random.below(30) as u64,
        });
        for _ in 0..random.below(3) {
            let lost = random.chance(0.2);
            let owed = if random.chance(0.5) { random.below(60) as u64 } else { 0 };
            problem.values.push(two::Value {
                maker: Some(index),
                here: here == Run::Done && !lost,
                there: there == Run::Done && !lost,
                send: cost(random).filter(|_| !lost),
                fetch: cost(random).filter(|_| !lost),
                owed,
            });
        }
    }
    problem
}

/// Where the steps run: (here, there), for each of them.
fn cost(problem: &two::Problem, runs: &[(bool, bool)]) -> Option<u64> {
    let mut cost = 0;
    for (step, &(here, there)) in problem.steps.iter().zip(runs) {
        let planned_both = step.here != Run::Done && step.there != Run::Done && here && there;
        if !(here || there) || (planned_both && !step.twice) {
            return None;
        }
        for (runs, run) in [(here, step.here), (there, step.there)] {
            match run {
                Run::Takes(takes) if runs => cost += takes,
                Run::Never if runs => return None,
                Run::Done if !runs => return None,
                _ => {}
            }
        }
    }
    let mut before = problem.from_there;
    for (step, (here, _)) in problem.steps.iter().zip(runs).filter(|(step, _)| step.ahead) {
        cost += if !here && !before { step.crossing } else { 0 };
        before = !here;
    }
    let started = problem.steps.iter().zip(runs).filter(|(step, (_, there))| *there && step.there != Run::Done);
    cost += started.map(|(step, _)| step.start_up).max().unwrap_or(0);
    for (index, value) in problem.values.iter().enumerate() {
        let maker = value.maker.map(|maker| (&problem.steps[maker], runs[maker]));
        let reads = |step: &two::Step| step.reads.contains(&index);
        let now = |run: Run, runs: bool| runs && matches!(run, Run::Takes(_));
        let wanted_there = problem.steps.iter().zip(runs).any(|(step, (_, there))| reads(step) && now(step.there, *there));
        let made_there = maker.is_some_and(|(step, (_, there))| now(step.there, there));
        if wanted_there && !value.there && !made_there {
            cost += value.send?;
        }
        let wanted_here = problem.steps.iter().zip(runs).any(|(step, (here, _))| reads(step) && now(step.here, *here));
        let made_here = maker.is_some_and(|(step, (here, _))| now(step.here, here));
        if !value.here && !made_here {
            cost += match (wanted_here, value.fetch) {
                (true, fetch) => fetch?,
                (false, fetch) => value.owed.min(fetch.unwrap_or(u64::MAX)),
            };
        }
    }
    Some(cost)
}

fn cheapest(problem: &two::Problem) -> Option<u64> {
    let count = 3_usize.pow(problem.steps.len() as u32);
    let runs = |code: usize| -> Vec<(bool, bool)> {
        (0..problem.steps.len()).map(|index| [(true, false), (false, true), (true, true)][code / 3_usize.pow(index as u32) % 3]).collect()
    };
    (0..count).filter_map(|code| cost(problem, &runs(code))).min()
}

#[test]
fn the_cut_equals_exhaustive_search() {
    let mut random = Random::new(1977);
    let (mut solved, mut split, mut reran) = (0, 0, 0);
    for graph in 0..GRAPHS {
        let problem = random_problem(&mut random);
        let found = problem.solve();
        assert_eq!(found.as_ref().map(|found| found.cost), cheapest(&problem), "graph {graph}: {problem:?}");
        let Some(found) = found else { continue };
        let runs: Vec<(bool, bool)> = found.here.iter().copied().zip(found.there.iter().copied()).collect();
        assert_eq!(cost(&problem, &runs), Some(found.cost), "graph {graph}: the choices cost what is said");
        solved += 1;
        split += usize::from(found.here.contains(&true) && found.here.contains(&false));
        reran += usize::from(found.ways.contains(&Some(two::Way::Rerun)));
    }
    // Otherwise the graphs would say little.
    assert!(solved > 500 && split > 100 && reran > 30, "{solved} {split} {reran}");
}

fn random_many(random: &mut Random) -> many::Problem {
    let places = 3 + random.below(2);
    let (steps, mut values) = (2 + random.below(4), Vec::new());
    let value = |maker, random: &mut Random| many::Value {
        maker,
        held: (0..places).map(|place| place == 0 || random.chance(0.2)).collect(),
        send: (0..places).map(|_| random.below(60) as u64).collect(),
        fetch: (0..places).map(|_| random.below(60) as u64).collect(),
        wanted: random.chance(0.4),
    };
    for _ in 0..random.below(3) {
        values.push(value(None, random));
    }
    let mut problem = many::Problem {
        crossing: (0..places).map(|place| if place == 0 { 0 } else { random.below(20) as u64 }).collect(),
        start_up: (0..places).map(|place| if place == 0 { 0 } else { random.below(30) as u64 }).collect(),
        ..many::Problem::default()
    };
    for index in 0..steps {
        let reads = (0..values.len()).filter(|_| random.chance(0.4)).collect();
        let takes = (0..places).map(|place| (place == 0 || !random.chance(0.1)).then(|| random.below(100) as u64)).collect();
        problem.steps.push(many::Step { takes, reads });
        for _ in 0..random.below(3) {
            let made = value(Some(index), random);
            values.push(many::Value { held: vec![false; places], ..made });
        }
    }
    problem.values = values;
    problem
}

#[test]
fn expansion_moves_are_near_exhaustive_search() {
    let mut random = Random::new(2001);
    let (mut equal, mut worst, mut excess) = (0, 1.0_f64, 0.0);
    for graph in 0..GRAPHS {
        let problem = random_many(&mut random);
        let (best, found) = (problem.try_all().unwrap(), problem.expand().unwrap());
        assert_eq!(problem.cost(&found.places), Some(found.cost), "graph {graph}");
        assert!(found.cost >= best.cost && !found.exact && best.exact, "graph {graph}: {problem:?}");
        equal += usize::from(found.cost == best.cost);
        let ratio = (found.cost as f64 + 1.0) / (best.cost as f64 + 1.0);
        (worst, excess) = (worst.max(ratio), excess + ratio - 1.0);
    }
    println!("expansion moves: {equal} of {GRAPHS} optimal, mean excess {:.2}%, worst {worst:.2} times", excess / 10.0);
    assert!(equal >= GRAPHS * 9 / 10 && worst < 1.6, "{equal} {worst}");
}

/// With one place besides here, what calls itself exact is.
#[test]
fn one_place_is_exact() {
    let mut random = Random::new(5);
    for graph in 0..GRAPHS {
        let mut problem = random_many(&mut random);
        problem.crossing.truncate(2);
        problem.start_up.truncate(2);
        problem.steps.iter_mut().for_each(|step| step.takes.truncate(2));
        for value in &mut problem.values {
            [&mut value.send, &mut value.fetch].into_iter().for_each(|list| list.truncate(2));
            value.held.truncate(2);
        }
        let found = problem.expand().unwrap();
        assert_eq!((found.cost, found.exact), (problem.try_all().unwrap().cost, true), "graph {graph}");
    }
}
