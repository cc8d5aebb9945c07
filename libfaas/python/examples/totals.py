"""Aggregation of CSV: mean and total of a column for each value of another, by SQL.

The first line of the argument names both columns, as `group,value'; the table follows.
"""
import csv
import io
import sqlite3


def main(arg: str) -> str:
    by, _, rest = arg.partition("\n")
    group, value = by.strip().split(",")
    table = sqlite3.connect(":memory:")
    table.execute("create table data (key text, value real)")
    table.executemany("insert into data values (?, ?)",
                      ((row[group], float(row[value])) for row in csv.DictReader(io.StringIO(rest))))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([group, "count", "mean", "total"])
    for key, count, mean, total in table.execute(
            "select key, count(*), avg(value), sum(value) from data group by key order by key"):
        writer.writerow([key, count, f"{mean:g}", f"{total:g}"])
    return out.getvalue()
