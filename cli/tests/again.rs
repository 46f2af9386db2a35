//! `run --on auto`: what is sooner made again elsewhere than sent there is made again, and is never taken for what is here.

#![cfg(unix)]

mod common;

use common::auto::{Bed, HERE, executors};
use serde_json::Value;

/// Numbers that no compressor makes smaller; to make them takes long enough to be weighed, 0.2 s, on a quick machine too.
const MAKE: &str = "big = np.random.default_rng(7).vonmises(0.5, 2.0, size=4_000_000)";

fn moved(report: &Value) -> &Value {
    &report["migrations"][0]
}

/// A notebook that makes `big` in this way and looks at it here, so that it is here when `total` is worked out elsewhere.
fn cells<'c>(make: &'c str, look: &'c str) -> [(&'c str, f64); 5] {
    let heavy = "total = float(big.sum())\nsame = bool(big[0] == first)\nbig[0] = 7";
    [("import numpy as np", 0.1), (make, 0.1), (look, 0.1), (heavy, 60.0), ("print(total, same, big[0], len(big))", 0.1)]
}

fn look() -> String {
    format!("{HERE}\nfirst = float(big[0])")
}

#[test]
fn what_is_sooner_made_again_is_not_sent() {
    let Some(bed) = Bed::new() else { return };
    let look = look();
    let cells = cells(MAKE, &look);
    let (report, printed) = bed.report(&cells);
    assert_eq!(executors(&report)[..4], ["here", "here", "here", "box"], "{report:#}");
    let spared = moved(&report)["made_again_bytes"].as_u64().unwrap();
    let wire = moved(&report)["shipped_wire_bytes"].as_u64().unwrap();
    assert!(spared > 31_000_000 && wire < 1_000_000, "{report:#}");
    let here = bed.place.nbhoist(&["run", "a.ipynb", "--on", "here", "--python", &bed.python, "-o", "c.ipynb"]);
    assert_eq!(here.code, Some(0), "{}", here.errors);
    assert!(printed[4].contains(" True 7.0 4000000") && bed.place.read("c.ipynb").contains(printed[4].trim()), "{printed:?}");
    let said = bed.run(&cells, &[]);
    assert!(said.out.contains("made again there      32 MB"), "{}", said.out);
    assert!(said.out.contains("`big`: made again by cell 2 on box, in place of being sent"), "{}", said.out);
}

#[test]
fn what_comes_out_differently_there_is_sent() {
    let Some(bed) = Bed::new() else { return };
    // Each process has its own hashes of texts.
    let (make, look) = ("big = np.random.default_rng(abs(hash('a'))).vonmises(0.5, 2.0, size=4_000_000)", look());
    let (report, printed) = bed.report(&cells(make, &look));
    assert_eq!(executors(&report)[3], "box", "{report:#}");
    assert_eq!(moved(&report)["made_again_bytes"].as_u64(), Some(0), "{report:#}");
    assert!(moved(&report)["shipped_wire_bytes"].as_u64().unwrap() > 20_000_000, "{report:#}");
    assert!(printed[4].contains(" True 7.0 4000000"), "{printed:?}");
}

#[test]
fn code_that_fails_there_costs_no_result() {
    let Some(bed) = Bed::new() else { return };
    let (make, look) = (format!("assert np.flag\n{MAKE}"), look());
    // What a cell does to a module is not there.
    let mut cells = cells(&make, &look);
    cells[0].0 = "import numpy as np\nnp.flag = True";
    let (report, printed) = bed.report(&cells);
    assert_eq!(moved(&report)["made_again_bytes"].as_u64(), Some(0), "{report:#}");
    assert!(printed[4].contains(" True 7.0 4000000"), "{printed:?}");
    let said = bed.run(&cells, &[]);
    assert!(
        said.out.contains("`big`: not made again by cell 2 on box")
            && said.out.replace("\n      ", " ").contains("cell 2 raised AttributeError there"),
        "{}",
        said.out
    );
}

#[test]
fn a_worker_that_dies_over_it_costs_no_result() {
    let Some(bed) = Bed::new() else { return };
    let (make, look) = (format!("if not getattr(np, 'flag', False):\n    np.ctypeslib.ctypes.string_at(0)\n{MAKE}"), look());
    let mut cells = cells(&make, &look);
    cells[0].0 = "import numpy as np\nimport numpy.ctypeslib\nnp.flag = True";
    let said = bed.run(&cells, &[]);
    assert_eq!(said.code, Some(0), "{}", said.errors);
    assert!(said.out.contains("`big`: not made again by cell 2 on box") && said.out.contains(" True 7.0 4000000"), "{}", said.out);
}
