"""Joins standard input and output to a port here, each byte half a round trip late: python bench/delay.py PORT SECONDS. Standard library only."""

import collections
import os
import selectors
import socket
import sys
import time


def main():
    port, late = int(sys.argv[1]), float(sys.argv[2]) / 2
    there = socket.create_connection(("127.0.0.1", port))
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ways = {0: there.sendall, there.fileno(): out}
    waiting = selectors.DefaultSelector()
    for source in ways:
        waiting.register(source, selectors.EVENT_READ)
    under_way = collections.deque()
    while True:
        rest = under_way[0][0] - time.monotonic() if under_way else None
        for key, _ in waiting.select(max(0.0, rest) if rest is not None else None):
            data = os.read(key.fd, 1 << 18)
            under_way.append((time.monotonic() + late, key.fd, data))
            if not data:
                waiting.unregister(key.fd)
        while under_way and under_way[0][0] <= time.monotonic():
            _, source, data = under_way.popleft()
            if data:
                ways[source](data)
            elif source:
                return
            else:
                there.shutdown(socket.SHUT_WR)


def out(data):
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
