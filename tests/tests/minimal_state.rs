//! The plans of the corpus notebooks' marked blocks, against what running them proved (`corpus/expected.json`).

use std::collections::BTreeSet;

use nbhoist_analyzer::{After, Request, analyze, ipynb};
use nbhoist_tests::root;
use serde_json::Value;

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn plans_are_what_execution_proved() {
    let expected: Value = serde_json::from_slice(&std::fs::read(root().join("corpus/expected.json")).unwrap()).unwrap();
    let mut blocks = 0;
    for (file, marked) in expected.as_object().unwrap() {
        let notebook = ipynb::read(&std::fs::read(root().join("corpus").join(file)).unwrap()).unwrap();
        let analysis = analyze(&Request::new(&notebook));
        for (name, truth) in marked.as_object().unwrap() {
            let cells: Vec<u32> =
                truth["cells"].as_array().unwrap().iter().map(|cell| u32::try_from(cell.as_u64().unwrap()).unwrap()).collect();
            let plan = analysis.plan(&cells, After::FollowingCells);
            let inputs: BTreeSet<String> = plan.inputs.iter().map(|input| input.name.clone()).collect();
            let returns: BTreeSet<String> = plan.returns.iter().map(|given| given.name.clone()).collect();
            let imports: BTreeSet<String> = plan.imports.iter().cloned().collect();
            assert_eq!(inputs, strings(&truth["inputs"]), "inputs of {file}, block {name}");
            let due: BTreeSet<String> = strings(&truth["returns"]).union(&strings(&truth["carriers"])).cloned().collect();
            assert_eq!(returns, due, "returns of {file}, block {name}");
            assert_eq!(imports, strings(&truth["imports"]), "imports of {file}, block {name}");
            blocks += 1;
        }
    }
    assert!(blocks >= 4, "expected.json names {blocks} blocks");
}
