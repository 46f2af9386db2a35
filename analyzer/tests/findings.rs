//! Whoever asks for findings alone gets those of a whole analysis.

use std::fmt::Write as _;
use std::path::Path;

use nbhoist_analyzer::notebook::Notebook;
use nbhoist_analyzer::{Request, analyze, findings, ipynb};
use serde_json::json;

fn same(notebook: &Notebook, what: &str) -> usize {
    same_with(notebook, &[], what)
}

/// The same in a folder with these files.
fn same_with(notebook: &Notebook, files: &[(&str, &str)], what: &str) -> usize {
    let mut request = Request::new(notebook);
    request.files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    request.weighs = false;
    // Where all rules are asked, none of what the default ones do not need can be left out.
    assert_eq!(findings(&request), analyze(&request).findings, "{what}");
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

/// Cells that, put together, make what the rules speak of: names that are bound later, anew, on some paths, in functions or not at all, values
/// that grow, draws and seeds, and what hides any of that.
const CELLS: &[&str] = &[
    "import numpy as np\nimport random\nfrom sklearn.ensemble import RandomForestClassifier as Forest",
    "x = 1\ny = x",
    "print(x)",
    "def f(a, b=2):\n    return x + a + np.sum(b)\n",
    "f(1)",
    "def f(n):\n    return g(n - 1)\ndef g(n):\n    return f(n)",
    "g(3)",
    "x += 1",
    "rows = []",
    "rows.append(x)",
    "for i in range(3):\n    rows.append(i)\n    last = i",
    "print(last, i)",
    "if rows:\n    y = 2\nelse:\n    raise ValueError(y)",
    "try:\n    z = y\nexcept Exception as error:\n    print(error)\n    raise\nelse:\n    w = z",
    "print(error, w)",
    "np.random.seed(0)",
    "noise = np.random.randn(3)",
    "def draw(rng=np.random):\n    return rng.normal()\n",
    "draw()",
    "def roll():\n    return np.random.rand()\nchoose = random.choice",
    "roll()",
    "choose(rows)",
    "maker = np.random.default_rng()\nmaker.normal()",
    "Forest(random_state=None).fit(x, y)\nForest(random_state=3)",
    "class Thing:\n    y = 3\n    z = y + 1\n    def get(self):\n        return y, missing, Thing\n",
    "Thing().get()",
    "del x",
    "[x for x in rows if x]\n{a: b for a, b in zip(rows, rows)}\n(lambda v: v + y)(1)",
    "%time late = f(2)\n!echo {x}",
    "print(late)",
    "with open('a') as file:\n    text = file.read()\n    print(text)",
    "text = 'b'\nframe = 1",
    "import pandas as pd\nframe = pd.DataFrame()\nframe = frame.drop(columns='a')",
    "frame.query('a > @x and b < @unknown')\nframe.sample(2)",
    "getattr(frame, 'sample')(3)",
    "while True:\n    k = 1\n    break",
    "print(k, _, In)",
    "exec('q = 1')\nprint(q)",
    "globals()['dynamic'] = 1",
    "import sys\nsys.modules.get('__main__').dynamic = 1\nprint(sys.modules.copy()['__main__'].later)",
    "print(dynamic)",
    "def stop():\n    raise SystemExit\nstop()\nafter = 1",
    "print(after)",
    "if False:\n    never = 1\nif __name__ == '__main__':\n    always = 1",
    "print(never, always)",
    "%%timeit\ninside = 1\ninside",
    "print(inside)",
    "def outer():\n    global made\n    made = 1\n    def inner():\n        return made, x\n    return inner\nouter()()",
    "print(made)",
    "def shadow():\n    later = 1\n    def inner():\n        global later\n        return later\n    return inner()\nshadow()",
    "later = 2",
    "from helper import seed_everything\nseed_everything(1)",
    "noise = random.random()",
    "from somewhere import *",
    "%reset -f",
    "print(undefined)",
    "for n in rows:\n    if n:\n        maybe = n\n    print(maybe)\nprint(maybe)",
    "if x:\n    maybe = 1\nprint(maybe)",
    "if x == 1:\n    kind = 1\nelif x == 2:\n    kind = 2\nelse:\n    raise ValueError(x)\nsort = kind",
    "print(maybe, kind, sort)\nmaybe = kind = sort = 2",
    "maybe = 3\ndef read():\n    return maybe, kind",
    "read()",
    "def choose_or_raise(n):\n    for m in n:\n        if m == 1:\n            q = 1\n        elif m:\n            q = 2\n        else:\n            raise ValueError(n)\n    return q",
    "def raise_always(n):\n    if n == 1:\n        raise ValueError(n)\n    else:\n        with n:\n            raise KeyError",
    "def raise_often(n):\n    if True:\n        raise ValueError(n)\n    if n:\n        return 1",
    "choose_or_raise(1)\nafter = 2",
    "raise_always(1)\nafter = 3",
    "raise_often(2)\nafter = 4",
    "import jax\nfrom jax import random as jr, numpy as jnp\njr.normal(1)\njnp.random.rand(2)\njax.random.uniform(3)",
    "from flax import nnx\nnnx.Linear(2, 3)\nlayer = nnx.Dropout\nlayer(0.5)",
    "import torch\nfrom torch import nn\nmodule = nn.Linear\nmodule(2, 3)",
    "import tensorflow as tf\ntf.keras.layers.Dense(3)\ntf.random.normal([1])",
    "import sklearn\nsklearn.ensemble.RandomForestClassifier()\nsklearn.cluster.KMeans(3).fit(rows)",
];

/// The same about names that functions read before a cell binds them, and names that are deleted.
const LATE_CELLS: &[&str] = &[
    "x = 1\nrows = []\ny = 2",
    "print(x)",
    "def f(a):\n    return x + a",
    "f(1)",
    "del x",
    "x = 3",
    "x = 1\ndel x\nx = 2\nprint(x)",
    "x, y = 1, 2\ndel x, y",
    "del (x, rows)",
    "if rows:\n    del x",
    "!ls {x}\n%timeit x",
    "frame.eval('a + @x')\nols(f'y ~ x + {rows}')",
    "with open('a') as file:\n    x = 3\nrows = x",
    "import functools\ndef early(n):\n    return soon(n) + coming",
    "early(1)",
    "handler = early",
    "handler(2)",
    "def soon(n):\n    return n\nearly(soon)\ncoming = 1\nearly(coming)",
    "coming = soon(3)",
    "def through(n):\n    return early(n)\nclass Model:\n    'A model.'\n    size: int = 3\n    def fit(self):\n        return coming + self.size\n    @staticmethod\n    def make(n=y):\n        return Model()",
    "through(2)",
    "model = Model()",
    "model.fit()",
    "Model.make().fit()",
    "class Other(Model):\n    first = [lambda: coming][0]()\n    def __init_subclass__(cls):\n        return coming\nclass Third(Other):\n    pass",
    "@functools.cache\ndef cached():\n    return coming\n@functools.wraps(early)\ndef wrapped():\n    return coming",
    "cached()\nwrapped()",
    "def call(function):\n    return function()\n@call\ndef at_once():\n    return coming",
    "class App:\n    def route(self, function):\n        function()\n        return function\napp = App()\n@app.route\ndef page():\n    return coming",
    "class Marked:\n    @call\n    def method():\n        return coming",
    "from somewhere import App\napp = App()\n@app.route\ndef page():\n    return coming\napp.run()",
    "ols('y ~ early(x)', frame).fit()\nols(f'y ~ early({x})', frame)",
    "for n in rows:\n    early(n)\n    coming = n",
    "%time early(1)",
    "%%time early(3)\ncoming = 2",
    "if __name__ == '__main__':\n    early(2)\n    coming = 3",
];

/// Functions that libraries are given, in the end or at once, and what becomes of what those do.
const CALLED_CELLS: &[&str] = &[
    "import somewhere as sw\nimport numpy as np\nimport pandas as pd\nseen = []\nframe = pd.DataFrame()",
    "def store(value):\n    seen.append(value)\n    return later",
    "def seeder(value):\n    np.random.seed(0)",
    "def roll(value):\n    return np.random.rand() + x",
    "def change(value):\n    global x\n    x = value\n    value.part = frame",
    "def keep(value):\n    keep.last = frame\n    return [store(value), change(value)]",
    "def hide(value):\n    exec(value)\n    return undefined",
    "def never(value):\n    raise ValueError(value)",
    "class Model:\n    def __init__(self, function):\n        self.function = function\n    def fit(self, value):\n        self.rng = np.random\n        return self.function(value) + late",
    "system = sw.System(store)",
    "system = sw.System(seeder, roll)\nsystem.run(seen)",
    "system = sw.System([change, keep], {'a': hide})",
    "system.run(frame)\nsw.apply(system)",
    "sw.apply(store, frame)",
    "sw.apply(seeder)\nsw.apply(change, seen)",
    "frame.apply(roll)\nframe.apply(lambda row: seen.append(row) or y)",
    "frame.apply(keep)\nkeep.last.sample()",
    "frame.apply(hide)",
    "sw.apply(never)\ny = 1",
    "model = Model(store)\nsw.solve(model)",
    "model = sw.Wrap(Model(change))\nmodel.go()",
    "sw.solve(model, x)\nmodel.rng.rand()",
    "seen[0].sample()\nseen[0].part.sample(2)",
    "x = 1\nnp.random.rand()",
    "print(x, y)",
    "later = 2\nlate = y = 3",
    "seen += [x]",
    "store = print\nsystem.step()",
];

fn notebook_of(cells: &[&str]) -> Notebook {
    let cell = |source: &&str| json!({"cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": source});
    let cells: Vec<_> = cells.iter().map(cell).collect();
    let metadata = json!({"language_info": {"name": "python"}});
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}).to_string();
    ipynb::read(text.as_bytes()).expect("a notebook")
}

/// Most notebooks need no interpretation, or one of some cells. What it would find must not depend on that.
#[test]
fn what_is_not_interpreted_is_not_missed() {
    let mut found = 0;
    for one in CELLS {
        for other in CELLS {
            // Behind the imports and the first values, which nearly all need.
            found += same(&notebook_of(&[CELLS[0], CELLS[1], one, other]), &format!("{one}\n---\n{other}"));
        }
    }
    // Notebooks of three to eight cells, each time others.
    let mut next = numbers();
    for (cells, turns) in [(CELLS, 2500), (LATE_CELLS, 2500), (CALLED_CELLS, 2500)] {
        for _ in 0..turns {
            let mut chosen = if cells == CALLED_CELLS { vec![CALLED_CELLS[0]] } else { CELLS[..next() % 3].to_vec() };
            for _ in 0..3 + next() % 6 {
                chosen.push(cells[next() % cells.len()]);
            }
            found += same(&notebook_of(&chosen), &chosen.join("\n---\n"));
        }
    }
    assert!(found > 5000, "{found}");
}

/// Numbers that look like random ones, each time the same.
fn numbers() -> impl FnMut() -> usize {
    let mut state: u64 = 7;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    }
}

/// Every order of a function, what it reads, and what calls it.
#[test]
fn functions_called_too_early_are_not_missed() {
    let function = LATE_CELLS.iter().position(|cell| cell.contains("def early")).expect("the function");
    let (ahead, cells) = LATE_CELLS.split_at(function);
    let mut found = 0;
    for (at, one) in cells.iter().enumerate() {
        for other in cells {
            for last in &cells[at % 3..] {
                if [one, other, last].into_iter().any(|cell| cell.contains("coming =")) {
                    let chosen = [ahead[0], cells[0], one, other, last];
                    found += same(&notebook_of(&chosen), &chosen.join("\n---\n"));
                }
            }
        }
    }
    assert!(found > 5000, "{found}");
}

/// Modules that a notebook may have beside it, each with something that its rules could speak of, or with nothing.
const MODULES: &[&str] = &[
    "import math\ndef area(r):\n    return math.pi * r\nSIZE = 3\ndef apply(function):\n    return function()",
    "import numpy as np\nfrom math import sin\ndef noise():\n    return np.random.rand()\ndef wave(x):\n    return sin(x)",
    "import numpy as np\nimport random as rng\ndef size(x):\n    return np.shape(x)",
    "def pick(frame):\n    return frame.sample(2)\nclass Model:\n    def fit(self, x):\n        return x.normal_()",
    "import numpy as np\nnp.random.seed(0)\ndef seed_everything():\n    return 1\ndef noise():\n    return np.random.rand()",
    "def seed_everything():\n    return 1",
    "def stop(n):\n    raise ValueError(n)\ndef area(r):\n    return r",
    "class Base:\n    def __init_subclass__(cls):\n        cls.make()\n",
    "x = 3\ndef area(r):\n    return x",
    "import torch\ndef area(r):\n    return torch.Tensor(r)",
    "shell = get_ipython()",
    "def called(function):\n    function()\n    return function\ndef apply(function):\n    return function()",
    "import __main__\ndef area(r):\n    return __main__.late + r",
    "import sys\ndef area(r):\n    return sys.modules['__main__'].x",
    "from IPython import get_ipython\nshell = get_ipython()\ndef area(r):\n    return shell.user_ns['late']",
    "def area(r):\n    exec('r')\n    return undefined + later\nlater = 1",
    "from sys import _getframe\ndef area(r):\n    return _getframe(1).f_globals",
    "from other import area, np\nfrom . import other",
    "raise ValueError('not here')\ndef area(r):\n    return r",
    "def area(r:\n    return",
    "def grow(rows):\n    rows.append(1)\n    return rows\nclass Base:\n    def __add__(self, other):\n        return other()",
];

/// Cells that make something of them.
const CELLS_WITH_MODULES: &[&str] = &[
    "import helper\nx = helper.area(2)",
    "from helper import area\nx = area(2)\nprint(late)",
    "from helper import *\nx = area(2)",
    "import helper as h\nfrom helper import np\nnp.random.rand()",
    "import helper\nhelper.np.random.rand()\nhelper.rng.random()",
    "import helper\nnp = helper.np\nsource = helper",
    "np.random.rand()\nsource.rng.random()",
    "from helper import noise\nx = noise()",
    "from helper import seed_everything\nseed_everything()",
    "import helper\nhelper.seed_everything()\nimport numpy as np\nnp.random.rand()",
    "import numpy as np\nx = np.sin(np.random.rand())",
    "import helper\nhelper.stop(1)\nlate = 1",
    "print(late)",
    "late = 2",
    "import helper\nclass Mine(helper.Base):\n    @classmethod\n    def make(cls):\n        return late",
    "import helper\n@helper.called\ndef early():\n    return late",
    "import helper\ndef early():\n    return late\nhelper.apply(early)",
    "def early():\n    return late\nx = helper.Base() + early",
    "import pandas as pd\nimport helper\nframe = pd.DataFrame()\nhelper.pick(frame)",
    "import torch\nimport helper\nhelper.Model().fit(torch.Tensor(2))",
    "rows = []",
    "helper.grow(rows)\nrows += [1]",
    "%run helper.py\nprint(area)",
    "x = 1\ndef f():\n    return x\nf()",
    "%run helper.py",
    "f()",
    "x.normal_()",
    "from helper import shell\nshell.push({'x': 1})\nprint(shell.user_ns['late'])",
    "import helper\nhelper.shell.ev('late + rows')",
    "import importlib\nimportlib.import_module('helper').np.random.rand()",
    "if rows:\n    import helper\nimport numpy as np\nhelper.np.random.rand(2)",
];

/// What local modules do is nothing to the rules, or the notebook is interpreted.
#[test]
fn what_local_modules_do_is_not_missed() {
    let (mut next, mut found) = (numbers(), 0);
    for module in MODULES {
        for (at, one) in CELLS_WITH_MODULES.iter().enumerate() {
            let files = [(["helper.py", "helper/__init__.py"][at % 2], *module), ("other.py", MODULES[0])];
            for other in CELLS_WITH_MODULES.iter().skip(at / 2 % 2).step_by(2) {
                let mut chosen = vec![*one, *other];
                chosen.extend((0..next() % 3).map(|_| CELLS_WITH_MODULES[next() % CELLS_WITH_MODULES.len()]));
                found += same_with(&notebook_of(&chosen), &files, &format!("{module}\n=====\n{}", chosen.join("\n---\n")));
            }
        }
    }
    assert!(found > 5000, "{found}");
}

/// What a library may call leads elsewhere once cells have bound names anew, or handed it more.
#[test]
fn functions_that_libraries_hold_are_run_again_where_that_may_tell_more() {
    let helper = ("helper.py", "handlers = []\ndef fire(value):\n    for handler in handlers:\n        handler(value)\n");
    let bind = "def bind(value):\n    global x\n    x = value\n";
    let cases = [
        ("def held(value):\n    return bind(value)", bind.to_owned()),
        ("def held(value):\n    return np.bind(value)", format!("{bind}class Other:\n    bind = bind\nnp = Other")),
        ("def held(value):\n    return len(value)", format!("{bind}len = bind")),
        ("def held(value):\n    [handler(value) for handler in handlers]\nhandlers = []", format!("{bind}handlers.append(bind)")),
        ("from helper import fire as held, handlers", format!("{bind}handlers.append(bind)")),
        ("import helper\nhandlers = helper.handlers\nheld = helper.fire", format!("{bind}handlers.append(bind)")),
        ("def held(value, handlers=[]):\n    handlers[0](value)", format!("{bind}held.__defaults__[0].append(bind)")),
        (
            "def around(handlers):\n    return lambda value: handlers[0](value)\nall = []\nheld = around(all)",
            format!("{bind}all.append(bind)"),
        ),
        ("def held(value):\n    return inner.run(value)\ninner = sw.System(print)", format!("{bind}inner = sw.System(bind)")),
        (
            "class Model:\n    def go(self, value):\n        self.handler(value)\nmodel = Model()\nheld = model.go",
            format!("{bind}model.handler = bind"),
        ),
    ];
    let mut found = 0;
    for (held, later) in &cases {
        let held = format!("import somewhere as sw\nimport numpy as np\n{held}\nsystem = sw.System(held)\nsystem.run(1)");
        let cells = [&held, later, "system.run(2)", "print(x)", "x = 1"];
        found += same_with(&notebook_of(&cells), &[helper], &cells.join("\n---\n"));
        let cells = [&held, "system.run(3)", later, "system.run(2)", "def show():\n    return x", "show()", "x = 1"];
        found += same_with(&notebook_of(&cells), &[helper], &cells.join("\n---\n"));
    }
    assert!(found > 5, "{found}");
}
