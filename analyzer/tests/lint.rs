//! What the rules say, and what they leave unsaid, where counts, outputs, times and blocks matter.

use nbhoist_analyzer::{Request, analyze, ipynb};
use serde_json::{Value, json};

fn cell(source: &str, count: impl Into<Option<u32>>) -> Value {
    json!({"cell_type": "code", "metadata": {}, "execution_count": count.into(), "outputs": [], "source": source})
}

fn printed(mut cell: Value) -> Value {
    cell["outputs"] = json!([{"output_type": "stream", "name": "stdout", "text": "1"}]);
    cell
}

fn tagged(mut cell: Value, tag: &str) -> Value {
    cell["metadata"]["tags"] = json!([tag]);
    cell
}

/// A cell whose last run took this long.
fn took(source: &str, seconds: f64) -> Value {
    let mut cell = cell(source, None);
    cell["metadata"]["papermill"] = json!({"duration": seconds});
    cell
}

/// Codes of the rules of one kind (`NBH11`), with the cells they speak of.
fn found(kind: &str, cells: &[Value]) -> Vec<String> {
    let metadata = json!({"language_info": {"name": "python"}});
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}).to_string();
    let notebook = ipynb::read(text.as_bytes()).expect("a notebook");
    let findings = analyze(&Request::new(&notebook)).findings;
    findings.iter().filter(|one| one.code.starts_with(kind)).map(|one| format!("{} {}", one.code, one.cell)).collect()
}

#[test]
fn a_blank_cell_shows_the_count_of_another() {
    assert_eq!(found("NBH11", &[cell("x = 1", 1), cell("x", 2), cell("", 2), cell("x", 3)]), [""; 0]);
    assert_eq!(found("NBH11", &[cell("x = 1", 1), cell("y = 2", 3), cell(" ", 2), cell("x", 4)]), [""; 0]);
    assert_eq!(found("NBH11", &[cell("x = 1", 1), cell("y = 2", 2), cell("y", 2)]), ["NBH113 3"]);
}

#[test]
fn counts_of_several_sessions_have_no_order() {
    let cells = [cell("x = 1", 1), cell("y = 2", 2), cell("y", 1), printed(cell("x", 2))];
    assert_eq!(found("NBH11", &cells), ["NBH113 3"]);
    assert_eq!(found("NBH11", &[cell("x = 1", 3), cell("y = 2", 2)]), ["NBH111 2"]);
}

#[test]
fn a_cell_surely_did_not_run_where_no_count_is_free() {
    assert_eq!(found("NBH112", &[cell("x = 1", 1), cell("x", None), cell("y = 1", 2)]), ["NBH112 2"]);
    assert_eq!(found("NBH112", &[cell("x = 1", 1), cell("x", None)]), ["NBH112 2"]);
    assert_eq!(found("NBH112", &[cell("x = 1", 1), cell("x", None), cell("y", None), cell("y = 1", 3)]), ["NBH112 2"]);
    // It ran and was cleared: its count is free, or its output is there.
    assert_eq!(found("NBH112", &[cell("x = 1", 1), cell("x", None), cell("y = 1", 3)]), [""; 0]);
    assert_eq!(found("NBH112", &[cell("x = 1", 1), printed(cell("print(x)", None))]), [""; 0]);
    assert_eq!(found("NBH112", &[cell("x = 1", None), cell("x", None)]), [""; 0]);
    // It is not meant to run.
    assert_eq!(found("NBH112", &[cell("x = 1", 1), tagged(cell("x", None), "skip-execution")]), [""; 0]);
    let mut frozen = cell("x", None);
    frozen["metadata"] = json!({"run_control": {"frozen": true}});
    assert_eq!(found("NBH112", &[cell("x = 1", 1), frozen]), [""; 0]);
}

#[test]
fn a_cell_that_only_may_change_a_value_makes_no_output_old() {
    let cells = |change: &str| {
        let import = cell("from somewhere import look\nx = [2]", 1);
        found("NBH114", &[import, cell(change, 4), printed(cell("print(x)", 3))])
    };
    assert_eq!(cells("look(x)"), [""; 0]);
    assert_eq!(cells("x.append(1)"), ["NBH114 3"]);
}

#[test]
fn an_earlier_turn_of_a_loop_may_have_bound_the_name() {
    let cells = |body: &str| found("NBH2", &[cell(body, None), cell("last = 0", None)]);
    assert_eq!(cells("for i in range(3):\n    if i:\n        print(last)\n    last = i"), [""; 0]);
    assert_eq!(cells("for i in range(3):\n    print(i and last)\n    last = i"), [""; 0]);
    assert_eq!(cells("for i in range(3):\n    print(last)\n    last = i"), ["NBH201 1"]);
    assert_eq!(cells("if True:\n    print(last)"), ["NBH201 1"]);
    // The cell itself has bound it on some path.
    assert_eq!(cells("for i, (last, _) in enumerate(zip([1], [2])):\n    pass\nlast.show()"), [""; 0]);
    assert_eq!(cells("if len([1]):\n    last = 1\nprint(last)"), [""; 0]);
    assert_eq!(cells("print(last)\nif len([1]):\n    last = 1\nprint(last)"), ["NBH201 1"]);
}

#[test]
fn code_that_counts_on_a_missing_name_is_left_alone() {
    let cells = |body: &str| found("NBH2", &[cell(body, None)]);
    assert_eq!(cells("try:\n    input = raw_input\nexcept:\n    pass"), [""; 0]);
    assert_eq!(cells("try:\n    ready\nexcept NameError:\n    ready = False"), [""; 0]);
    assert_eq!(cells("try:\n    print(gone)\nexcept ValueError:\n    pass"), ["NBH202 1"]);
    assert_eq!(cells("print(raw_input())"), ["NBH202 1"]);
}

#[test]
fn a_name_in_a_function_that_nobody_calls_is_looked_for() {
    let cells = |body: &str| found("NBH2", &[cell("from somewhere import run", None), cell(body, None)]);
    assert_eq!(cells("def f():\n    return gone"), ["NBH202 2"]);
    assert_eq!(cells("run(lambda t: gone * t)"), ["NBH202 2"]);
    assert_eq!(cells("def f(x):\n    y: gone = x\n    return [z for z in y]"), [""; 0]);
    assert_eq!(cells("def f():\n    try:\n        return gone\n    except Exception:\n        pass"), [""; 0]);
    assert_eq!(cells("def f():\n    return later\nif run:\n    later = 1"), [""; 0]);
    assert_eq!(cells("from elsewhere import *\ndef f():\n    return gone"), [""; 0]);
    assert_eq!(cells("def f():\n    return gone\nprint(gone)"), ["NBH202 2"]);
}

#[test]
fn an_error_that_is_announced_is_no_finding() {
    let failed = |source: &str| {
        let mut failed = cell(source, 1);
        failed["outputs"] = json!([{"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}]);
        failed
    };
    assert_eq!(found("NBH601", &[failed("raise ValueError('x')")]), ["NBH601 1"]);
    assert_eq!(found("NBH601", &[tagged(failed("raise ValueError('x')"), "raises-exception")]), [""; 0]);
    assert_eq!(found("NBH601", &[failed("# NBVAL_RAISES_EXCEPTION\nraise ValueError('x')")]), [""; 0]);
}

#[test]
fn a_call_is_repeated_where_its_arguments_are_the_same() {
    let load = || took("import pandas as pd\nframe = pd.read_csv('a.csv')", 1.0);
    let first = || took("a = frame.merge(frame, on='x')", 30.0);
    assert_eq!(found("NBH302", &[load(), first(), took("b = frame.merge(frame,  on='x')", 30.0)]), ["NBH302 3"]);
    assert_eq!(found("NBH302", &[load(), first(), took("b = frame.merge(frame, on='y')", 30.0)]), [""; 0]);
    // Quick, changed between, of unknown time, bound anew.
    assert_eq!(found("NBH302", &[load(), first(), took("b = frame.merge(frame, on='x')", 3.0)]), [""; 0]);
    let changed = took("frame['x'] = 1", 0.1);
    assert_eq!(found("NBH302", &[load(), first(), changed, took("b = frame.merge(frame, on='x')", 30.0)]), [""; 0]);
    assert_eq!(found("NBH302", &[load(), first(), cell("b = frame.merge(frame, on='x')", 3)]), [""; 0]);
    // A helper is made anew from the same text, or from another.
    let helped = |size: u32| took(&format!("t = frame.rolling({size})\nb = t.apply(len)"), 30.0);
    assert_eq!(found("NBH302", &[load(), helped(3), helped(3)]), ["NBH302 3"]);
    assert_eq!(found("NBH302", &[load(), helped(3), helped(4)]), [""; 0]);
    let number = |size: u32| took(&format!("t = {size}\nb = frame.rolling(t)"), 30.0);
    assert_eq!(found("NBH302", &[load(), number(3), number(4)]), [""; 0]);
    assert_eq!(found("NBH302", &[load(), helped(3), load(), helped(3)]), [""; 0]);
    assert_eq!(found("NBH302", &[load(), first(), load(), took("b = frame.merge(frame, on='x')", 30.0)]), [""; 0]);
}

#[test]
fn a_plot_waits_for_the_work_above_it() {
    let import = || took("import matplotlib.pyplot as plt\nimport pandas as pd\nf = pd.read_csv('a.csv')", 1.0);
    let both = "g = f.merge(f)\nplt.plot(g['x'])\nplt.title('x')";
    assert_eq!(found("NBH303", &[import(), took(both, 30.0)]), ["NBH303 2"]);
    assert_eq!(found("NBH303", &[import(), took(both, 3.0)]), [""; 0]);
    assert_eq!(found("NBH303", &[import(), cell(both, 1)]), [""; 0]);
    assert_eq!(found("NBH303", &[import(), took("for x in range(9):\n    g = f.merge(f)\n    plt.plot(g['x'])", 30.0)]), [""; 0]);
}

#[test]
fn a_block_is_too_quick_to_move_only_where_its_time_is_known() {
    assert_eq!(found("NBH405", &[cell("x = 1", None), tagged(took("y = x", 0.01), "nbhoist:b")]), ["NBH405 2"]);
    assert_eq!(found("NBH405", &[cell("x = 1", None), tagged(took("y = x", 5.0), "nbhoist:b")]), [""; 0]);
    assert_eq!(found("NBH405", &[cell("x = 1", None), tagged(cell("y = x", None), "nbhoist:b")]), [""; 0]);
    let unknown = tagged(cell("z = y", None), "nbhoist:b");
    assert_eq!(found("NBH405", &[cell("x = 1", None), tagged(took("y = x", 0.01), "nbhoist:b"), unknown]), [""; 0]);
}
