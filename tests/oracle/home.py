"""The session that blocks move out of: an IPython shell in this process whose outputs are kept, cell by cell."""

import io
import os
import re
import sys
import tempfile
import types

from .state import digest, scrub

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class _Text(io.TextIOBase):
    def __init__(self, home, name, descriptor):
        io.TextIOBase.__init__(self)
        self._home, self._stream, self._descriptor = home, name, descriptor

    encoding, errors, mode = "UTF-8", "replace", "w"

    def writable(self):
        return True

    def write(self, text):
        self._home.frames.append({"op": "stream", "name": self._stream, "text": text})
        return len(text)

    def fileno(self):
        return self._descriptor

    def isatty(self):
        return False


class Home:
    """One session. `space` is its namespace, `frames` what the last cell put out."""

    def __init__(self):
        self.frames = []
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.space = module.__dict__
        self._files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        for descriptor, file in zip((1, 2), self._files):
            os.dup2(file.fileno(), descriptor)
        sys.stdout = sys.__stdout__ = _Text(self, "stdout", 1)
        sys.stderr = sys.__stderr__ = _Text(self, "stderr", 2)
        sys.stdin = open(os.devnull)
        self.shell = _make_shell(self, module)
        self.failed = None

    def own_files(self):
        """Take files of our own for what C code prints; for a process forked off another session."""
        self._files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        for descriptor, file in zip((1, 2), self._files):
            os.dup2(file.fileno(), descriptor)

    def run(self, source):
        """Run one cell; gives its outputs in a form that can be compared."""
        self.frames, self.failed = [], None
        for file in self._files:
            file.seek(0)
            file.truncate()
        result = self.shell.run_cell(source, store_history=True)
        if not result.success and self.failed is None:
            self.failed = type(result.error_before_exec or result.error_in_exec).__name__
        for name, file in zip(("stdout", "stderr"), self._files):
            file.seek(0)
            text = file.read().decode("utf-8", "replace")
            if text:
                self.frames.append({"op": "stream", "name": name, "text": text})
        return normal(self.frames)

    def opaque(self):
        """Objects that belong to the session and not to the user."""
        return [self.shell, self.space.get("In"), self.space.get("Out"), sys.modules["__main__"]]


_SHELL = re.compile(r"^(_+|_i+|_i?\d+|_[dios]h|In|Out|exit|quit|open|get_ipython|_exit_code|__\w+__)$")


def user_names(space):
    """The names that cells bound, in alphabetical order."""
    return {name: space[name] for name in sorted(key for key in space if isinstance(key, str)) if not _SHELL.match(name)}


def normal(frames):
    """Outputs as `{part: text}`: the two streams, and everything rich by its number."""
    found, texts, count = {}, {"stdout": [], "stderr": []}, 0
    for frame in frames:
        operation = frame["op"]
        if operation == "stream":
            texts[frame["name"]].append(frame["text"])
            continue
        if operation == "error":
            trace = _ANSI.sub("", "\n".join(frame["traceback"]))
            value = "%s: %s\n%s" % (frame["ename"], scrub(str(frame["evalue"])), scrub(trace))
        elif operation in ("display_data", "update_display_data", "execute_result"):
            value = _rich(frame["data"])
        elif operation == "clear_output":
            value = ""
        else:
            continue
        found["%s %d" % (operation, count)] = value
        count += 1
    for name, pieces in texts.items():
        text = scrub("".join(pieces))
        if text:
            found[name] = text
    return found


def _rich(data):
    parts = []
    for kind in sorted(data):
        value = data[kind] if isinstance(data[kind], str) else repr(data[kind])
        if kind == "text/plain":
            parts.append(scrub(value))
        else:
            parts.append("%s %s" % (kind, digest(scrub(value)) if len(value) > 400 else scrub(value)))
    return "\n".join(parts)


def _make_shell(home, module):
    from base64 import b64encode

    from IPython.core import page
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
    from traitlets import CBool, Type
    from traitlets.config import Config

    def encoded(data):
        return {key: b64encode(value).decode() if isinstance(value, bytes) else value for key, value in data.items()}

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, *args, transient=None, update=False, **kwargs):
            home.frames.append({"op": "update_display_data" if update else "display_data", "data": encoded(data)})

        def clear_output(self, wait=False):
            home.frames.append({"op": "clear_output"})

    class Hook(DisplayHook):
        def start_displayhook(self):
            pass

        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            if format_dict:
                home.frames.append({"op": "execute_result", "data": encoded(format_dict)})

        def finish_displayhook(self):
            pass

    class HomeShell(InteractiveShell):
        displayhook_class = Type(Hook)
        display_pub_class = Type(Publisher)
        readline_use = CBool(False)
        autoindent = CBool(False)

        def init_hooks(self):
            InteractiveShell.init_hooks(self)
            self.set_hook("show_in_pager", page.as_hook(lambda *args, **kwargs: None), 99)

        def init_io(self):
            pass

        def init_virtualenv(self):
            pass

        def enable_gui(self, gui=None):
            pass

        def _showtraceback(self, etype, evalue, stb):
            home.failed = etype.__name__
            home.frames.append({"op": "error", "ename": etype.__name__, "evalue": str(evalue), "traceback": [str(line) for line in stb]})

    InteractiveShellABC.register(HomeShell)
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.tqdm = "home"
    return HomeShell.instance(config=config, user_module=module, user_ns=module.__dict__)
