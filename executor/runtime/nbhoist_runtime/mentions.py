"""Which names some code may read as global variables of the notebook, though no cell says so."""

import ast
import dis
import gc
import re
import sys
import types

_WORD = re.compile(r"[^\W\d]\w*")

# Built-in functions and IPython's own that can reach any name, whatever the code says.
REACH = {
    "globals", "locals", "vars", "eval", "exec", "dir", "compile", "get_ipython", "breakpoint", "__import__", "__main__",
    "inspect",
}

# `dir(x)` and its like look into one object only.
_OF_AN_OBJECT = {"dir", "vars"}

# Attributes through which the namespace of the notebook can be had.
_DOORS = {
    "__dict__", "__globals__", "f_globals", "f_locals", "f_back", "user_ns", "user_global_ns", "modules", "_getframe", "get_objects",
    "get_referrers", "dump_session", "dump_module", "get_ipython", "import_module",
}

# Those that functions of notebooks have for no other purpose.
_WIDE_DOORS = {"__globals__", "f_globals", "f_back", "user_ns", "user_global_ns"}

# Methods that read names from a text, as `frame.query("a > @limit")`.
_READERS = {"eval", "query"}

ALL = None


def of_cell(tree):
    """The names that a cell mentions anywhere but to bind them, in its texts as well; `ALL` when it may reach any."""
    found = set()
    for node in ast.walk(tree):
        more = _of_node(node)
        if more is ALL:
            return ALL
        found.update(more)
    return found


def _of_node(node):
    if isinstance(node, ast.Call) and _is_harmless(node):
        return ()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _READERS and not _is_told(node):
        return ALL
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return (node.target.id,)
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return ()  # To bind or unbind a name nobody has to know what it is bound to.
    if isinstance(node, ast.Name):
        return ALL if node.id in REACH and not getattr(node, "harmless", False) else (node.id,)
    if isinstance(node, ast.Attribute):
        return ALL if node.attr in _DOORS else (node.attr,)
    if isinstance(node, ast.alias):
        return ALL if node.name == "*" or "__main__" in node.name else [part for part in (node.name, node.asname) if part]
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
        text = node.value if isinstance(node.value, str) else node.value.decode("utf-8", "replace")
        return ALL if "__main__" in text else _WORD.findall(text)
    return [value for value in _texts(node) if isinstance(value, str)]


def _texts(node):
    """The fields of a node that are names: of functions, arguments, keywords, `global`, captures of patterns."""
    for _, value in ast.iter_fields(node):
        for one in value if isinstance(value, list) else (value,):
            yield one


def _is_harmless(call):
    """Whether this is `dir(x)` or `vars(x)`; the name of the function is marked, and passed over when it is met."""
    if isinstance(call.func, ast.Name) and call.func.id in _OF_AN_OBJECT and (call.args or call.keywords):
        call.func.harmless = True
        return True
    return False


def _is_told(call):
    """Whether the text that is read stands in the cell."""
    return all(isinstance(argument, ast.Constant) for argument in call.args)


def in_memory(space, names):
    """Those of `names` that code may read which lives in this process: functions, generators, coroutines of the namespace `space`."""
    names, found = set(names), set()
    if not names:
        return found
    running = _running()
    codes = {_code(item, space) for item in gc.get_objects()} | _of_threads(space)
    for code in codes - running - {None}:
        more = _of_code(code, names)
        if more is ALL:
            return names
        found |= more
    return found


def _of_threads(space):
    """The code that threads run, also where its function is gone."""
    found = set()
    for frame in sys._current_frames().values():
        while frame is not None:
            if frame.f_globals is space:
                found.add(frame.f_code)
            frame = frame.f_back
    return found


def _running():
    """The code that called us, which is nbhoist's own question and not the notebook's."""
    found, frame = set(), sys._getframe()
    while frame is not None:
        found.add(frame.f_code)
        frame = frame.f_back
    return found


def _code(item, space):
    cls = type(item)
    if cls is types.FunctionType:
        return item.__code__ if item.__globals__ is space else None
    frame = None
    if cls is types.GeneratorType:
        frame = item.gi_frame
    elif cls is types.CoroutineType:
        frame = item.cr_frame
    elif cls is types.AsyncGeneratorType:
        frame = item.ag_frame
    return frame.f_code if frame is not None and frame.f_globals is space else None


def _of_code(code, names):
    found, stack = set(), [code]
    while stack:
        item = stack.pop()
        for constant in item.co_consts:
            if isinstance(constant, types.CodeType):
                stack.append(constant)
            elif isinstance(constant, str):
                found.update(names.intersection(_WORD.findall(constant)))
        found.update(names.intersection(item.co_names))
        if not _WIDE_DOORS.isdisjoint(item.co_names):
            return ALL
        if not REACH.isdisjoint(item.co_names) and not REACH.isdisjoint(_read(item)):
            return ALL
    return found


def _read(code):
    """Global variables that some code reads."""
    wanted = ("LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME")
    return {instruction.argval for instruction in dis.get_instructions(code) if instruction.opname in wanted}
