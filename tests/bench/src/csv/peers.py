"""One tool, one file: the best of a few passes in seconds, imports and start not counted."""

import io
import sys
import time


def pandas(path):
    import pandas as pd

    def work():
        frame = pd.read_csv(path, usecols=["id", "value"])
        return frame.groupby("id", sort=True)["value"].sum().reset_index().to_csv(index=False)

    return work


def polars(path):
    import polars as pl

    def work():
        frame = pl.read_csv(path, columns=["id", "value"])
        return frame.group_by("id").agg(pl.col("value").sum()).sort("id").write_csv()

    return work


def polars_streaming(path):
    import polars as pl

    def work():
        frame = pl.scan_csv(path).select("id", "value").group_by("id").agg(pl.col("value").sum()).sort("id")
        return frame.collect(engine="streaming").write_csv()

    return work


def duckdb(path):
    import duckdb as db

    connection = db.connect()
    connection.execute("SET threads = 1")

    def work():
        query = f"SELECT id, sum(value) AS value FROM read_csv('{path}') GROUP BY id ORDER BY id"
        rows = connection.execute(query).fetchall()
        out = io.StringIO()
        out.write("id,value\n")
        out.writelines(f"{row[0]},{row[1]}\n" for row in rows)
        return out.getvalue()

    return work


def main():
    tool, path = sys.argv[1:]
    work = {"pandas": pandas, "polars": polars, "polars-streaming": polars_streaming, "duckdb": duckdb}[tool](path)
    best = None
    for _ in range(3):
        began = time.perf_counter()
        text = work()
        seconds = time.perf_counter() - began
        assert text.count("\n") == 1001, text[:200]
        best = seconds if best is None else min(best, seconds)
    print(best)


if __name__ == "__main__":
    main()
