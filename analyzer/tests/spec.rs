//! Literate checks: small notebooks as percent scripts, and what the analysis says about them.

use nbhoist_analyzer::report::Plan;
use nbhoist_analyzer::{After, Analysis, Request, analyze, percent};

fn analysis(script: &str) -> Analysis {
    analyze(&Request::new(&percent::read(script)))
}

fn names<T>(items: &[T], name: impl Fn(&T) -> &str) -> String {
    items.iter().map(|item| name(item).to_owned()).collect::<Vec<_>>().join(" ")
}

/// `reads | defines | mutates | deletes` of one cell.
fn cell(script: &str, number: usize) -> String {
    let analysis = analysis(script);
    let cell = &analysis.cells[number - 1];
    let list = |facts: &[nbhoist_analyzer::report::NameFact]| names(facts, |fact| &fact.name);
    format!("{} | {} | {} | {}", list(&cell.reads), list(&cell.defines), list(&cell.mutates), list(&cell.deletes))
}

fn plan(script: &str, cells: &[u32]) -> Plan {
    analysis(script).plan(cells, After::FollowingCells)
}

/// `inputs -> returns` of a block.
fn sets(script: &str, cells: &[u32]) -> String {
    let plan = plan(script, cells);
    format!("{} -> {}", names(&plan.inputs, |input| &input.name), names(&plan.returns, |given| &given.name))
}

#[test]
fn straight_line() {
    let script = "# %%\nx = 1\n# %%\ny = x + 1\n# %%\nprint(y)\n";
    assert_eq!(cell(script, 2), "x | y |  | ");
    assert_eq!(sets(script, &[2]), "x -> y");
}

#[test]
fn upward_exposed_uses() {
    assert_eq!(cell("# %%\nn += 1", 1), "n | n | n | ");
    assert_eq!(cell("# %%\nn = 1\n# %%\nn += 1", 2), "n | n |  | ");
    assert_eq!(cell("# %%\nif c:\n    a = 1\nprint(a)", 1), "a c | a |  | ");
    assert_eq!(cell("# %%\na = 1\nprint(a)", 1), " | a |  | ");
    assert_eq!(cell("# %%\nfor i in xs:\n    last = i\nprint(last, i)", 1), "i last xs | i last |  | ");
    assert_eq!(cell("# %%\nfor i in range(3):\n    last = i\nprint(last, i)", 1), " | i last |  | ");
    assert_eq!(cell("# %%\ntry:\n    a = f()\nexcept E as e:\n    a = 0\nprint(a)", 1), "E f | a |  | ");
    assert_eq!(cell("# %%\nwith open(p) as h:\n    t = h.read()\nt", 1), "p | h t |  | ");
    assert_eq!(cell("# %%\ndel a\n", 1), "a |  |  | a");
    assert_eq!(cell("# %%\nwhile True:\n    z = g()\n    if z: break\nprint(z)", 1), "g | z |  | ");
}

#[test]
fn scopes() {
    assert_eq!(cell("# %%\nys = [x * k for x in xs if x > lo]", 1), "k lo xs | ys |  | ");
    assert_eq!(cell("# %%\nany((m := x) > 3 for x in xs)\nprint(m)", 1), "m xs | m |  | ");
    assert_eq!(cell("# %%\ndef f(a, b=d):\n    c = a + g\n    return c", 1), "d | f |  | ");
    assert_eq!(cell("# %%\nclass C(Base):\n    k = z\n    def m(self):\n        return q", 1), "Base z | C |  | ");
    assert_eq!(cell("# %%\nh = lambda v, w=dflt: v + other", 1), "dflt | h |  | ");
    assert_eq!(
        cell(
            "# %%\nmatch cmd:\n    case [a, *rest]:\n        print(a, rest)\n    case {'k': v, **kw}:\n        print(v, kw)\n    case _ as whole:\n        print(whole)",
            1
        ),
        "cmd | a kw rest v whole |  | "
    );
}

#[test]
fn deferred_uses() {
    let script = "# %%\na = 1\n# %%\ndef f():\n    return a\n# %%\ndef g():\n    return f()\n# %%\nprint(g())\n";
    assert_eq!(cell(script, 2), " | f |  | ");
    assert_eq!(cell(script, 4), "a f g |  |  | ");
    assert_eq!(sets(script, &[4]), "a f g -> ");
    let callback = "# %%\nk = 2\n# %%\ndef f(v):\n    return v * k\n# %%\nout = list(map(f, [1, 2]))\n# %%\nout\n";
    assert_eq!(sets(callback, &[3]), "f k -> out");
    let global = "# %%\ncount = 0\n# %%\ndef bump():\n    global count\n    count += 1\n# %%\nbump()\n# %%\nprint(count)\n";
    assert_eq!(cell(global, 3), "bump count | count |  | ");
    assert_eq!(sets(global, &[3]), "bump count -> count");
    let held = "# %%\nimport control as ct\n# %%\ngain = 2\n# %%\ndef law(t, x):\n    return gain * x\n# %%\nsys = ct.nlsys(law)\n# %%\nr = ct.simulate(sys)\n# %%\nr\n";
    assert_eq!(sets(held, &[5]), "gain sys -> r");
    let method = "# %%\nscale = 3\n# %%\nclass C:\n    def __init__(self, v):\n        self.v = v\n    def m(self):\n        return self.v * scale\n# %%\nobj = C(5)\n# %%\nr = obj.m()\n# %%\nr\n";
    assert_eq!(sets(method, &[4]), "obj scale -> r");
}

#[test]
fn mutation() {
    let script = "# %%\nrows = []\n# %%\ndef add(v):\n    rows.append(v)\n# %%\nadd(1)\n# %%\nprint(rows)\n";
    assert_eq!(cell(script, 3), "add rows |  | rows | ");
    assert_eq!(sets(script, &[3]), "add rows -> rows");
    let frame = "# %%\nimport pandas as pd\ndf = pd.read_csv('a.csv')\nsame = df\n# %%\ndf['x'] = df['y'] * 2\n# %%\nprint(same)\n";
    assert_eq!(cell(frame, 2), "df |  | df same | ");
    assert_eq!(sets(frame, &[2]), "df -> df same");
    let view = "# %%\nimport numpy as np\na = np.arange(10)\nb = a[2:5]\n# %%\nb[0] = 9\n# %%\nprint(a)\n";
    assert_eq!(sets(view, &[2]), "b -> a b");
    let pure = "# %%\nimport numpy as np\na = np.arange(10)\n# %%\nm = a.mean()\n# %%\nprint(a, m)\n";
    assert_eq!(sets(pure, &[2]), "a -> m");
    let model = "# %%\nfrom sklearn.linear_model import LinearRegression\nmodel = LinearRegression()\nX = y = [[1]]\n# %%\nmodel.fit(X, y)\n# %%\nmodel.predict(X)\n";
    assert_eq!(sets(model, &[2]), "X model y -> model");
    let unknown = "# %%\nfrom mylib import f\nx = [1]\n# %%\nf(x)\n# %%\nprint(x)\n";
    assert_eq!(sets(unknown, &[2]), "x -> x");
}

#[test]
fn what_nobody_sees() {
    assert_eq!(sets("# %%\nfrom somewhere import *\n# %%\nprint(thing)\n", &[1]), " -> thing");
    assert_eq!(sets("# %%\nfrom somewhere import *\n# %%\nx = thing\n# %%\nx\n", &[2]), "thing -> x");
    assert_eq!(
        sets("# %%\nvalues = {'a': [1]}\n# %%\nfor _, v in values.items():\n    v.append(2)\n# %%\nvalues\n", &[2]),
        "values -> values"
    );
    assert_eq!(sets("# %%\nxs = [1]\n# %%\npush = xs.append\n# %%\npush(2)\n# %%\nxs\n", &[3]), "push -> push xs");
    assert_eq!(
        sets(
            "# %%\nclass C:\n    def __init__(self): self._v = 1\n    @property\n    def v(self): return self._v\n    @v.setter\n    def v(self, x): log.append(x)\nlog = []\nc = C()\n# %%\nc.v = 3\n# %%\nlog\n",
            &[2]
        ),
        "c log -> log"
    );
}

#[test]
fn imports_are_not_inputs() {
    let plan = plan("# %%\nimport numpy as np\nfrom math import sqrt\nx = 2\n# %%\ny = np.ones(3) * sqrt(x)\n# %%\ny\n", &[2]);
    assert_eq!(names(&plan.inputs, |input| &input.name), "x");
    assert_eq!(plan.imports, ["import numpy as np", "from math import sqrt"]);
}

#[test]
fn names_in_text() {
    assert_eq!(sets("# %%\nimport pandas as pd\ndf = pd.DataFrame()\nt = 3\n# %%\ng = df.query('a > @t')\n# %%\ng\n", &[2]), "df t -> g");
    assert_eq!(sets("# %%\nx = 1\n# %%\nexec('z = x + 1')\n# %%\nz\n", &[2]), "x -> z");
    assert_eq!(cell("# %%\nx = 1\n# %%\ndel globals()['x']\n", 2), "x |  |  | x");
    assert_eq!(sets("# %%\nx = 1\n# %%\ny = globals()['x']\n# %%\ny\n", &[2]), "x -> y");
}

#[test]
fn variables_by_way_of_the_main_module() {
    for way in [
        "y = sys.modules['__main__'].x",
        "y = sys.modules['__main__'].__dict__['x']",
        "y = sys.modules[__name__].x",
        "y = sys.modules.get('__main__').x",
        "y = vars(sys.modules['__main__'])['x']",
        "y = getattr(sys.modules['__main__'], 'x')",
        "import __main__\ny = __main__.x",
        "import __main__ as main\ny = main.x",
        "from __main__ import x as y",
        "import importlib\ny = importlib.import_module('__main__').x",
        "y = __import__('__main__').x",
    ] {
        assert_eq!(sets(&format!("# %%\nimport sys\nx = 1\n# %%\n{way}\n# %%\ny\n"), &[2]), "x -> y", "{way}");
    }
    assert_eq!(sets("# %%\nimport __main__\n# %%\n__main__.x = 1\n# %%\nx\n", &[2]), " -> x");
    assert_eq!(sets("# %%\nimport __main__\n# %%\nsetattr(__main__, 'x', 1)\n# %%\nx\n", &[2]), " -> x");
    assert_eq!(cell("# %%\nimport __main__\nx = 1\n# %%\ndel __main__.x\n", 2), "__main__ x |  |  | x");
}

#[test]
fn ipython() {
    assert_eq!(cell("# %%\n%time x = f(y)", 1), "f y | x | y | ");
    assert_eq!(cell("# %%\n%%time\nx = f(y)", 1), "f y | x | y | ");
    assert_eq!(cell("# %%\n%%timeit z = 3\nx = f(y, z)", 1), "f y |  | y | ");
    assert_eq!(cell("# %%\n%%capture out\nprint(a)", 1), "a | out |  | ");
    assert_eq!(cell("# %%\nd = '.'\n# %%\nfiles = !ls {d}", 2), "d | files |  | ");
    assert_eq!(cell("# %%\n%timeit f(1)\n!echo hi\nlen?", 1), "f |  |  | ");
    assert_eq!(cell("# %%\n%%bash\necho $x", 1), " |  |  | ");
}

#[test]
fn half_typed_cells_keep_their_intact_statements() {
    assert_eq!(cell("# %%\na = b + 1\nc = foo(d,\n", 1), "b | a |  | ");
    assert_eq!(cell("# %%\na = b + 1\nc = foo(d,\ne = a\n", 1), "b | a e |  | ");
    assert_eq!(cell("# %%\nfor i in xs:\n    y = i.\nt = '''\nword\n'''\n", 1), " | t |  | ");
    let analysis = analysis("# %%\nx = 1\ny = x.\nz = x\n");
    assert!(!analysis.cells[0].problems.is_empty());
    assert!(analysis.cells[0].defines.iter().any(|fact| fact.name == "z"));
}

#[test]
fn rules_of_definition() {
    let codes = |script: &str| names(&analysis(script).findings, |finding| finding.code);
    assert_eq!(codes("# %%\nprint(total)\n# %%\ntotal = 3\n"), "NBH201");
    assert_eq!(codes("# %%\nprint(totl)\n# %%\ntotal = 3\n"), "NBH202");
    assert_eq!(codes("# %%\nx = (1,\n"), "NBH101");
    assert_eq!(codes("# %%\ndef f():\n    return later\n# %%\nlater = 1\n# %%\nf()\n"), "");
    assert_eq!(codes("# %%\nfrom somewhere import *\nprint(thing)\n"), "");
}

#[test]
fn kinds_of_called_classes_and_of_what_is_like_an_argument() {
    // Classes are known by their capital, whether or not the table lists them.
    for class in ["SVC", "SVR"] {
        let script = format!(
            "# %%\nfrom sklearn.svm import {class}\nmodel = {class}()\n# %%\nmodel.fit(X, y)\n# %%\nd = model.decision_function(Z)\n"
        );
        assert_eq!(cell(&script, 2), "X model y |  | model | ", "{class}");
        assert_eq!(cell(&script, 3), "Z model | d |  | ", "{class}");
    }
    let split = "# %%\nimport pandas as pd\nfrom sklearn.model_selection import train_test_split\ndf = pd.read_csv('a.csv')\n\
                 # %%\nleft, right = train_test_split(df)\n# %%\ns = left.skew()\n";
    assert_eq!(cell(split, 3), "left | s |  | ");
}
