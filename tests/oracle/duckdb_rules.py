#!/usr/bin/env python3
"""Runs every rule's cases on DuckDB: a second engine that shares no code with the first.

    duckdb_rules.py [--rows FILE] FOLDER

FOLDER holds the rules (`<id>.sql`, `<id>.cases.toml`) and `TABLES.md`, of which the columns are taken. Each case must
come out as it says. Tables are filled backwards, so that a rule that leans on the order of rows is found out.

With `--rows` the rows themselves are compared with those that `muster-server rules test --rows FILE FOLDER` wrote: one
JSON object on a line for each case of each rule, in any order,

    {"rule": "log-hole", "case": 1, "testable": true, "rows": [{...}], "counts": [{...}]}

- `case` is the case's place in its file, from 1.
- `testable` is false when a table that the rule needs is empty; `rows` and `counts` are empty then.
- `rows` has an object for each row of the query, each row once, sorted. Its keys are all of `COLUMNS` and `OPTIONAL`.
- `counts` has an object for each row of the second query, sorted, with the keys `COUNTS`; empty for rules that do not count.
- A text that is null is "", a number 0 and a truth value false. Of the optional columns, null stays null, and so is a
  column that the query does not yield.

Exit status: 0 all is well, 1 something differs, 2 a file cannot be used, 77 no module `duckdb`, so nothing was run.
"""

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

try:
    import duckdb
except ModuleNotFoundError:
    duckdb = None

COLUMNS = {
    "class": str, "subject": str, "trainee": str, "cell": int, "kind": str, "lesson": str, "suspect": bool,
    "device": str, "counter": int, "seq_from": int, "seq_to": int,
}
OPTIONAL = {"grade": str, "sessions": int, "about": str, "n": int, "of": int, "score": int}
COUNTS = {
    "unit": str, "institution": str, "region": str, "day": int, "kind": str, "size": int, "n": int, "k": int,
}
SQL_TYPES = {"text": "VARCHAR", "keyed text": "VARCHAR", "integer": "BIGINT", "boolean": "BOOLEAN"}
PYTHON_TYPES = {"VARCHAR": str, "BIGINT": int, "BOOLEAN": bool}
NO_DUCKDB = 77


class Unusable(Exception):
    """A file that is no rule, no case file or no list of tables; says which and why."""


@dataclass
class Rule:
    """A rule file, with the thresholds filled in."""

    id: str
    grade: str
    needs: list[str]
    query: str
    counts: str | None


def read_tables(text):
    """Columns by table, each with its SQL type, of `TABLES.md`."""
    tables, section, inside = {}, None, False
    for line in text.splitlines():
        if line.startswith("#"):
            section, inside = line.lstrip("# ").strip(), False
        elif line == "| column | type | meaning |":
            tables[section], inside = {}, True
        elif inside and line.startswith("| `"):
            column, kind = (part.strip() for part in line.split("|")[1:3])
            tables[section][column.strip("`")] = SQL_TYPES[kind]
    return tables


def read_rule(name, text):
    """A rule of its file's text."""
    headers, thresholds, lines = {}, {}, text.splitlines()
    while lines and lines[0].startswith("--"):
        key, colon, value = lines.pop(0).removeprefix("--").partition(":")
        if not colon:
            raise Unusable(f"{name}: a header line is `-- key: value`")
        if key.strip() == "threshold":
            threshold, _, rest = value.partition("=")
            thresholds[threshold.strip()] = rest.split()[0]
        else:
            headers[key.strip()] = value.strip()
    # The longest name first: `$min` must not eat the beginning of `$min_days`.
    sql = "\n".join(lines)
    for threshold in sorted(thresholds, key=len, reverse=True):
        # Numbers have 64 bits for the first engine; here those of a query's own text would have 32.
        sql = sql.replace(f"${threshold}", f"CAST({int(thresholds[threshold])} AS BIGINT)")
    query, marker, counts = sql.partition("\n-- counts:\n")
    needs = [need.strip() for need in headers.get("needs", "").split(",") if need.strip()]
    return Rule(name, headers["grade"], needs, query, counts if marker else None)


def rows_of(table, columns, given):
    """The rows that a case gives for a table; `repeat` copies one, counting `cell` and `lesson` up."""
    rows = []
    for row in given:
        times = row.get("repeat", 1)
        for key, value in row.items():
            if key != "repeat" and key not in columns:
                raise Unusable(f"table {table} has no column {key}")
            if key != "repeat" and type(value) is not PYTHON_TYPES[columns[key]]:
                raise Unusable(f"table {table}: {key} = {value!r} is no {columns[key]}")
        for n in range(times):
            one = dict(row)
            if "cell" in row:
                one["cell"] = row["cell"] + n
            if "lesson" in row and times > 1:
                one["lesson"] = f"{row['lesson']}{n}"
            rows.append([one.get(column) for column in columns])
    return rows


def ask(db, sql, needed, optional):
    """A query's rows as plain objects, each once, sorted. Floats are refused: no two engines agree on them."""
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    missing = [name for name in needed if name not in names]
    if missing:
        raise Unusable(f"the query yields no column {missing[0]}")
    rows = set()
    for values in cursor.fetchall():
        row = dict(zip(names, values))
        if any(isinstance(value, float) for value in values):
            raise Unusable(f"the query yields a float: {row}")
        one = {name: kind() if row[name] is None else kind(row[name]) for name, kind in needed.items()}
        for name, kind in optional.items():
            value = row.get(name)
            one[name] = None if value is None else kind(value)
        rows.add(json.dumps(one, sort_keys=True, ensure_ascii=False))
    return [json.loads(row) for row in sorted(rows)]


def run_case(db, tables, rule, case):
    """What a case yields: is it testable, its rows, its counts."""
    given = case.get("tables", {})
    for table in given:
        if table not in tables:
            raise Unusable(f"there is no table {table}")
    if any(not given.get(need) for need in rule.needs):
        return {"testable": False, "rows": [], "counts": []}
    db.begin()
    try:
        for table, rows in given.items():
            places = ", ".join("?" * len(tables[table]))
            rows = rows_of(table, tables[table], rows)
            if rows:
                db.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows[::-1])
        hits = ask(db, rule.query, COLUMNS, OPTIONAL)
        counts = ask(db, rule.counts, COUNTS, {}) if rule.counts else []
    finally:
        db.rollback()
    return {"testable": True, "rows": hits, "counts": counts}


def wrong_with(case, got):
    """How an outcome differs from what its case expects; nothing when it does not."""
    if got["testable"] == case.get("not_testable", False):
        return ["testable, or not: see `needs` and `not_testable`"]
    subjects, grades = {}, {}
    for row in got["rows"]:
        subject = row["subject"] or "-"
        cells, suspect = subjects.get(subject, (0, False))
        subjects[subject] = (cells + (row["cell"] > 0), suspect or row["suspect"])
        if row["grade"]:
            grades[subject] = row["grade"]
    counts = {row["unit"]: (row["n"], row["k"]) for row in got["counts"]}
    expected = {subject: tuple(pair) for subject, pair in case["expect"].items()}
    wrong = []
    if got["testable"] and subjects != expected:
        wrong.append(f"expected {expected}, got {subjects}")
    if got["testable"] and case.get("grades") and grades != case["grades"]:
        wrong.append(f"expected grades {case['grades']}, got {grades}")
    if got["testable"] and case.get("counts") and counts != {u: tuple(c) for u, c in case["counts"].items()}:
        wrong.append(f"expected counts {case['counts']}, got {counts}")
    return wrong


def differs(ours, theirs):
    """How our rows differ from the other engine's."""
    if theirs is None:
        return ["the other engine's file has no such case"]
    wrong = []
    if ours["testable"] != theirs["testable"]:
        wrong.append("one engine finds it testable, the other does not")
    for what in ("rows", "counts"):
        mine, other = ({json.dumps(row, sort_keys=True, ensure_ascii=False) for row in side[what]} for side in (ours, theirs))
        wrong += [f"{what}: DuckDB alone: {row}" for row in sorted(mine - other)]
        wrong += [f"{what}: the other alone: {row}" for row in sorted(other - mine)]
        if mine == other and len(ours[what]) != len(theirs[what]):
            wrong.append(f"{what}: {len(ours[what])} here, {len(theirs[what])} there")
    return wrong


def read_rows(path):
    """The other engine's outcomes by rule and case; `None` where none are asked for."""
    if path is None:
        return None
    outcomes = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {(outcome["rule"], outcome["case"]): outcome for outcome in outcomes}


def run_all(folder, others):
    """Runs all cases of a folder; how many were run and how many did not come out as they must."""
    tables = read_tables((folder / "TABLES.md").read_text(encoding="utf-8"))
    db = duckdb.connect()
    for table, columns in tables.items():
        db.execute(f'CREATE TABLE "{table}" ({", ".join(f"{chr(34)}{c}{chr(34)} {t}" for c, t in columns.items())})')
    ran = failed = 0
    for path in sorted(folder.glob("*.sql")):
        rule = read_rule(path.stem, path.read_text(encoding="utf-8"))
        cases = tomllib.loads(path.with_suffix(".cases.toml").read_text(encoding="utf-8"))["case"]
        for number, case in enumerate(cases, 1):
            try:
                got = run_case(db, tables, rule, case)
                wrong = wrong_with(case, got)
                if others is not None:
                    wrong += differs(got, others.get((rule.id, number)))
            except (Unusable, duckdb.Error) as error:
                wrong = [str(error)]
            ran, failed = ran + 1, failed + bool(wrong)
            print(f"{'FAILED' if wrong else 'ok':6} {rule.id}: {case['shows']}: {case['name']}")
            print("".join(f"       {line}\n" for line in wrong), end="")
    return ran, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, metavar="FILE", help="rows of the other engine, to compare one by one")
    parser.add_argument("folder", type=Path, help="rules, their cases and TABLES.md")
    options = parser.parse_args()
    if duckdb is None:
        print("not run: the Python module `duckdb` is not installed (pip install duckdb)", file=sys.stderr)
        return NO_DUCKDB
    try:
        ran, failed = run_all(options.folder, read_rows(options.rows))
    except (OSError, ValueError, KeyError, Unusable) as error:
        print(f"{options.folder}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(f"{ran} cases, {failed} failed")
    # A folder without a case is a wrong path, and would pass for ever.
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
