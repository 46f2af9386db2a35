//! State that reaches a block by roundabout ways: code in strings, functions inside library values, class hooks, formulas, modules.

use std::collections::BTreeMap;

use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::{After, Request, analyze, percent};

fn plan_with(script: &str, cells: &[u32], files: &[(&str, &str)]) -> Plan {
    let notebook = percent::read(script);
    let mut request = Request::new(&notebook);
    request.files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>();
    analyze(&request).plan(cells, After::FollowingCells)
}

fn sets_of(plan: &Plan) -> String {
    let inputs: Vec<&str> = plan.inputs.iter().map(|input| input.name.as_str()).collect();
    let returns: Vec<&str> = plan.returns.iter().map(|given| given.name.as_str()).collect();
    format!("{} -> {}", inputs.join(" "), returns.join(" "))
}

/// `inputs -> returns` of a block.
fn sets(script: &str, cells: &[u32]) -> String {
    sets_of(&plan_with(script, cells, &[]))
}

#[test]
fn code_in_strings() {
    let script = "# %%\nu = []\n# %%\nexec('def grow(x):\\n    u.append(x)\\n    return u')\n# %%\ngrow(1)\n# %%\nprint(u, grow)\n";
    assert_eq!(sets(script, &[2]), " -> grow");
    assert_eq!(sets(script, &[3]), "grow u -> u");
    let computed = "# %%\nu = []\ncode = 'u.append' + '(1)'\n# %%\nexec(code)\n# %%\nprint(u)\n";
    assert_eq!(sets(computed, &[2]), "code u -> u");
    let alias = "# %%\nu = []\n# %%\nv = eval('u')\n# %%\nv.append(1)\n# %%\nprint(u)\n";
    assert_eq!(sets(alias, &[3]), "v -> u v");
    let apart = "# %%\nspace = {}\n# %%\nexec('y = 1', space)\n# %%\nprint(space, y)\n";
    assert_eq!(sets(apart, &[2]), "space -> space");
}

#[test]
fn functions_with_arguments_already_given() {
    let script =
        "# %%\nimport functools\ng = []\n# %%\nput = functools.partial(g.insert, 0)\n# %%\nlist(map(put, [1, 2]))\n# %%\nprint(g)\n";
    assert_eq!(sets(script, &[2]), "g -> put");
    assert_eq!(sets(script, &[3]), "put -> g put");
    let thread =
        "# %%\nimport threading\nb = []\nput = b.append\n# %%\nt = threading.Thread(target=put, args=(2,))\nt.start()\n# %%\nprint(b)\n";
    assert_eq!(sets(thread, &[2]), "put -> b put");
    let computed = "# %%\nu = []\n# %%\ngetattr(u, 'app' + 'end')(3)\n# %%\nprint(u)\n";
    assert_eq!(sets(computed, &[2]), "u -> u");
}

#[test]
fn what_classes_do_by_themselves() {
    let hooks = "# %%\nseen = []\nclass Base:\n    def __init_subclass__(cls):\n        seen.append(cls)\n# %%\nclass Part(Base):\n    pass\n# %%\nprint(seen)\n";
    assert_eq!(sets(hooks, &[2]), "Base seen -> seen");
    let fields = "# %%\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: list\nm = []\n# %%\na = A(m)\na.x.append(1)\n# %%\nprint(m)\n";
    assert_eq!(sets(fields, &[2]), "A m -> m");
    let tuple = "# %%\nimport collections\nPair = collections.namedtuple('Pair', 'left right')\nm, n = [], []\n# %%\nPair(m, n).left.append(1)\n# %%\nprint(m, n)\n";
    assert_eq!(sets(tuple, &[2]), "Pair m n -> m");
    let text = "# %%\nlog = []\nclass S:\n    def __str__(self):\n        log.append(1)\n        return ''\ns = S()\n# %%\n'%s' % s\n# %%\nprint(log)\n";
    assert_eq!(sets(text, &[2]), "log s -> log");
}

#[test]
fn contexts() {
    let script = "# %%\nimport contextlib\nL = []\n@contextlib.contextmanager\ndef inside(box):\n    box.append(1)\n    yield box\n# %%\nwith inside(L) as w:\n    w.append(3)\n# %%\nprint(L, w)\n";
    let plan = plan_with(script, &[2], &[]);
    assert_eq!(sets_of(&plan), "L inside -> L w");
    assert!(plan.refusal.is_none());
}

#[test]
fn formulas_are_read_again_when_they_are_unpacked() {
    let script = "# %%\nimport statsmodels.formula.api as smf\ndef twice(x):\n    return 2 * x\n# %%\nmod = smf.ols('a ~ twice(b)', d)\n# %%\nres = mod.fit()\n# %%\nprint(res)\n";
    assert_eq!(sets(script, &[3]), "mod twice -> res");
    let both = "# %%\nimport statsmodels.formula.api as smf\nd = load()\n# %%\ndef twice(x):\n    return 2 * x\nmod = smf.ols('a ~ twice(b)', d)\n# %%\nprint(mod)\n";
    assert_eq!(sets(both, &[2]), "d -> mod twice");
}

#[test]
fn ties_count_from_the_cell_that_makes_them() {
    let script = "# %%\na = []\nb = []\n# %%\na.append(1)\n# %%\nprint(b)\n# %%\nb.append(a)\n";
    assert_eq!(sets(script, &[2]), "a -> a");
    let pairs =
        "# %%\ns = dict(k=[1])\n# %%\ndata = dict((k, v) for k, v in s.items())\n# %%\ndel data['k'][:]\ndel data\n# %%\nprint(s)\n";
    assert_eq!(sets(pairs, &[3]), "data s -> s");
}

#[test]
fn local_modules_and_scripts() {
    let helpers = ("helpers.py", "STATE = []\ndef note(x):\n    x.append(1)\ndef look(x):\n    return len(x)\n");
    let script = "# %%\nfrom helpers import note, look\nm = []\n# %%\nlook(m)\n# %%\nnote(m)\n# %%\nprint(m)\n";
    let seen = plan_with(script, &[2], &[helpers]);
    assert_eq!(sets_of(&seen), "m -> ");
    assert_eq!(seen.imports, ["from helpers import look"]);
    assert_eq!(sets_of(&plan_with(script, &[3], &[helpers])), "m -> m");
    let star = "# %%\nfrom helpers import *\n# %%\nm = []\nnote(m)\n# %%\nprint(m, STATE)\n";
    assert_eq!(sets_of(&plan_with(star, &[1], &[helpers])), " -> STATE note");
    let run = "# %%\nbase = []\n# %%\n%run setup.py\n# %%\ngrow(base)\n# %%\nprint(base)\n";
    assert_eq!(sets_of(&plan_with(run, &[3], &[("setup.py", "def grow(x):\n    x.append(1)\n")])), "base grow -> base");
}

#[test]
fn names_that_are_there_anyway() {
    let notebook = percent::read("# %%\ndisplay(1)\n# %%\nfrom IPython.display import display\ndisplay(2)\n");
    assert!(analyze(&Request::new(&notebook)).findings.is_empty());
}
