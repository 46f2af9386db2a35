"""Decides whether a block that ran elsewhere had the effect it has when it runs here."""

import re

from . import look

_WORDS = re.compile(r"\b[A-Za-z_]\w*\b")
_LOOKS_AROUND = re.compile(r"\b(globals|locals|vars|dir|exec|eval|who|whos|who_ls|get_ipython|user_ns|__main__)\b")


def verdict(home, job, index, test, report):
    """The class of the result and why: outputs of the block first, then the state, then the cells that follow."""
    reference, end = job["reference"], index + test["length"]
    if report.error is not None:
        name, text, trace = report.error
        return {"class": "loud", "why": "%s: %s" % (name, text[:300]), "trace": trace[-1200:], "where": "block"}
    for offset, frames in enumerate(report.cells):
        wrong = _outputs_differ(reference, index + offset, frames)
        if wrong:
            return {"class": "silent", "why": "output of cell %s: %s" % (job["numbers"][index + offset], wrong), "where": "block"}
    state = look.apart(look.snapshot, home)
    found = look.differences(reference["states"][end], state)
    unstable = reference["unstable"][end]
    names = {name: what for name, what in found["names"].items() if name not in unstable["names"]}
    pieces = [piece for piece in found["ambient"] if piece not in unstable["ambient"]]
    later = job["sources"][end:]
    alive = {name: what for name, what in names.items() if _mentioned(name, later, job["sources"][:end])}
    answer = {"class": "ok", "differs": {name: names[name][:300] for name in list(names)[:20]}, "ambient_differs": pieces}
    if not alive and not pieces and not test["rest"]:
        return answer
    answer["rest"] = True
    for number, source in enumerate(later, end):
        outputs = home.run(source)
        if home.failed and not reference["cells"][number]["failed"]:
            error = [text for part, text in sorted(outputs.items()) if part.startswith("error")]
            return dict(answer, **{
                "class": "loud", "why": "cell %s, after the block: %s" % (job["numbers"][number], (error or [home.failed])[0][:400]), "where": "after",
            })
        wrong = _parts_differ(reference, number, outputs)
        if wrong:
            return dict(answer, **{
                "class": "silent", "why": "output of cell %s, after the block: %s" % (job["numbers"][number], wrong), "where": "after",
            })
    return answer


def _mentioned(name, later, before):
    """Whether a later cell, or a function that it may call, has the name in its text, or may look at all names."""
    texts = list(later) + [source for source in before if later and re.search(r"\b(def|class|lambda)\b", source)]
    return any(re.search(r"\b%s\b" % re.escape(name), text) for text in texts) or any(_LOOKS_AROUND.search(text) for text in later)


def _outputs_differ(reference, number, frames):
    from .home import normal

    return _parts_differ(reference, number, normal(frames))


def _parts_differ(reference, number, outputs):
    expected = reference["cells"][number]["outputs"]
    unstable = reference["unstable_outputs"][number]
    for part in sorted(set(expected) | set(outputs)):
        if part not in unstable and expected.get(part) != outputs.get(part):
            return "%s is %s, should be %s" % (part, _short(outputs.get(part), expected.get(part)), _short(expected.get(part), outputs.get(part)))
    return None


def _short(text, other):
    """The part of a text around its first difference from another."""
    if text is None or other is None or len(text) < 200:
        return repr(text)[:400]
    start = next((index for index, (one, two) in enumerate(zip(text, other)) if one != two), min(len(text), len(other)))
    return repr(text[max(0, start - 60) : start + 140])


def words(sources):
    """All identifiers in some sources."""
    return {word for source in sources for word in _WORDS.findall(source)}
