"""Starts programs for comms of the target `nbhoist` and passes their standard streams on; executed in a kernel of ours.

Data is counted in both directions and taken in turns, so that nothing piles up in a server between. A comm that is silent for
too long is closed: a kernel is not told when the connection behind it is cut.
"""


def _install():
    import collections
    import os
    import queue
    import subprocess
    import threading
    import time

    from IPython import get_ipython

    CHUNK = 4 << 20
    AHEAD = 4
    SILENCE = 25.0

    class Bridge:
        def __init__(self, comm, argv):
            self.comm = comm
            self.heard = time.monotonic()
            self.window = threading.Semaphore(AHEAD)
            self.queue = queue.Queue()
            self.over = False
            self.tail = collections.deque(maxlen=64)
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True)
            for work in (self.write, self.read, self.drain, self.watch):
                threading.Thread(target=work, daemon=True).start()

        def receive(self, message):
            self.heard = time.monotonic()
            data = message["content"].get("data") or {}
            for _ in range(data.get("taken", 0)):
                self.window.release()
            for part in message.get("buffers") or ():
                self.queue.put(part)

        def write(self):
            while True:
                part = self.queue.get()
                if part is None:
                    break
                view = memoryview(part).cast("B")
                try:
                    while view:
                        view = view[self.process.stdin.write(view) :]
                except OSError:
                    break
                self.comm.send({"taken": 1})
            self.process.stdin.close()

        def read(self):
            number = 0
            while True:
                data = os.read(self.process.stdout.fileno(), CHUNK)
                if not data:
                    break
                while len(data) < CHUNK:
                    # Servers drop messages that come too fast, so small ones wait for one another.
                    time.sleep(0.002)
                    more = self.more(CHUNK - len(data))
                    if not more:
                        break
                    data += more
                while not self.window.acquire(timeout=1):
                    if self.over:
                        return
                self.comm.send({"number": number}, buffers=[data])
                number += 1
            code = self.process.wait()
            self.comm.send({"number": number, "exit": code, "stderr": b"".join(self.tail).decode("utf-8", "replace")})
            self.over = True

        def more(self, most):
            import select

            ready, _, _ = select.select([self.process.stdout], [], [], 0)
            return os.read(self.process.stdout.fileno(), most) if ready else b""

        def drain(self):
            while True:
                data = os.read(self.process.stderr.fileno(), 256)
                if not data:
                    return
                self.tail.append(data)

        def watch(self):
            while not self.over and time.monotonic() - self.heard < SILENCE:
                time.sleep(0.5)
            self.close()

        def close(self, _=None):
            """The other side is gone: so is this stream. What the program started goes on if it was meant to."""
            if not self.over:
                self.over = True
                self.queue.put(None)
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    self.process.kill()

    def opened(comm, message):
        bridge = Bridge(comm, message["content"]["data"]["argv"])
        comm.on_msg(bridge.receive)
        comm.on_close(lambda message: threading.Thread(target=bridge.close, daemon=True).start())

    get_ipython().kernel.comm_manager.register_target("nbhoist", opened)


_install()
