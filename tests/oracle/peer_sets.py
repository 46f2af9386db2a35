"""What other tools' static analyses say a block needs and gives; run by an interpreter that has them installed.

Reads JSON lines `{"cells": [sources], "blocks": [[start, end]]}`, writes one line each: `[{peer: {"inputs", "returns"}}]`. A peer that
cannot read a cell gives nothing for it. Every peer gets help that it does not have by itself: the free names of the functions and classes
that the block's inputs are, as that peer sees them, through any number of steps.
"""

import ast
import builtins
import json
import sys

from IPython.core.inputtransformer2 import TransformerManager


def marimo(source):
    """`(names read, names bound)`."""
    from marimo._ast.visitor import ScopedVisitor

    visitor = ScopedVisitor("cell_", ignore_local=True)
    visitor.visit(ast.parse(source))
    return set(visitor.refs), set(visitor.defs)


def pyflakes(source):
    """As Kale uses it: undefined names are what comes in; every name bound at the top goes out."""
    from pyflakes import checker, messages

    tree = ast.parse(source)
    found = checker.Checker(tree)
    undefined = {message.message_args[0] for message in found.messages if isinstance(message, (messages.UndefinedName, messages.UndefinedLocal))}
    return undefined, _bound(tree)


def ipyflow(source):
    """The roots of live references, and of the references that the cell stores to."""
    from ipyflow.analysis.live_refs import compute_live_dead_symbol_refs
    from ipyflow.flow import NotebookFlow
    from ipyflow.shell.interactiveshell import IPyflowInteractiveShell

    if not NotebookFlow.initialized():
        IPyflowInteractiveShell.instance()
        NotebookFlow.instance()
    live, dead, *_ = compute_live_dead_symbol_refs(source)
    roots = {ref.ref.chain[0].value for ref in live}, {ref.chain[0].value for ref in dead}
    return tuple({name for name in names if isinstance(name, str)} for names in roots)


PEERS = {"marimo": marimo, "pyflakes": pyflakes, "ipyflow": ipyflow}


def _bound(tree):
    found = set()

    def visit(node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            return
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


class Book:
    """The cells of one notebook as a peer sees them; what it was asked once is remembered."""

    def __init__(self, cells, peer):
        self._peer, self._known = peer, {}
        self._cells = [TransformerManager().transform_cell(cell) for cell in cells]
        self._functions = [self._functions_of(cell) for cell in self._cells]

    def sets(self, start, end):
        """Inputs and returns of the cells from `start` to before `end`."""
        reads, binds = self._ask("\n".join(self._cells[start:end]))
        inputs = self._close(reads, range(start))
        later = set()
        for cell in self._cells[end:]:
            later |= self._ask(cell)[0]
        later = self._close(later, range(len(self._cells)))
        plain = {name for name in inputs if not hasattr(builtins, name) and not name.startswith("__") and name != "get_ipython"}
        return {"inputs": sorted(plain), "returns": sorted(binds & later)}

    def _ask(self, source):
        if source not in self._known:
            try:
                self._known[source] = self._peer(source)
            except Exception:
                self._known[source] = (set(), set())
        return self._known[source]

    def _close(self, names, cells):
        """Names, and those that the functions and classes among them read."""
        found, fresh = set(names), set(names)
        while fresh:
            more = set()
            for index in cells:
                for name in fresh & set(self._functions[index]):
                    more |= self._ask(self._functions[index][name])[0]
            fresh = more - found
            found |= more
        return found

    def _functions_of(self, cell):
        try:
            tree = ast.parse(cell)
        except SyntaxError:
            return {}
        found = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found[node.name] = ast.unparse(node)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = ast.unparse(node)
        return found


def main():
    for line in sys.stdin:
        question = json.loads(line)
        books = {name: Book(question["cells"], peer) for name, peer in PEERS.items()}
        answer = [{name: book.sets(start, end) for name, book in books.items()} for start, end in question["blocks"]]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
