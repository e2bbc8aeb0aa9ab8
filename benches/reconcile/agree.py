#!/usr/bin/env python3
"""How far the tables that `evidence.sql` makes agree with Muster's evidence: rows of each, and rows that are the same.

    agree.py --tables T --work DIR

DIR holds the database that `run.py duckdb run` left. Printed as JSON: by table `ours` and `theirs`, the rows of Muster and of
the SQL, `same`, those that are in both with every column that events can tell, and `claims`: of how many claims the same hours
are attested. Columns that no event tells are not compared (`APART`).
"""

import argparse
import json
import sys
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent))
from run import MADE, RULES, from_parquet, read_tables  # noqa: E402

# No event tells these; `evidence.sql` says why.
APART = {"sessions": {"log_index"}, "instructors": {"by"}, "clocks": {"gain"}}


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--tables", type=Path, required=True)
    args.add_argument("--work", type=Path, required=True)
    args = args.parse_args()
    types = read_tables((RULES / "TABLES.md").read_text(encoding="utf-8"))
    files = json.loads((args.tables / "tables.json").read_text(encoding="utf-8"))
    db = duckdb.connect(str(args.work / "duckdb.db"), read_only=True)

    def count(query):
        return db.execute(f"SELECT COUNT(*) FROM ({query})").fetchone()[0]

    out = {}
    for name in sorted(MADE):
        if not files.get(name):
            continue
        names = ", ".join(f'CAST("{c}" AS {kind}) AS "{c}"' for c, kind in types[name].items() if c not in APART.get(name, ()))
        ours, theirs = f"SELECT {names} FROM {from_parquet(files[name])}", f'SELECT {names} FROM "{name}"'
        out[name] = {"ours": count(ours), "theirs": count(theirs), "same": count(f"{ours} INTERSECT ALL {theirs}")}
    if files.get("claims"):
        same = db.execute(f"SELECT COUNT(*), SUM(CASE WHEN a.attested = b.attested THEN 1 ELSE 0 END) FROM claims a "
                          f"JOIN {from_parquet(files['claims'])} b USING (class, trainee)").fetchone()
        out["claims"] |= {"claims": same[0], "attested_alike": same[1]}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
