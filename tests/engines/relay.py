"""Passes connections on to another port of this machine, and cuts them all when a file appears.

    python relay.py PORT TARGET FILE
"""

import asyncio
import os
import sys

PORT, TARGET, FILE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
connections = set()


async def pump(reader, writer):
    try:
        while True:
            data = await reader.read(1 << 20)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(reader, writer):
    try:
        there, back = await asyncio.open_connection("127.0.0.1", TARGET)
    except OSError:
        writer.transport.abort()
        return
    both = (writer, back)
    connections.add(both)
    await asyncio.gather(pump(reader, back), pump(there, writer))
    connections.discard(both)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    while True:
        await asyncio.sleep(0.05)
        if os.path.exists(FILE):
            os.unlink(FILE)
            for both in list(connections):
                for writer in both:
                    writer.transport.abort()


asyncio.run(main())
