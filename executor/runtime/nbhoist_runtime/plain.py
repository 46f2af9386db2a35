"""Runs cells without IPython: statements, the value of a last expression, tracebacks; no magics."""

import ast
import asyncio
import inspect
import linecache
import re
import traceback

from .shell import Outcome

_MAGIC = re.compile(r"^\s*(%%?\w|!|\?|\w[\w.]*\?\??\s*$)", re.MULTILINE)


class PlainRunner:
    """Stands in for an IPython shell."""

    version = None

    def __init__(self, channel, namespace, before):
        self._channel = channel
        self._before = before
        self._space = namespace
        self._out = {}
        self._loop = None
        namespace.setdefault("__name__", "__main__")
        namespace.setdefault("display", self._display)

    def begin(self, count, ambient):
        """Nothing has to be prepared."""

    def run(self, source, count, cell):
        """Run one cell and wait for its end."""
        name = "<cell %s>" % count
        linecache.cache[name] = (len(source), None, [line + "\n" for line in source.split("\n")], name)
        try:
            self._execute(source, name, count)
            return Outcome(True, False)
        except BaseException as error:
            self._tell_error(error, source)
            return Outcome(False, isinstance(error, KeyboardInterrupt))

    def finish(self):
        """Send everything that the cell wrote."""
        from .streams import flush_c

        flush_c()
        self._channel.flush()

    def outputs(self):
        """The values of last expressions."""
        return dict(self._out)

    def _execute(self, source, name, count):
        tree = compile(source, name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self._evaluate(tree, name, "exec")
        if last is not None and not source.rstrip().endswith(";"):
            value = self._evaluate(ast.Expression(last.value), name, "eval")
            if value is not None:
                self._result(value, count)
        elif last is not None:
            self._evaluate(ast.Expression(last.value), name, "eval")

    def _evaluate(self, tree, name, mode):
        code = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        self._before(code)
        value = eval(code, self._space)
        if inspect.iscoroutine(value) and code.co_flags & inspect.CO_COROUTINE:
            self._loop = self._loop or asyncio.new_event_loop()
            value = self._loop.run_until_complete(value)
        return value

    def _result(self, value, count):
        self._out[count] = value
        self._space["_"] = value
        self._channel.send({
            "op": "execute_result",
            "cell": self._channel.cell,
            "data": _bundle(value),
            "metadata": {},
            "execution_count": count,
        })

    def _display(self, *values, **_):
        for value in values:
            self._channel.send({
                "op": "display_data", "cell": self._channel.cell, "data": _bundle(value), "metadata": {}, "transient": {},
            })

    def _tell_error(self, error, source):
        lines = traceback.format_exception(type(error), error, _own(error.__traceback__))
        if isinstance(error, SyntaxError) and _MAGIC.search(source):
            lines.append("IPython is not installed where this cell ran, so magics (%), commands (!) and help (?) do not work there\n")
        self._channel.send({
            "op": "error",
            "cell": self._channel.cell,
            "ename": type(error).__name__,
            "evalue": str(error),
            "traceback": "".join(lines).rstrip("\n").split("\n"),
        })


def _own(trace):
    """The traceback from the cell on."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    return trace


def _bundle(value):
    data = {"text/plain": repr(value)}
    method = getattr(type(value), "_repr_html_", None)
    if method is not None:
        try:
            html = method(value)
        except Exception:
            html = None
        if isinstance(html, str):
            data["text/html"] = html
    return data


