"""The peer that takes everything: all names of the session through `dill`, there and back."""

import os
import sys

from .home import user_names
from .journey import Report
from .worker_link import Failed, Link

_LOAD = "import sys as _s; _s.path.append({path!r}); import dill as _d; _d.settings['recurse'] = False\nwith open({file!r}, 'rb') as _f: globals().update(_d.load(_f))\ndel _s, _d, _f"
_DUMP = (
    "import dill as _d, types as _t\n"
    "_n = dict((k, v) for k, v in list(globals().items()) if not k.startswith('_') and k not in ('In', 'Out', 'exit', 'quit', 'open', 'get_ipython'))\n"
    "with open({file!r}, 'wb') as _f: _d.dump(_n, _f)"
)


class DillJourney:
    """Has the same face as `journey.Journey`."""

    def __init__(self, home, folder, zygote, library):
        self.home, self._folder, self._zygote, self._library = home, folder, zygote, library
        self.report = Report()

    def travel(self, sources):
        dill = self._import()
        names = user_names(self.home.space)
        there, back = os.path.join(self._folder, "there"), os.path.join(self._folder, "back")
        try:
            with open(there, "wb") as file:
                dill.dump(names, file)
        except Exception as error:
            raise Failed("capture", {"kind": "pickle", "text": "%s: %s" % (type(error).__name__, error)})
        self.report.bytes = os.path.getsize(there)
        link = Link(self._zygote)
        try:
            count = self.home.shell.execution_count
            link.ask("begin", {"op": "begin", "directory": os.getcwd(), "path": [entry for entry in sys.path if entry != self._library], "ambient": {}, "count": count})
            self._quiet(link, _LOAD.format(path=self._library, file=there), count)
            for index, source in enumerate(sources):
                events = []
                done = link.ask(
                    "run", {"op": "run", "cell": "cell", "number": 0, "source": source, "count": count + index}, "done",
                    lambda frame, payload: link.send({"op": "absent", "name": frame["name"]}) if frame["op"] == "fault" else events.append(frame),
                )
                self.report.cells.append(events)
                if not done["ok"]:
                    last = [event for event in events if event["op"] == "error"][-1]
                    self.report.error = (last["ename"], last["evalue"], "")
                    return
            self._quiet(link, _DUMP.format(file=back), count)
        finally:
            link.close()
        self.report.returned = os.path.getsize(back)
        with open(back, "rb") as file:
            found = dill.load(file)
        for name in names:
            if name not in found:
                self.home.space.pop(name, None)
        self.home.space.update(found)
        self.home.shell.execution_count += len(sources)

    def _quiet(self, link, source, count):
        """Run code that belongs to the transport."""
        errors = []

        def take(frame, payload):
            if frame["op"] == "fault":
                link.send({"op": "absent", "name": frame["name"]})
            elif frame["op"] == "error":
                errors.append(frame)

        link.ask("run", {"op": "run", "cell": "cell", "number": 0, "source": source, "count": count}, "done", take)
        if errors:
            raise Failed("bundle", {"kind": "unpickle", "text": "%(ename)s: %(evalue)s" % errors[0]})

    def _import(self):
        if self._library not in sys.path:
            sys.path.append(self._library)
        import dill

        return dill
