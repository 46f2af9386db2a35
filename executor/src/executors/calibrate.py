def work():
    # Small pieces of what cells do, each for some milliseconds; the best of a few runs is the least disturbed one.
    import importlib.util
    import json
    import time

    def best(task):
        times = []
        for _ in range(5):
            started = time.perf_counter()
            task()
            times.append(time.perf_counter() - started)
        return min(times)

    def interpreter():
        total, kept = 0, {}
        for number in range(60000):
            total += number * number % 7
            kept[number & 1023] = total

    block = bytearray(1 << 24)
    said = {"interpreter": best(interpreter), "memory": best(lambda: bytes(block))}
    if importlib.util.find_spec("numpy"):
        import numpy

        square = numpy.linspace(0, 1, 400 * 400).reshape(400, 400)
        mixed = (numpy.arange(300000) * 7919) % 300007
        said["arrays"] = best(lambda: (square @ square, numpy.sort(mixed)))
    print(json.dumps(said))


work()
