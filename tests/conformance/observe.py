"""Runs one example and writes down everything that it did."""

import contextlib
import os
import warnings

import ambient
import fingerprint
from effects_table import Ref

ARGUMENT_KEYS = ("views", "holds", "keeps", "mutates")


class Observed:
    """What a call did: which arguments changed, what it keeps, what it gave, and what else it touched."""

    def __init__(self):
        self.changed = set()
        self.effects = set()
        self.kept_by_result = set()
        self.kept_by_receiver = set()
        self.result = None
        self.run = None
        self.travels = True


def observe(example, make_names, options, given=None, watch=None):
    """Runs the example once; raises what it raises."""
    seen = Observed()
    before = {}

    def start(run):
        before["ambient"] = ambient.snapshot()
        before["folder"] = ambient.Folder(os.getcwd()).state()
        before["values"] = {label: (value, fingerprint.fingerprint(value, options.ignored)) for label, value in arguments(run)}
        before["parts"] = {label: fingerprint.Parts(value) for label, value in arguments(run)}
        before["receiver_had"] = {
            label for label, parts in before["parts"].items() if label != "self" and run.receiver is not None and parts.reached_from(run.receiver)
        }
        if watch:
            watch.events.clear()
            watch.folder, watch.active = os.getcwd(), True

    with warnings.catch_warnings() if not options.keeps_warnings else contextlib.nullcontext(), ambient.captured() as text:
        if not options.keeps_warnings:
            warnings.simplefilter("ignore")
        try:
            run = example.run(make_names(), given, start)
        finally:
            if watch:
                watch.active = False
        after = ambient.snapshot()
    seen.run, seen.result = run, run.result
    seen.effects |= {name for name in after if after[name] != before["ambient"].get(name, after[name])}
    seen.effects |= set(watch.events) if watch else set()
    if ambient.Folder(before_folder(before)).state() != before["folder"]:
        seen.effects.add("writes")
    if text.getvalue():
        seen.effects.add("display")
    for label, (value, old) in before["values"].items():
        if fingerprint.fingerprint(value, options.ignored) != old:
            seen.changed.add(label)
    for label, parts in before["parts"].items():
        if parts and not isinstance(run.result, fingerprint.ATOMS) and parts.reached_from(run.result):
            seen.kept_by_result.add(label)
        if parts and label != "self" and run.receiver is not None and label not in before["receiver_had"] and parts.reached_from(run.receiver):
            seen.kept_by_receiver.add(label)
    seen.applicable = {label for label, parts in before["parts"].items() if parts}
    seen.travels = ambient.travels(run.result)
    return seen


def before_folder(before):
    """The working directory at the start: the call may have changed it."""
    return before["ambient"]["directory"]


def arguments(run):
    """The receiver and the arguments with their labels: `self`, a position, a keyword."""
    found = [] if run.receiver is None or isinstance(run.receiver, type(os)) else [("self", run.receiver)]
    # An argument that is the receiver itself is spoken of as the receiver.
    return found + [(label, value) for label, value in [*enumerate(run.positional), *run.keywords.items()] if value is not run.receiver or value is None]


def labels(ref_text, run):
    """The labels of the arguments that a REF speaks of in this run."""
    ref = Ref(ref_text)
    if ref.text == "self":
        return {"self"}
    if ref.text == "*":
        return set(range(len(run.positional))) | set(run.keywords)
    if ref.text.startswith("**"):
        return set(range(int(ref.text[2:]), len(run.positional)))
    found = {ref.name} if ref.name in run.keywords else set()
    if ref.position is not None and ref.position < len(run.positional):
        found.add(ref.position)
    return found
