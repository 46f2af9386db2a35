//! The estimate grows as the cell does: forty cells whose true cost is known up to a factor.

use nbhoist_analyzer::measurements::{Run, Signature};
use nbhoist_analyzer::report::Cost;
use nbhoist_analyzer::{Request, analyze, percent};

/// What the last cell of a script costs.
fn cost(script: &str) -> Cost {
    let notebook = percent::read(script);
    analyze(&Request::new(&notebook)).cells.pop().expect("a cell").cost
}

fn seconds(script: &str) -> f64 {
    cost(script).seconds.unwrap_or_else(|| panic!("nothing is known of:\n{script}"))
}

/// A kind of cell, with its text and its true work for a size.
struct Family {
    name: &'static str,
    sizes: [f64; 5],
    script: fn(f64) -> String,
    work: fn(f64) -> f64,
}

const NUMPY: &str = "# %%\nimport numpy as np\n";

const FAMILIES: [Family; 8] = [
    Family {
        name: "n: a loop",
        sizes: [1e6, 4e6, 1.6e7, 6.4e7, 2.56e8],
        script: |n| format!("# %%\ntotal = 0\nfor i in range({n}):\n    total += i * i\n"),
        work: |n| n,
    },
    Family {
        name: "n: a loop in a function of another cell",
        sizes: [1e6, 3e6, 9e6, 2.7e7, 8.1e7],
        script: |n| {
            format!(
                "# %%\ndef walk(steps):\n    x = 0.0\n    for i in range(steps):\n        x = x * 0.5 + i\n    return x\n# %%\nwalk({n})\n"
            )
        },
        work: |n| n,
    },
    Family {
        name: "n log n: sorting",
        sizes: [1e6, 4e6, 1.6e7, 6.4e7, 2.56e8],
        script: |n| format!("{NUMPY}x = np.random.rand({n})\n# %%\nordered = np.sort(x)\n"),
        work: |n| n * n.log2(),
    },
    Family {
        name: "n^2: two loops",
        sizes: [1e3, 2e3, 4e3, 8e3, 1.6e4],
        script: |n| format!("# %%\nn = {n}\npairs = 0\nfor i in range(n):\n    for j in range(n):\n        pairs += i ^ j\n"),
        work: |n| n * n,
    },
    Family {
        name: "n^2: distances",
        sizes: [2e3, 4e3, 8e3, 1.6e4, 3.2e4],
        script: |n| format!("{NUMPY}from scipy.spatial.distance import pdist\nx = np.random.rand({n}, 3)\n# %%\nd = pdist(x)\n"),
        work: |n| n * n,
    },
    Family {
        name: "n^3: an inverse",
        sizes: [5e2, 1e3, 2e3, 4e3, 8e3],
        script: |n| format!("{NUMPY}n = {n}\na = np.random.rand(n, n)\n# %%\nb = np.linalg.inv(a)\n"),
        work: |n| n * n * n,
    },
    Family {
        name: "epochs x n",
        sizes: [10.0, 20.0, 40.0, 80.0, 160.0],
        script: |epochs| {
            format!(
                "{NUMPY}from tensorflow import keras\nx = np.random.rand({}, 20)\ny = np.zeros({})\nmodel = keras.Sequential([keras.layers.Dense(8)])\n\
                 model.compile(loss='mse')\n# %%\nmodel.fit(x, y, epochs={epochs})\n",
                epochs * 1000.0,
                epochs * 1000.0
            )
        },
        work: |epochs| epochs * epochs,
    },
    Family {
        name: "grid x folds",
        sizes: [2.0, 4.0, 8.0, 16.0, 32.0],
        script: |points| {
            let grid: Vec<String> = (1u32..=64).filter(|c| f64::from(*c) <= points).map(|c| c.to_string()).collect();
            let folds = 2.0 + points / 2.0;
            format!(
                "# %%\nfrom sklearn.datasets import make_classification\nfrom sklearn.model_selection import GridSearchCV\nfrom sklearn.svm import SVC\n\
                 x, y = make_classification(n_samples=5000)\nsearch = GridSearchCV(SVC(), {{'C': [{}], 'gamma': [0.1, 1]}}, cv={folds})\n# %%\nsearch.fit(x, y)\n",
                grid.join(", ")
            )
        },
        work: |points| points * (2.0 + points / 2.0),
    },
];

#[test]
fn estimates_grow_as_the_true_cost_does() {
    let (mut estimated, mut truth) = (Vec::new(), Vec::new());
    for family in &FAMILIES {
        let first = seconds(&(family.script)(family.sizes[0]));
        let mut last = 0.0;
        for size in family.sizes {
            let now = seconds(&(family.script)(size));
            assert!(now > last, "{}: {now} s at {size} after {last} s", family.name);
            last = now;
            estimated.push(now / first);
            truth.push((family.work)(size) / (family.work)(family.sizes[0]));
        }
    }
    let correlation = spearman(&estimated, &truth);
    assert_eq!(estimated.len(), 40);
    assert!(correlation >= 0.95, "rank correlation {correlation}: {estimated:?} {truth:?}");
}

#[test]
fn doubled_epochs_double_a_training_cell() {
    let train = |epochs: u32| {
        seconds(&format!(
            "# %%\nfrom tensorflow import keras\nmodel = keras.Sequential([keras.layers.Dense(8)])\nmodel.compile(loss='mse')\n# %%\n\
             model.fit(x, y, epochs={epochs})\n"
        ))
    };
    for epochs in [10, 25, 60, 200] {
        let factor = train(2 * epochs) / train(epochs);
        assert!((1.7..2.3).contains(&factor), "{epochs} epochs: {factor}");
    }
}

#[test]
fn turns_of_a_training_loop_count() {
    let train = |epochs: u32| {
        seconds(&format!(
            "# %%\nimport torch\nmodel = torch.nn.Linear(10, 1)\noptimizer = torch.optim.Adam(model.parameters())\nloss = torch.nn.MSELoss()\n\
             EPOCHS = {epochs}\n# %%\nfor epoch in range(EPOCHS):\n    for x, y in loader:\n        optimizer.zero_grad()\n        error = loss(model(x), y)\n        \
             error.backward()\n        optimizer.step()\n"
        ))
    };
    let factor = train(40) / train(20);
    assert!((1.5..2.3).contains(&factor), "{factor}");
}

/// What the last cell of a notebook with a training function takes, by what stands around the training.
fn trained(function: &str, call: &str) -> f64 {
    seconds(&format!(
        "# %%\nimport os\nimport pytorch_lightning as pl\nRETRAIN = False\nclass config:\n    tune = False\n# %%\ntrainer = pl.Trainer(max_epochs=10)\n\
         {function}\n# %%\n{call}\n"
    ))
}

#[test]
fn a_training_that_a_file_makes_needless_is_not_expected() {
    let always = trained("def train(path):\n    trainer.fit(model)\n    return load(path)", "m = train('a.ckpt')");
    let kept = [
        "def train(path):\n    if os.path.isfile(path):\n        return load(path)\n    else:\n        trainer.fit(model)",
        "def train(path):\n    if os.path.isfile(path):\n        return load(path)\n    trainer.fit(model)",
        "def train(path):\n    if not path.exists() or RETRAIN:\n        trainer.fit(model)\n    return load(path)",
        "def train(path):\n    known = os.path.exists(path) and not RETRAIN\n    if known is False:\n        trainer.fit(model)\n    return load(path)",
        "def train(path):\n    return load(path) if os.path.exists(path) else trainer.fit(model)",
        "def train(path):\n    try:\n        return load(path)\n    except FileNotFoundError:\n        trainer.fit(model)",
    ];
    for function in kept {
        let seconds = trained(function, "m = train('a.ckpt')");
        assert!(seconds < always / 4.0, "{seconds} s instead of {always} s:\n{function}");
    }
    let retrained = trained(kept[2], "RETRAIN = True\nm = train('a.ckpt')");
    assert!(retrained > always / 4.0, "{retrained} s instead of {always} s");
}

#[test]
fn what_a_flag_switches_off_does_not_count() {
    let runs = trained("", "trainer.fit(model)");
    for test in ["RETRAIN", "config.tune", "config.tune is True", "RETRAIN and not config.tune", "not (not RETRAIN)"] {
        let seconds = trained("", &format!("if {test}:\n    trainer.fit(model)"));
        assert!(seconds < runs / 4.0, "{test}: {seconds} s instead of {runs} s");
    }
    let unknown = trained("", "if somebody_knows:\n    trainer.fit(model)");
    assert!(unknown > runs / 4.0, "{unknown} s instead of {runs} s");
}

/// What a cell of so many turns is expected to take after it took a minute with `before` of them.
fn after_a_run(before: u32, now: u32, text: fn(u32) -> String) -> f64 {
    let head = "# %%\nfrom tensorflow import keras\nmodel = keras.Sequential([keras.layers.Dense(8)])\nmodel.compile(loss='mse')\n# %%\n";
    let notebook = |turns| percent::read(&format!("{head}{}\n", text(turns)));
    let (old, new) = (notebook(before), notebook(now));
    let cell = &old.cells[1];
    let run = Run {
        signature: Signature::of(&cell.source),
        cell: Some(new.cells[1].key()),
        seconds: 60.0,
        speed: 1.0,
        cold: analyze(&Request::new(&old)).cold[1],
        input_bytes: None,
    };
    let mut request = Request::new(&new);
    request.measurements.runs.push(run);
    analyze(&request).cells[1].cost.seconds.expect("an estimate")
}

#[test]
fn after_a_run_twice_the_work_takes_twice_as_long() {
    let kinds: [fn(u32) -> String; 3] = [
        |turns| format!("model.fit(x, y, epochs={turns})"),
        |turns| format!("for epoch in range({turns}):\n    for batch in loader:\n        model.train_on_batch(*batch)"),
        |turns| format!("for i in range({turns}):\n    results.append(simulate(i))"),
    ];
    for text in kinds {
        for turns in [1, 2, 5, 10, 40, 300] {
            let seconds = after_a_run(turns, 2 * turns, text);
            assert!((110.0..130.0).contains(&seconds), "{turns}: {seconds} s\n{}", text(turns));
        }
    }
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let unknown = cost("# %%\n}{ ) = this is (no Python\n");
    assert_eq!((unknown.seconds, unknown.heavy), (None, false));
}

#[test]
fn cheap_cells_are_not_heavy() {
    for text in ["x = 1", "import os", "df.head()", "print('hello')", "def f(x):\n    return x + 1", "plt.plot(x, y)\nplt.show()"] {
        let cost = cost(&format!("# %%\n{text}\n"));
        assert!(!cost.heavy, "{text}: {cost:?}");
    }
}

#[test]
fn a_small_kernel_does_not_make_a_long_signal_quadratic() {
    let smooth =
        |kernel: &str| seconds(&format!("{NUMPY}x = np.random.rand(5_000_000)\n# %%\ny = np.convolve(x, {kernel}, mode='same')\n"));
    for kernel in ["np.ones(25) / 25", "load_kernel()"] {
        let seconds = smooth(kernel);
        assert!(seconds < 60.0, "{kernel}: {seconds} s");
    }
    assert!(smooth("np.ones(50_000)") > 3.0 * smooth("np.ones(50)"));
}

#[test]
fn reasons_say_what_and_where() {
    let script = "# %%\nimport numpy as np\nfrom sklearn.cluster import KMeans\nx = np.random.rand(1_200_000, 4)\n# %%\nKMeans(n_clusters=8, n_init=10).fit(x)\n";
    let cost = cost(script);
    let reason = cost.because.first().expect("a reason");
    assert_eq!(reason.text, "KMeans.fit over 1.2 M rows, 8 clusters x 10 starts");
    assert_eq!((reason.cell, reason.start), (2, 0));
}

fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Ranks from 0; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .map(|value| {
            let less = values.iter().filter(|other| *other < value).count() as f64;
            let same = values.iter().filter(|other| other.total_cmp(value).is_eq()).count() as f64;
            less + (same - 1.0) / 2.0
        })
        .collect()
}
