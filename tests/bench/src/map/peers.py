"""Lithops' local executor with next to nothing to do, and the way of the data in the app of 2017. Prints one JSON."""

import base64
import io
import json
import logging
import random
import sys
import time
import zlib

import lithops

ROUNDS = 2


def square(n):
    return n * n


def squares(part):
    return [n * n for n in part]


def timed(work):
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def executor(version):
    config = {
        "lithops": {"backend": "localhost", "storage": "localhost"},
        "localhost": {"version": version, "worker_processes": 2},
    }
    return lithops.FunctionExecutor(config=config, log_level="ERROR")


def lithops_seconds(version, function, items):
    best = None
    for _ in range(ROUNDS):
        runner = executor(version)
        runner.get_result(runner.call_async(square, 1))
        seconds, results = timed(lambda: runner.get_result(runner.map(function, items)))
        assert len(results) == len(items)
        runner.clean()
        best = seconds if best is None else min(best, seconds)
    return best


def seed_seconds(chunk, compress):
    """Items as lists of dicts, JSON in JSON, zlib around the inner one, and back; no network."""
    generator = random.Random(1)
    items = [
        {"id": n, "name": "value", "values": [round(generator.random(), 12) for _ in range(100)]} for n in range(1000)
    ]

    def pack(data):
        text = json.dumps(data)
        if compress:
            text = base64.b64encode(zlib.compress(text.encode())).decode()
        return json.dumps({"command": "work", "data": text})

    def unpack(message):
        text = json.loads(message)["data"]
        if compress:
            text = zlib.decompress(base64.b64decode(text)).decode()
        return json.loads(text)

    def work():
        results = []
        for start in range(0, len(items), chunk):
            part = unpack(pack(items[start : start + chunk]))
            sums = [{"id": item["id"], "result": sum(item["values"])} for item in part]
            results.extend(unpack(pack(sums)))
        return results

    return min(timed(work)[0] for _ in range(3))


def main():
    logging.disable(logging.CRITICAL)
    keep, sys.stdout = sys.stdout, io.StringIO()
    chunks = [list(range(start, start + 16)) for start in range(0, 1024, 16)]
    figures = {
        "version": lithops.__version__,
        "forked_items_secs": lithops_seconds(1, square, list(range(1000))),
        "forked_chunks_secs": lithops_seconds(1, squares, chunks),
        "default_chunks_secs": lithops_seconds(2, squares, chunks),
        "seed_plain_secs": seed_seconds(10, False),
        "seed_compressed_secs": seed_seconds(10, True),
    }
    sys.stdout = keep
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
