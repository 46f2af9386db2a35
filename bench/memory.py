"""What memory costs on this machine, a line of JSON: seconds for the first touch of a gigabyte that nobody has, and of one that a process has just given back.

A virtual machine may get its memory from the host only when it is touched, and give back what is free; there one costs several times the other.
"""

import json
import mmap
import time

GB = 1_000_000_000
STEP = 1 << 20


def touch():
    """A gigabyte of new memory, every page written to, and the seconds that took."""
    room = mmap.mmap(-1, GB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    zeros = bytes(STEP)
    began = time.perf_counter()
    for start in range(0, GB - STEP, STEP):
        room[start : start + STEP] = zeros
    return room, time.perf_counter() - began


def main():
    time.sleep(5)  # What is free goes back within seconds.
    held = [touch() for _ in range(3)]
    fresh = sorted(seconds for _, seconds in held)
    held[0][0].close()
    again = touch()[1]
    print(json.dumps({"memory": {"seconds_per_gb": {"fresh": [round(s, 2) for s in fresh], "given back": round(again, 2)}}}))


if __name__ == "__main__":
    main()
