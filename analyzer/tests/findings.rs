//! Whoever asks for findings alone gets those of a whole analysis.

use std::fmt::Write as _;
use std::path::Path;

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{Request, analyze, findings, ipynb};
use serde_json::json;

fn same(notebook: &Notebook, what: &str) -> usize {
    let mut request = Request::new(notebook);
    request.weighs = false;
    request.config.select = vec!["ALL".to_owned()];
    let alone = findings(&request);
    assert_eq!(alone, analyze(&request).findings, "{what}");
    alone.len()
}

#[test]
fn findings_alone_are_those_of_a_whole_analysis() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for name in ["digits", "image_recognition", "remote_sensing"] {
        let bytes = std::fs::read(corpus.join(name).with_extension("ipynb")).expect("a notebook of the repository");
        same(&ipynb::read(&bytes).expect("a notebook"), name);
    }
}

/// Cells that make thousands of objects each, which are let go of between them, and counts out of order.
#[test]
fn what_is_let_go_of_between_cells_is_not_missed() {
    let mut model =
        "import somewhere\nimport pandas as pd\nrows = []\nclass Model:\n    def __init__(self, data):\n        self.data = data\n"
            .to_owned();
    for at in 0..12 {
        let step = format!("self.data.part{at}.scale(rows[{at}]).shape");
        write!(model, "    def step{at}(self, x):\n        for i in x:\n            for j in i.parts:\n                self.s{at} = [{step}, j.a.b, i.c(j)]\n        rows.append(self)\n").expect("text");
    }
    let cell = |source: &str, count: u32| {
        let outputs = json!([{"output_type": "stream", "name": "stdout", "text": "1"}]);
        json!({"cell_type": "code", "metadata": {}, "execution_count": count, "outputs": outputs, "source": source})
    };
    let run = |name: &str| format!("{name} = Model(pd.DataFrame())\nsomewhere.solve({name}, missing_{name})\n");
    let cells = [
        cell(&model, 7),
        cell(&run("a"), 2),
        cell(&run("b"), 9),
        cell("rows.append(a)\na.data['x'] = b.s3\n", 4),
        cell(&run("a"), 5),
        cell("print(rows, a.data, b)\ndel b\n", 6),
        cell("print(b, late, a.s1)\n", 3),
        cell("late = a\n", 10),
    ];
    let metadata = json!({"language_info": {"name": "python"}});
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}).to_string();
    assert!(same(&ipynb::read(text.as_bytes()).expect("a notebook"), "methods that a library may call") > 5);
}

/// A cell that takes thousands of steps, most of them in functions that it calls again and again.
#[test]
fn functions_that_are_followed_less_often_hide_nothing() {
    let mut functions = "import numpy as np\nimport pandas as pd\nrows = []\ndef work(data, name):\n".to_owned();
    for at in 0..60 {
        writeln!(functions, "    part{at} = [(data.x{at} + name, inner(at, data)) for at in data.items{at}]").expect("text");
    }
    functions += "    rows.append(np.random.rand())\n    return part0\ndef inner(at, data):\n    return elsewhere[at] + data.y\n";
    let mut calls = String::new();
    for at in 0..12 {
        writeln!(calls, "r{at} = work(pd.DataFrame(), unknown{at})").expect("text");
    }
    calls += "rows.append(late)\nprint(np.random.rand(), r1)\n";
    let cell =
        |source: &str, count: u32| json!({"cell_type": "code", "metadata": {}, "execution_count": count, "outputs": [], "source": source});
    let cells = [cell(&functions, 1), cell(&calls, 3), cell("late = r3\nelsewhere = {}\n", 2), cell(&calls, 4)];
    let metadata = json!({"language_info": {"name": "python"}});
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}).to_string();
    assert!(same(&ipynb::read(text.as_bytes()).expect("a notebook"), "functions that are called again and again") > 5);
}
