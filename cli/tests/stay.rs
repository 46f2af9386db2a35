//! `run --on auto`: what the next cells use only elsewhere stays there until a cell here names it.

#![cfg(unix)]

mod common;

use common::auto::{Bed, HERE, executors};

#[test]
fn what_is_used_only_there_stays_and_does_not_travel() {
    let Some(bed) = Bed::new() else { return };
    let cells = [
        ("import numpy as np\nn = 400_000", 0.1),
        ("big = np.arange(float(n))", 60.0),
        (HERE, 0.1),
        ("total = float(big.sum())", 60.0),
        ("print(total)", 0.1),
    ];
    let (report, printed) = bed.report(&cells);
    assert_eq!(executors(&report), ["box", "box", "here", "box", "box"], "{report:#}");
    let moved = report["migrations"].as_array().unwrap();
    assert!(moved[0]["stayed"]["big"].as_u64().unwrap() > 3_000_000 && moved[0]["returned_bytes"].as_u64().unwrap() < 10_000, "{report:#}");
    assert!(moved[1]["there"]["big"].as_u64().unwrap() > 3_000_000 && moved[1]["shipped_bytes"].as_u64().unwrap() < 10_000, "{report:#}");
    assert_eq!(printed[4], "79999800000.0\n");
    assert_eq!(bed.left(), 0, "the run removes what it left there");
}

#[test]
fn a_cell_here_that_may_read_it_fetches_it_first() {
    let Some(bed) = Bed::new() else { return };
    let reads = format!("{HERE}\nprint(int(sys._getframe().f_globals[chr(98) + 'ig'][7]))");
    let cells = [
        ("import numpy as np\nbig = np.arange(400_000.0)", 60.0),
        (&*reads, 0.1),
        ("total = float(big.sum())", 60.0),
        ("print(total)", 0.1),
    ];
    let (report, printed) = bed.report(&cells);
    let moved = report["migrations"].as_array().unwrap();
    assert_eq!(moved[0]["stayed"].as_object().unwrap().len(), 1, "{report:#}");
    // From here on it is here: what follows has to send it, or stays.
    assert_eq!(moved.get(1).map_or(0, |moved| moved["there"].as_object().unwrap().len()), 0, "{report:#}");
    assert_eq!((&*printed[1], &*printed[3]), ("True\n7\n", "79999800000.0\n"));
    let said = bed.run(&cells, &[]);
    assert!(said.out.contains("`big` came home from `box`: 3.2 MB in"), "{}", said.out);
    assert!(said.out.contains("stayed there         3.2 MB  (big)"), "{}", said.out);
}

#[test]
fn a_value_that_is_gone_there_stops_the_run_with_what_to_do() {
    let Some(bed) = Bed::new() else { return };
    let cache = bed.place.path().join("cache");
    let lose = format!("{HERE}\nimport shutil\nshutil.rmtree({cache:?})");
    let make = "import numpy as np\nbig = np.arange(400_000.0)";
    let there = bed.run(&[(make, 60.0), (&*lose, 0.1), ("total = float(big.sum())", 60.0), ("print(total)", 0.1)], &[]);
    assert_ne!(there.code, Some(0));
    assert!(there.errors.contains("`big` had stayed there, and is gone") && there.errors.contains("run cell 1 again"), "{}", there.errors);

    let touch = format!("{HERE}\nprint('begins')\nprint('begins', sys._getframe().f_globals[chr(98) + 'ig'])");
    let cells = [(make, 60.0), (&*lose, 0.1), (&*touch, 0.1), ("total = float(big.sum())", 60.0), ("print(total)", 0.1)];
    let here = bed.run(&cells, &["--output-format", "json"]);
    assert_eq!(here.code, Some(1), "{}", here.errors);
    assert!(here.errors.contains("StaysAway") && here.errors.contains("Run cell 1 again"), "{}", here.errors);
    assert!(!bed.place.read("b.ipynb").contains("begins\\n\""), "the cell does not begin");
}
