"""Stands between nbhoist and a worker, counts frames, and does harm at one of them.

Arguments: a folder, `DIRECTION OP NTH FAULT` as one argument (empty: do no harm), and the worker's command. In the folder, `log` gets a line
for each frame (`> op` to the worker, `< op` from it), the processes as `worker N` and `relay N`, and `hit` when the time had come. A fault that
somebody else has to do (`wait`) holds the frame back until there is a file `go`.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time

folder, order, command = sys.argv[1], sys.argv[2], sys.argv[3:]
way, op_wanted, nth, fault = order.split() if order else ("", "", "0", "")
# How long the worker's program is stands in its command; a key and a nonce follow.
PROGRAM = int(re.search(r"read\((\d+)\)", " ".join(command)).group(1))
KEY, TAG = 32 + 16, 32
MARGIN = 1 << 20  # Bytes that a worker without memory still gets.

log_lock = threading.Lock()
log = open(os.path.join(folder, "log"), "a", buffering=1)
worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def say(text):
    with log_lock:
        log.write(text + "\n")


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def changed(frame, at):
    """The frame with one bit of one byte the other way."""
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


def memory_of(process):
    with open("/proc/%d/statm" % process) as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def do_harm(frame, payload, sink):
    """Gives the bytes that pass; None when none do."""
    say("hit")
    if fault == "kill-worker":
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    elif fault == "kill-nbhoist":
        os.kill(parent, signal.SIGKILL)
    elif fault == "cut-link":
        os._exit(1)
    elif fault == "truncate":
        sink.write(frame[: len(frame) // 2])
        sink.flush()
        os._exit(1)
    elif fault == "corrupt-length":
        return changed(frame, 2)
    elif fault == "corrupt-byte":
        return changed(frame, len(frame) - 1 - payload // 2)
    elif fault == "stall-link":
        # Nothing passes any more in either direction, and nothing ends, until the other side gives up.
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(1)
    elif fault == "memory-there":
        limit = memory_of(worker.pid) + MARGIN
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (limit, limit))
    elif fault == "disk-there":
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (0, 0))
    elif fault == "clock-there":
        with open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w") as file:
            file.write("-400d\n")
    elif fault == "wait":
        while os.getppid() == parent and not os.path.exists(os.path.join(folder, "go")):
            time.sleep(0.02)
    return frame


def next_frame(source):
    """A frame's name, its bytes, and how many of them are its payload."""
    head = exactly(source, 4 + TAG)
    text = exactly(source, int.from_bytes(head[:4], "big"))
    header = json.loads(text)
    tags = exactly(source, 2 * TAG)
    payload = exactly(source, header.get("n", 0))
    return header["op"], head + text + tags + payload, len(payload)


def relay(source, sink, mark):
    seen = 0
    first = mark == ">"
    while True:
        try:
            if first:
                op, frame, payload, first = "program", exactly(source, PROGRAM), 0, False
                key = exactly(source, KEY)
            else:
                key = b""
                op, frame, payload = next_frame(source)
        except EOFError:
            break
        say(mark + " " + op)
        if mark == way and op == op_wanted:
            seen += 1
            if seen == int(nth):
                frame = do_harm(frame, payload, sink)
        try:
            sink.write(frame + key)
            sink.flush()
        except OSError:
            break
    try:
        sink.close()
    except OSError:
        pass


parent = os.getppid()
say("worker %d" % worker.pid)
say("relay %d" % os.getpid())
there = threading.Thread(target=relay, args=(sys.stdin.buffer, worker.stdin, ">"), daemon=True)
there.start()
relay(worker.stdout, sys.stdout.buffer, "<")
os._exit(worker.wait() & 0x7F)
