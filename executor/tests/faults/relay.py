"""Stands between nbhoist and a worker, counts frames, and breaks the link at one of them.

Arguments: the log file, `DIRECTION OP NTH FAULT` as one argument (empty: break nothing), and the worker's command.
The log gets a line for each frame (`> op` to the worker, `< op` from it), the worker's process as `pid N` and `hit` when the link was broken.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

log_path, order, command = sys.argv[1], sys.argv[2], sys.argv[3:]
way, op_wanted, nth, fault = order.split() if order else ("", "", "0", "")
log_lock = threading.Lock()
log = open(log_path, "a", buffering=1)
worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def say(text):
    with log_lock:
        log.write(text + "\n")


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            return None
        data += more
    return data


def break_link(frame, sink):
    say("hit")
    if fault == "kill-worker":
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    elif fault == "cut-link":
        os._exit(1)
    elif fault == "truncate":
        sink.write(frame[: len(frame) // 2])
        sink.flush()
        os._exit(1)
    elif fault == "garble-length":
        # The first byte of the length: it announces more than any header may have.
        sink.write(bytes([frame[0] ^ 0x7F]) + frame[1:])
        sink.flush()
    elif fault == "stall-link":
        # Nothing passes any more in either direction, and nothing ends, until the other side gives up.
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(1)


def relay(source, sink, mark):
    seen = 0
    first = mark == ">"
    while True:
        head = exactly(source, 4)
        if head is None:
            break
        if first:
            # The archive of the runtime: a length and that many bytes, before the first frame.
            op, frame, first = "archive", head + (exactly(source, int.from_bytes(head, "big")) or b""), False
        else:
            text = exactly(source, int.from_bytes(head, "big"))
            if text is None:
                break
            header = json.loads(text)
            op, frame = header["op"], head + text + (exactly(source, header.get("n", 0)) or b"")
        say(mark + " " + op)
        if mark == way and op == op_wanted:
            seen += 1
            if seen == int(nth):
                break_link(frame, sink)
                if fault != "kill-worker":
                    continue
        try:
            sink.write(frame)
            sink.flush()
        except OSError:
            break
    try:
        sink.close()
    except OSError:
        pass


parent = os.getppid()
say("pid %d" % worker.pid)
there = threading.Thread(target=relay, args=(sys.stdin.buffer, worker.stdin, ">"), daemon=True)
there.start()
relay(worker.stdout, sys.stdout.buffer, "<")
os._exit(worker.wait() & 0x7F)
