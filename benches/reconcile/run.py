#!/usr/bin/env python3
"""The shipped rules on an engine that is not Muster's: one process for one engine and one world. `reconcile.py` starts it.

    run.py ENGINE STEP --world W --tables T --work DIR --out FILE [--limit S] [--rule-limit S] [--memory GB]

ENGINE is `duckdb` (Parquet as it lies), `sqlite` or `postgres` (rows of their own), over raw events and `evidence.sql`; or
`evidence`, which is DuckDB over Muster's evidence. STEP `load` takes the rows in, `run` makes evidence and runs the rules.

FILE is written anew after each step that is done, as JSON: `version`, `settings`, and

- `load`: seconds;
- `evidence`: seconds by table, in order; `counts`: seconds by rule, of what the rule counts;
- `rules`: by rule `s` and `rows`; or `over` with the seconds after which it was stopped; or `lacks`, the tables it needs that
  are empty; or `error`;
- `over`: the table or rule that was next when the whole limit was reached; nothing after it was begun;
- `peak_mb`: of PostgreSQL's processes, their proportional set sizes added up, twice a second. Absent for the others, of which
  the caller asks the system.

`nulls`, which floats fit, is Muster's own, for nothing; what the rules count for it is asked and timed.
Findings (rule, class, subject) go to FILE.findings, not timed.

Exit status: 0 it ran, whatever was too slow; 1 a file cannot be used.
"""

import argparse
import csv
import json
import os
import re
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "oracle")]
from duckdb_rules import read_rule, read_tables  # noqa: E402
from engines import ENGINES, Failed, Over, from_parquet  # noqa: E402

RULES = ROOT / "server" / "rules"
# What `evidence.sql` makes itself; everything else is given.
MADE = {"lessons", "presence", "taps", "faces", "manuals", "instructors", "faults", "clocks", "sessions", "claims",
        "claimed_cells", "journeys"}
EVENTS = ("device VARCHAR, counter BIGINT, institution VARCHAR, site VARCHAR, region VARCHAR, class VARCHAR, session VARCHAR,"
          ' seq BIGINT, kind VARCHAR, "at" BIGINT, up_ms BIGINT, trainee VARCHAR, instructor VARCHAR, way VARCHAR,'
          " level BIGINT, tap BIGINT, face BIGINT, reader VARCHAR, outcome VARCHAR, score BIGINT, other VARCHAR,"
          " other_score BIGINT, live BIGINT, quality BIGINT, frame VARCHAR, face_group BIGINT, call BIGINT, phase VARCHAR,"
          " reason VARCHAR, part VARCHAR, state VARCHAR, step_ms BIGINT")
POLICIES = "class VARCHAR, level BIGINT, share_permille BIGINT, manual BOOLEAN, power_gap_ms BIGINT"


def columns(table, types):
    return ", ".join(f'"{name}" {kind}' for name, kind in types[table].items())


def policies(world):
    """Rows of `policies`, of what the bureau imported."""
    read = {}
    for path in sorted((world / "import").glob("policy-*.toml")):
        policy = tomllib.loads(path.read_text(encoding="utf-8"))
        read[policy["version"]] = policy
    rows = []
    for path in sorted((world / "import").glob("classes-*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                p = read[row["policy"]]
                rows.append((row["class"], p["level"], p["share_permille"], p["manual"], p.get("power_gap_s", 600) * 1000))
    return rows


def blocks():
    """What `evidence.sql` makes: is it a view, its name, its query, its indexes, and what is needed no more then."""
    text = (HERE / "evidence.sql").read_text(encoding="utf-8")
    for part in re.split(r"^-- (?=table: |view: )", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        kind, _, name = head.partition(": ")
        indexes, drops = (re.findall(rf"^-- {word}: (.+)$", body, flags=re.MULTILINE) for word in ("index", "drop"))
        query = re.sub(r"^-- (index|drop): .+\n?", "", body, flags=re.MULTILINE).strip()
        yield kind == "view", name.strip(), query, indexes, [one for line in drops for one in line.split(", ")]


class Bench:
    """One engine at work."""

    def __init__(self, args):
        self.args, self.begun = args, time.monotonic()
        self.types = read_tables((RULES / "TABLES.md").read_text(encoding="utf-8"))
        self.files = json.loads((args.tables / "tables.json").read_text(encoding="utf-8"))
        self.out = json.loads(args.out.read_text()) if args.out.exists() else {"evidence": {}, "counts": {}, "rules": {}}
        self.engine = ENGINES[args.engine](args)
        self.out |= {"version": self.engine.version, "settings": self.engine.settings}

    def keep(self):
        if hasattr(self.engine, "peak"):
            self.out["peak_mb"] = self.engine.peak
        self.args.out.write_text(json.dumps(self.out, indent=1))

    def left(self):
        return self.args.limit - (time.monotonic() - self.begun)

    def load(self):
        begun = time.monotonic()
        names = set(self.types) - (set() if self.args.engine == "evidence" else MADE)
        for name in sorted(names):
            self.given(name, name)
        if self.args.engine != "evidence":
            self.given("filed_claims", "claims")
            folder = self.args.world / "raw"
            self.engine.take("events", EVENTS, from_parquet(sorted(folder.glob("events-*.parquet"))))
            rows = policies(self.args.world)
            values = ", ".join(f"('{c}', {level}, {share}, {str(hand).lower()}, {gap})" for c, level, share, hand, gap in rows)
            self.engine.run(f"CREATE TABLE policies ({POLICIES})", 60)
            self.engine.run(f"INSERT INTO policies VALUES {values}", 600)
            for name in [*sorted(names), "filed_claims", "events", "policies"]:
                self.engine.analyze(name)
        self.out["load"] = round(time.monotonic() - begun, 3)
        self.keep()

    def given(self, name, table):
        files, typed = self.files.get(table, []), columns(table, self.types)
        if files:
            self.engine.take(name, typed, from_parquet(files))
        else:
            self.engine.run(f'CREATE TABLE "{name}" ({typed})', 60)

    def run(self):
        try:
            if self.args.engine != "evidence":
                self.evidence()
            self.rules()
        except Over:
            pass
        self.keep()

    def evidence(self):
        for is_view, name, query, indexes, drops in blocks():
            query = self.engine.sql(query)
            self.out["over"] = name
            if is_view:
                self.engine.run(f'CREATE VIEW "{name}" AS {query}', 60)
                continue
            if self.left() <= 0:
                raise Over
            begun = time.monotonic()
            self.engine.make(name, query, indexes, self.left())
            self.out["evidence"][name] = round(time.monotonic() - begun, 3)
            self.keep()
            for one in drops:
                self.engine.run(f'DROP TABLE "{one}"', 60)
        del self.out["over"]

    def rules(self):
        rules = [read_rule(p.stem, p.read_text(encoding="utf-8")) for p in sorted(RULES.glob("*.sql"))]
        for rule in rules:
            if rule.counts:
                self.out["over"] = rule.id
                self.out["counts"][rule.id] = self.one(rule.counts)
        with open(f"{self.args.out}.findings", "w", encoding="utf-8") as found:
            for rule in rules:
                self.out["over"] = rule.id
                lacks = [n for n in rule.needs if not self.engine.run(f'SELECT 1 FROM "{n}" LIMIT 1', 60)]
                self.out["rules"][rule.id] = {"lacks": lacks} if lacks else self.one(rule.query, rule.id, found)
                self.keep()
        del self.out["over"]

    def one(self, query, rule=None, found=None):
        """A query's rows into a table of its own, each once: as a rule is run."""
        query = self.engine.sql(query)
        self.engine.run("DROP TABLE IF EXISTS hits", 60)
        begun, limit = time.monotonic(), min(self.args.rule_limit, self.left())
        if limit <= 0:
            raise Over
        try:
            self.engine.run(f"CREATE TABLE hits AS SELECT DISTINCT * FROM (\n{query}\n) q", limit)
        except Over:
            return {"over": round(limit, 1)}
        except Failed as error:
            return {"error": str(error)[:500]}
        seconds = round(time.monotonic() - begun, 3)
        rows = int(self.engine.run("SELECT COUNT(*) FROM hits", 600)[0][0])
        if found:
            for c, subject in self.engine.run("SELECT DISTINCT COALESCE(class, ''), COALESCE(subject, '') FROM hits", 600):
                found.write(f"{rule}\t{c}\t{subject}\n")
        return {"s": seconds, "rows": rows}


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("engine", choices=ENGINES)
    args.add_argument("step", choices=["load", "run"])
    for name in ("world", "tables", "work", "out"):
        args.add_argument(f"--{name}", type=lambda p: Path(p).resolve(), required=True)
    args.add_argument("--limit", type=float, default=1800)
    args.add_argument("--rule-limit", type=float, default=300)
    args.add_argument("--memory", type=int, default=4, help="GB")
    args.add_argument("--threads", type=int, default=os.cpu_count())
    args = args.parse_args()
    bench = Bench(args)
    try:
        bench.load() if args.step == "load" else bench.run()
    finally:
        bench.engine.close()


if __name__ == "__main__":
    main()
