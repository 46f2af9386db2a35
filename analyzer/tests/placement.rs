//! Decisions on notebooks: what moves, what stays, and the numbers that are given for it.

use nbhoist_analyzer::notebook::{Cell, Notebook};
use nbhoist_analyzer::placement::{Place, Price, Sees, Work};
use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::{After, Analysis, Request, analyze, percent};

/// A machine eight times as fast behind a link of 80 MB/s.
fn fast() -> Place {
    Place {
        speed: [(Work::Cpu, 8.0)].into(),
        up: Some(80e6),
        down: Some(80e6),
        latency: 0.02,
        start_up: 0.5,
        overhead: 0.1,
        ..Place::new("box")
    }
}

/// A notebook of cells with the seconds that they took when it was saved.
fn notebook(cells: &[(&str, f64)]) -> Notebook {
    let source: Vec<String> = cells.iter().map(|(source, _)| format!("# %%\n{source}\n")).collect();
    let mut notebook = percent::read(&source.join("\n"));
    for (cell, (_, seconds)) in notebook.cells.iter_mut().zip(cells) {
        let cell: &mut Cell = cell;
        cell.saved_seconds = Some(*seconds).filter(|seconds| *seconds > 0.0);
    }
    notebook
}

const TRAIN: [(&str, f64); 4] = [
    ("import numpy as np\nnames = ['a', 'b']", 0.2),
    ("grid = np.zeros((1000, 1000))", 0.1),
    ("def fit(x):\n    return x.sum()\ntotal = fit(grid)", 60.0),
    ("print(total, names)", 0.01),
];

fn with(cells: &[(&str, f64)], places: Vec<Place>, change: impl FnOnce(&mut Request<'_>), look: impl FnOnce(&Analysis)) {
    let notebook = notebook(cells);
    let mut request = Request::new(&notebook);
    request.placement.places = places;
    request.placement.sizes = [("grid".to_owned(), 800_000_000), ("total".to_owned(), 100)].into();
    change(&mut request);
    look(&analyze(&request));
}

fn first(plan: &Plan) -> &str {
    plan.decision.because.first().map_or("", |because| because.text.as_str())
}

#[test]
fn a_long_block_moves_and_says_when_it_would_not() {
    with(
        &TRAIN,
        vec![fast()],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert_eq!(plan.decision.executor, "box", "{:?}", plan.decision);
            // 7.5 s to run, 10 s on the link and 8 s to pack and unpack 800 MB, 0.68 s to start.
            assert_eq!(
                first(&plan),
                "60 s here, 26 s on `box` (7.5 s to run, 18 s to send 800 MB, 680 ms to start): moves if the link is above 23 MB/s; yours is 80"
            );
            let [here, there] = &plan.estimates[..] else { panic!("{:?}", plan.estimates) };
            assert_eq!((here.executor.as_str(), there.executor.as_str()), ("here", "box"));
            assert!((there.seconds.unwrap() - 7.5).abs() < 1e-9 && (there.transfer_in.unwrap() - 18.0).abs() < 1e-9);
            let total = there.seconds.unwrap() + there.transfer_in.unwrap() + there.transfer_out.unwrap() + there.overhead.unwrap();
            assert!((plan.decision.gain.unwrap() - 60.0 / total).abs() < 0.01);
        },
    );
}

#[test]
fn the_break_even_is_where_the_decision_turns() {
    let chosen = |rate: f64| {
        let mut chosen = String::new();
        let place = Place { up: Some(rate), down: Some(rate), ..fast() };
        with(&TRAIN, vec![place], |_| {}, |analysis| chosen = analysis.plan(&[3], After::FollowingCells).decision.executor);
        chosen
    };
    assert_eq!((chosen(22e6).as_str(), chosen(24e6).as_str()), ("here", "box"));
}

#[test]
fn a_slow_link_keeps_it_here() {
    let slow = Place { up: Some(1e6), down: Some(1e6), ..fast() };
    with(
        &TRAIN,
        vec![slow],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert_eq!((plan.decision.executor.as_str(), plan.decision.gain), ("here", None));
            assert!(first(&plan).ends_with("would move if the link were above 23 MB/s; yours is 1.0"), "{}", first(&plan));
        },
    );
}

#[test]
fn what_the_cache_holds_is_not_sent_again() {
    let cached = Place { up: Some(1e6), holds: [("grid".to_owned(), 800_000_000)].into(), ..fast() };
    with(
        &TRAIN,
        vec![cached],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert_eq!(plan.decision.executor, "box", "{:?}", plan.decision);
        },
    );
}

#[test]
fn code_that_may_run_again_is_not_sent_as_data() {
    let slow = || Place { up: Some(1e6), down: Some(1e6), ..fast() };
    with(
        &TRAIN,
        vec![slow()],
        |request| request.placement.preferences.rerun = true,
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert_eq!(plan.decision.executor, "box", "{:?}", plan.decision);
            assert!(first(&plan).contains("running cell 2 there again in place of sending `grid`"), "{}", first(&plan));
        },
    );
    // Random numbers would be others there.
    let mut random = TRAIN;
    random[1].0 = "grid = np.random.rand(1000, 1000)";
    with(
        &random,
        vec![slow()],
        |request| request.placement.preferences.rerun = true,
        |analysis| {
            assert_eq!(analysis.plan(&[3], After::FollowingCells).decision.executor, "here");
        },
    );
    // So would what another cell has changed since.
    let mut changed = TRAIN.to_vec();
    changed.insert(2, ("grid[0] = 1", 0.1));
    with(
        &changed,
        vec![slow()],
        |request| request.placement.preferences.rerun = true,
        |analysis| {
            assert_eq!(analysis.plan(&[4], After::FollowingCells).decision.executor, "here");
        },
    );
}

#[test]
fn a_refusal_stands_whatever_is_offered() {
    let mut stays = TRAIN;
    stays[2].0 = "answer = input()\ntotal = grid.sum()";
    with(
        &stays,
        vec![fast()],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert!(plan.refusal.is_some());
            assert_eq!(plan.decision.executor, "here");
        },
    );
}

#[test]
fn a_place_that_lacks_something_is_left_out() {
    let reason = |place: Place, cells: &[(&str, f64)]| {
        let mut reason = String::new();
        with(
            cells,
            vec![place],
            |_| {},
            |analysis| {
                let plan = analysis.plan(&[3], After::FollowingCells);
                assert_eq!(plan.decision.executor, "here", "{:?}", plan.decision);
                reason = first(&plan).to_owned();
            },
        );
        reason
    };
    let mut numpy = TRAIN;
    numpy[2].0 = "total = np.sum(grid)";
    assert_eq!(reason(Place { installed: Some(vec![]), ..fast() }, &numpy), "`box` is left out: `numpy` is not installed there");
    let small = Place { memory: Some(1_000_000), ..fast() };
    assert_eq!(reason(small, &TRAIN), "`box` is left out: the block's inputs take 800 MB, and it has 1.0 MB of memory");
    let mut file = TRAIN;
    file[2].0 = "total = open(names[0]).read() + str(grid)";
    assert!(reason(fast(), &file).contains("a file whose path is known only when it runs"), "{}", reason(fast(), &file));
    let here = Place { sees: Sees::Everything, ..fast() };
    with(&file, vec![here], |_| {}, |analysis| assert_eq!(analysis.plan(&[3], After::FollowingCells).decision.executor, "box"));
}

#[test]
fn money_is_spent_only_when_waiting_is_worth_it() {
    let paid = || Place { price: Some(Price { amount: 4.0, currency: "EUR".to_owned() }), ..fast() };
    let decide = |waiting: Option<(f64, &str)>| {
        let mut decision = None;
        let change = |request: &mut Request<'_>| {
            request.placement.preferences.waiting = waiting.map(|(amount, currency)| Price { amount, currency: currency.to_owned() });
        };
        with(&TRAIN, vec![paid()], change, |analysis| decision = Some(analysis.plan(&[3], After::FollowingCells).decision));
        let decision = decision.unwrap();
        (decision.executor, decision.because[0].text.clone())
    };
    assert_eq!(decide(None).0, "here");
    assert!(decide(None).1.contains("`price-of-waiting`"));
    assert_eq!(decide(Some((20.0, "EUR"))).0, "box");
    assert_eq!(decide(Some((2.0, "EUR"))).0, "here");
    assert!(decide(Some((20.0, "USD"))).1.contains("given in USD"));
}

#[test]
fn an_unknown_time_moves_nothing() {
    let mut unknown = TRAIN;
    // Neither ran nor can be read.
    unknown[2] = (")]}", 0.0);
    with(
        &unknown,
        vec![fast()],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert_eq!(plan.decision.executor, "here");
            assert!(first(&plan).starts_with("how long cell 3 takes is not known"), "{}", first(&plan));
        },
    );
}

#[test]
fn blocks_are_found_and_the_better_place_is_taken() {
    let cells = [
        ("import numpy as np\nraw = list(range(10))", 0.2),
        ("table = [x * 2 for x in raw]", 12.0),
        ("model = sum(table)", 30.0),
        ("score = model / len(table)", 20.0),
        ("print(score)", 0.1),
    ];
    let slower = Place { speed: [(Work::Cpu, 2.0)].into(), ..Place { name: "slow".to_owned(), ..fast() } };
    with(
        &cells,
        vec![slower, fast()],
        |_| {},
        |analysis| {
            let plans = analysis.plans();
            assert!([2, 3, 4].iter().all(|cell| plans[0].cells.contains(cell)), "{:?}", plans[0].cells);
            assert_eq!(plans[0].decision.executor, "box");
            assert!(plans.windows(2).all(|pair| pair[0].decision.gain >= pair[1].decision.gain));
        },
    );
}

#[test]
fn without_places_nothing_is_decided() {
    with(
        &TRAIN,
        vec![],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[3], After::FollowingCells);
            assert_eq!((plan.decision.executor.as_str(), plan.decision.because.len(), plan.estimates.len()), ("here", 0, 1));
            assert_eq!(plan.estimates[0].seconds, None);
        },
    );
}

#[test]
fn a_cell_that_only_imports_never_moves_by_itself() {
    let cells = [
        ("'''Libraries.'''\n%matplotlib inline\nimport numpy as np\nfrom os import path", 60.0),
        ("import numpy as np\ntotal = np.zeros(9).sum()", 60.0),
    ];
    with(
        &cells,
        vec![fast()],
        |_| {},
        |analysis| {
            let plan = analysis.plan(&[1], After::FollowingCells);
            assert_eq!((plan.decision.executor.as_str(), first(&plan)), ("here", "it only imports, which every place does for itself"));
            assert_eq!(analysis.plan(&[2], After::FollowingCells).decision.executor, "box");
            assert!(analysis.only_imports(1) && !analysis.only_imports(2));
            assert!(analysis.plans().iter().all(|plan| plan.decision.executor == "here" || plan.cells == [2]));
        },
    );
}
