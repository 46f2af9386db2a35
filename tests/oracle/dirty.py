"""Notebooks as people leave them: runnable ones, mutated. Whether a mutated notebook still runs is seen by running it; one that does not is left out."""

import ast
import random
import re
import tokenize
from io import StringIO

from .notebooks import Notebook, write

VERSION = "v1"


def notebooks(folder, seed, count, bases):
    """`count` mutated notebooks, made from `bases` in turn."""
    found = []
    for number in range(count if bases else 0):
        base = bases[number % len(bases)]
        path = folder / VERSION / ("dirty-%d-%04d-%s.ipynb" % (seed, number, base.fingerprint()[:6]))
        if not path.exists():
            write(path, mutate(base.sources, random.Random("%s %s" % (seed, number))))
        found.append(Notebook("dirty/%s" % path.name, path, base.folder, "dirty"))
    return found


def mutate(sources, luck):
    """The cells after some mutations."""
    cells = list(sources)
    for _ in range(luck.randint(4, 9)):
        changed = luck.choice(_MUTATIONS)(list(cells), luck)
        if changed:
            cells = changed
    return cells


def _parsed(source):
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def _plain(cells):
    """The indexes of cells that are plain Python."""
    return [index for index, source in enumerate(cells) if _parsed(source) is not None and _parsed(source).body]


def _bound(source):
    tree = _parsed(source)
    found = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias) and node.name != "*":
            found.add((node.asname or node.name).split(".")[0])
    return found


def _words(source):
    return set(re.findall(r"\b[A-Za-z_]\w*\b", source))


def merge(cells, luck):
    index = luck.randrange(max(1, len(cells) - 1))
    pair = cells[index : index + 2]
    if len(pair) < 2 or any(source.startswith("%%") for source in pair):
        return None
    return cells[:index] + ["\n".join(pair)] + cells[index + 2 :]


def split(cells, luck):
    index = luck.choice(_plain(cells) or [0])
    tree, lines = _parsed(cells[index]), cells[index].split("\n")
    if tree is None or len(tree.body) < 2:
        return None
    second = luck.choice(tree.body[1:])
    line = min([second.lineno] + [item.lineno for item in getattr(second, "decorator_list", ())]) - 1
    if line == 0 or ";" in lines[line]:
        return None
    return cells[:index] + ["\n".join(lines[:line]), "\n".join(lines[line:])] + cells[index + 1 :]


def reorder(cells, luck):
    """Swap neighbours that do not mention what the other binds."""
    pairs = [
        index for index in range(1, len(cells) - 1)
        if not _bound(cells[index]) & _words(cells[index + 1]) and not _bound(cells[index + 1]) & _words(cells[index])
    ]
    if not pairs:
        return None
    index = luck.choice(pairs)
    cells[index], cells[index + 1] = cells[index + 1], cells[index]
    return cells


def again(cells, luck):
    """Run an early cell once more, later on."""
    plain = _plain(cells)
    if len(plain) < 3:
        return None
    index = luck.choice(plain[1:])
    place = luck.randint(index + 1, min(len(cells), index + 5))
    return cells[:place] + [cells[index]] + cells[place:]


def rename_over(cells, luck):
    """Give a variable the name of one that is not mentioned any more."""
    first, last, bound = {}, {}, set()
    for index, source in enumerate(cells):
        bound |= _bound(source)
        for word in _words(source):
            first.setdefault(word, index)
            last[word] = index
    pairs = [(old, new) for old in sorted(bound) for new in sorted(bound) if last[new] < first[old] and len(old) < 20]
    if not pairs:
        return None
    old, new = luck.choice(pairs)
    return [_renamed(source, old, new) for source in cells]


def _renamed(source, old, new):
    if old not in source:
        return source
    try:
        tokens = list(tokenize.generate_tokens(StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return source
    lines = source.split("\n")
    for index in reversed(range(len(tokens))):
        token = tokens[index]
        if token.type == tokenize.NAME and token.string == old and (index == 0 or tokens[index - 1].string != "."):
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column] + new + lines[row - 1][column + len(old) :]
    return "\n".join(lines)


def star_import(cells, luck):
    """`np.exp` becomes `exp`, from a star import."""
    for module, prefix in luck.sample([("numpy", "np"), ("math", "math"), ("matplotlib.pyplot", "plt")], 3):
        places = [index for index in _plain(cells) if re.search(r"\b%s\.\w" % prefix, cells[index])]
        if places:
            index = luck.choice(places)
            cells[index] = re.sub(r"\b%s\.(?!(random|linalg|fft)\b)(?=\w)" % prefix, "", cells[index])
            return [cells[0], "from %s import *" % module] + cells[1:] if index else ["from %s import *" % module] + cells
    return None


def magic(cells, luck):
    plain = _plain(cells)
    if not plain:
        return None
    index = luck.choice(plain)
    kind = luck.choice(("time cell", "time line", "capture", "history", "system"))
    if kind == "time cell":
        cells[index] = "%%time\n" + cells[index]
    elif kind == "capture":
        return cells[:index] + ["%%capture grabbed\n" + cells[index], "print(len(grabbed.stdout))\ngrabbed.show()"] + cells[index + 1 :]
    elif kind == "system":
        return cells[:index] + ["listing = !echo one two\nnumber = len(listing)\n!echo {number} $number"] + cells[index:]
    else:
        statement = luck.choice(_parsed(cells[index]).body)
        if not isinstance(statement, (ast.Assign, ast.Expr)) or statement.lineno != statement.end_lineno:
            return None
        lines = cells[index].split("\n")
        if kind == "time line" and statement.col_offset == 0:
            lines[statement.lineno - 1] = "%time " + lines[statement.lineno - 1]
            cells[index] = "\n".join(lines)
        elif isinstance(_parsed(cells[index]).body[-1], ast.Expr):
            return cells[: index + 1] + ["kept = _"] + cells[index + 1 :]
    return cells


def wrap(cells, luck):
    """Put a cell into a function that is called at once, its names global."""
    plain = [index for index in _plain(cells) if "import *" not in cells[index]]
    if not plain:
        return None
    index = luck.choice(plain)
    tree = _parsed(cells[index])
    names = sorted(_bound(cells[index]))
    later = set().union(*[_words(source) for source in cells[index + 1 :]]) if cells[index + 1 :] else set()
    kept = [name for name in names if name in later or luck.random() < 0.5]
    if any(isinstance(node, (ast.Await, ast.Global)) for node in ast.walk(tree)):
        return None
    body = ast.unparse(tree).replace("\n", "\n    ")
    declared = "    global %s\n" % ", ".join(kept) if kept else ""
    name = "step_%d" % index
    cells[index] = "def %s():\n%s    %s\n%s()" % (name, declared, body, name)
    return cells


def delete(cells, luck):
    """Remove a name after its last use."""
    last = {}
    for index, source in enumerate(cells):
        for word in _words(source):
            last[word] = index
    names = sorted(name for source in cells for name in _bound(source) if last[name] < len(cells) - 1)
    if not names:
        return None
    name = luck.choice(names)
    return cells[: last[name] + 1] + ["del %s" % name] + cells[last[name] + 1 :]


def look(cells, luck):
    """Look at what there is."""
    name = luck.choice(sorted(set().union(*[_bound(source) for source in cells])) or ["__name__"])
    place = luck.randint(1, len(cells))
    extra = luck.choice((
        "if %r in globals():\n    print(type(globals()[%r]).__name__)" % (name, name),
        "try:\n    backup = %s\nexcept NameError:\n    backup = None\nbackup is None" % name,
        "import copy\ntry:\n    spare = copy.copy(%s)\nexcept Exception:\n    spare = None" % name,
    ))
    return cells[:place] + [extra] + cells[place:]


_MUTATIONS = [merge, merge, split, split, reorder, again, rename_over, rename_over, star_import, magic, magic, wrap, wrap, delete, look]
