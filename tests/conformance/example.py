"""Takes an example apart, so that its receiver and arguments can be looked at before and after."""

import ast
import copy


class Example:
    """Statements that end with an expression, and inside it the call (or attribute, or subscript) that an entry is about."""

    def __init__(self, text, name):
        self.text = text
        self.tree = ast.parse(text)
        if not self.tree.body or not isinstance(self.tree.body[-1], ast.Expr):
            # An example that ends with a statement is observed as a whole.
            self.before, self.last, self.target = self.tree.body, None, None
            return
        self.before, self.last = self.tree.body[:-1], self.tree.body[-1].value
        self.target = find(self.last, name)

    def run(self, names, given=None, watch=None):
        """Evaluates the receiver and the arguments, then the call, then what stands around it."""
        run = Run(names)
        run.exec(self.before)
        if self.target is None:
            run.start(watch)
            run.whole = True
            run.result = run.eval(self.last) if self.last is not None else None
            return run
        target = self.target
        if isinstance(target, ast.Attribute):
            run.receiver = run.eval(target.value)
            pieces = ast.Attribute(run.name("receiver", run.receiver), target.attr, ast.Load())
        elif isinstance(target, ast.Subscript):
            run.receiver = run.eval(target.value)
            run.positional = [run.eval(target.slice)]
            pieces = ast.Subscript(run.name("receiver", run.receiver), run.name("key", run.positional[0]), ast.Load())
        else:
            pieces = self._call(target, run, given or {})
        run.start(watch)
        run.result = run.eval(pieces)
        if target is not self.last:
            rest = Replace(target, run.name("result", run.result)).visit(copy.deepcopy(self.last, {id(target): target}))
            run.around = run.eval(rest)
        return run

    def _call(self, target, run, given):
        if isinstance(target.func, ast.Attribute):
            run.receiver = run.eval(target.func.value)
            func = ast.Attribute(run.name("receiver", run.receiver), target.func.attr, ast.Load())
        else:
            func = target.func
        for value in target.args:
            if isinstance(value, ast.Starred):
                run.positional += list(run.eval(value.value))
            else:
                run.positional.append(run.eval(value))
        for word in target.keywords:
            run.keywords.update({word.arg: run.eval(word.value)} if word.arg else run.eval(word.value))
        run.keywords.update({name: make(run) for name, make in given.items()})
        args = [run.name(f"argument_{place}", value) for place, value in enumerate(run.positional)]
        words = [ast.keyword(name, run.name(f"keyword_{name}", value)) for name, value in run.keywords.items()]
        return ast.Call(func, args, words)


class Run:
    """One run of an example: what it was given and what came of it."""

    def __init__(self, names):
        self.names = names
        self.receiver, self.positional, self.keywords = None, [], {}
        self.result = self.around = None
        self.whole = False
        self.on_start = None

    def start(self, watch):
        """Calls the observer just before the call itself."""
        if watch:
            watch(self)

    def exec(self, statements):
        """Runs statements in the names of the example."""
        module = ast.fix_missing_locations(ast.Module(list(statements), []))
        exec(compile(module, "<example>", "exec"), self.names)

    def eval(self, node):
        """Evaluates an expression in the names of the example."""
        expression = ast.fix_missing_locations(ast.Expression(copy.deepcopy(node)))
        return eval(compile(expression, "<example>", "eval"), self.names)

    def name(self, name, value):
        """Keeps a value under a name of our own and gives the expression that reads it."""
        self.names[f"conformance_{name}"] = value
        return ast.Name(f"conformance_{name}", ast.Load())


class Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().visit(node)


def find(expression, name):
    """The outermost part of an expression that calls, reads or indexes by this name; else the expression itself."""
    whole = isinstance(expression, (ast.Call, ast.Attribute, ast.Subscript))
    if name == "*" and whole or name == "__getitem__" and isinstance(expression, ast.Subscript):
        return expression
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and called(node.func) == name:
            return node
    for node in ast.walk(expression):
        if isinstance(node, ast.Attribute) and node.attr == name:
            return node
        if name == "__getitem__" and isinstance(node, ast.Subscript):
            return node
    return expression if whole else None


def called(func):
    """The last name of what is called."""
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else None
