"""Runs cells in an IPython shell whose output becomes frames; `plain` stands in where IPython is not installed."""

import asyncio
import os
import sys

from . import cellnames


class Outcome:
    """How a cell ended."""

    def __init__(self, ok, interrupted):
        self.ok = ok
        self.interrupted = interrupted


def make_runner(channel, namespace, before):
    """The runner that this interpreter allows; it calls `before` with the code of each statement that it is about to run."""
    try:
        import IPython  # noqa: F401
    except ImportError:
        from .plain import PlainRunner

        return PlainRunner(channel, namespace, before)
    return ShellRunner(channel, namespace, before)


class ShellRunner:
    """Runs cells as ipykernel does: in the main thread, while an event loop is running."""

    def __init__(self, channel, namespace, before):
        import IPython

        self.version = IPython.__version__
        self._channel = channel
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._shell = _make_shell(channel, sys.modules["__main__"], namespace, before)
        self._known = set()

    def begin(self, count, ambient):
        """Take over the execution count, and how the kernel's shell shows things."""
        shell, state = self._shell, (ambient or {}).get("shell") or {}
        if isinstance(count, int):
            shell.execution_count = count
            for listing in (shell.history_manager.input_hist_parsed, shell.history_manager.input_hist_raw):
                listing.extend([""] * (count - len(listing)))
        for name, value in (state.get("traits") or {}).items():
            try:
                setattr(shell, name, value)
            except Exception:
                pass  # Another version of IPython may not have this trait.
        for name in state.get("extensions") or ():
            try:
                shell.extension_manager.load_extension(name)
            except Exception as error:
                print("the extension %s could not be loaded: %s" % (name, error), file=sys.stderr)
        shell.cell_names = state.get("cell_names")
        if state.get("mode"):
            shell.InteractiveTB.set_mode(state["mode"])

    def run(self, source, count, cell):
        """Run one cell and wait for its end."""
        shell = self._shell
        if isinstance(count, int):
            shell.execution_count = count
        shell.failure = None
        result = self._loop.run_until_complete(self._run(source, cell)) if self._async() else self._simple(source, cell)
        error = result.error_before_exec or result.error_in_exec
        ok = result.success and shell.failure is None
        broken_off = (KeyboardInterrupt, asyncio.CancelledError)
        return Outcome(ok, isinstance(error, broken_off) or shell.failure in broken_off)

    def finish(self):
        """Send everything that the cell wrote."""
        from .streams import flush_c

        flush_c()
        self._channel.flush()

    def outputs(self):
        """`Out` as far as the cells that ran here filled it."""
        return dict(self._shell.user_ns.get("_oh") or {})

    def _async(self):
        return hasattr(self._shell, "run_cell_async") and hasattr(self._shell, "should_run_async")

    def _simple(self, source, cell):
        try:
            return self._shell.run_cell(source, store_history=True)
        except KeyboardInterrupt:
            return self._interrupted()

    async def _run(self, source, cell):
        shell = self._shell
        trouble = None
        try:
            transformed = shell.transform_cell(source)
        except Exception:
            transformed, trouble = source, sys.exc_info()
        if not shell.should_run_async(source, transformed_cell=transformed, preprocessing_exc_tuple=trouble):
            return shell.run_cell(source, store_history=True)
        coroutine = shell.run_cell_async(
            source, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=trouble
        )
        result = None
        try:
            result = await _cancel_on_interrupt(coroutine, self._loop)
        finally:
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", result)
        return result

    def _interrupted(self):
        self._shell.showtraceback()
        return _Failed(KeyboardInterrupt())


class _Failed:
    success = False
    error_before_exec = None

    def __init__(self, error):
        self.error_in_exec = error


async def _cancel_on_interrupt(coroutine, loop):
    """Wait for a cell; an interrupt that comes while it awaits something cancels it, as in ipykernel."""
    import signal

    task = asyncio.ensure_future(coroutine)
    before = signal.getsignal(signal.SIGINT)

    def handler(number, frame):
        # Code that runs is interrupted where it is; code that waits is woken up and cancelled.
        if _inside_cell(frame):
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, handler)
    try:
        return await task
    finally:
        signal.signal(signal.SIGINT, before)


def _inside_cell(frame):
    """Whether the code of a cell is on the stack."""
    while frame is not None:
        if frame.f_code.co_name == "run_code" and "interactiveshell" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _encode(data):
    """Images as text, as messages carry them."""
    from base64 import b64encode

    return {
        kind: b64encode(value).decode("ascii") if isinstance(value, bytes) else value for kind, value in data.items()
    }


def _make_shell(channel, module, namespace, before):
    from IPython.core import page
    from IPython.core.compilerop import CachingCompiler
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.error import StdinNotImplementedError
    from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
    from traitlets import CBool, Type
    from traitlets.config import Config

    class Publisher(DisplayPublisher):
        """Sends rich output as frames."""

        def publish(self, data, metadata=None, *args, transient=None, update=False, **kwargs):
            channel.send({
                "op": "update_display_data" if update else "display_data",
                "cell": channel.cell,
                "data": _encode(data),
                "metadata": metadata or {},
                "transient": transient or {},
            })

        def clear_output(self, wait=False):
            channel.send({"op": "clear_output", "cell": channel.cell, "wait": bool(wait)})

    class Hook(DisplayHook):
        """Sends the value of a last expression as a frame."""

        def start_displayhook(self):
            self.message = {}

        def write_output_prompt(self):
            self.message["execution_count"] = self.prompt_count

        def write_format_data(self, format_dict, md_dict=None):
            self.message.update(data=_encode(format_dict), metadata=md_dict or {})

        def finish_displayhook(self):
            message, self.message = self.message, {}
            if message.get("data"):
                channel.send(dict(message, op="execute_result", cell=channel.cell))

    class Compiler(CachingCompiler):
        """Names cells as the kernel does."""

        def get_code_name(self, raw_code, transformed_code, number):
            rule = getattr(InteractiveShell._instance, "cell_names", None)
            if rule:
                return cellnames.name(rule, raw_code)
            return CachingCompiler.get_code_name(self, raw_code, transformed_code, number)

    class WorkerShell(InteractiveShell):
        """The shell of the worker."""

        displayhook_class = Type(Hook)
        display_pub_class = Type(Publisher)
        readline_use = CBool(False)
        autoindent = CBool(False)
        compiler_class = Type(Compiler)
        failure = None
        cell_names = None

        def init_hooks(self):
            InteractiveShell.init_hooks(self)
            # A kernel hands help texts to the front end's pager, not to the cell's output.
            self.set_hook("show_in_pager", page.as_hook(lambda text, start=0, screen_lines=0, pager_cmd=None: None), 99)

        def init_io(self):
            pass

        def init_environment(self):
            pass

        def init_virtualenv(self):
            pass

        def enable_gui(self, gui=None):
            pass

        def ask_exit(self):
            pass

        def _showtraceback(self, etype, evalue, stb):
            self.failure = etype
            channel.send({
                "op": "error",
                "cell": channel.cell,
                "ename": str(etype.__name__),
                "evalue": str(evalue),
                "traceback": [str(line) for line in stb],
            })

        def run_code(self, code_obj, *args, **kwargs):
            before(code_obj)
            return InteractiveShell.run_code(self, code_obj, *args, **kwargs)

        def system_piped(self, cmd):
            """Run a command and show what it writes, as ipykernel does."""
            from IPython.utils.process import system

            if cmd.rstrip().endswith("&"):
                raise OSError("Background processes not supported.")
            self.user_ns["_exit_code"] = system(self.var_expand(cmd, depth=1))

        system = system_piped

    InteractiveShellABC.register(WorkerShell)
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.tqdm = "worker"  # tqdm looks for this key to tell a notebook from a terminal.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    shell = WorkerShell.instance(config=config, user_module=module, user_ns=namespace)

    def no_input(prompt=""):
        raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")

    def no_password(prompt="", stream=None):
        raise StdinNotImplementedError("getpass was called, but this frontend does not support input requests.")

    import builtins
    import getpass

    builtins.input = no_input
    getpass.getpass = no_password
    return shell
