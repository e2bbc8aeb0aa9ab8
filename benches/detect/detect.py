#!/usr/bin/env python3
"""How many invented hours and people are found, and how many honest classes are accused: `make bench-detect`.

    detect.py --sim muster-sim --server muster-server --out target/bench/detect.json [--classes N] [--alone N] [--seed S]
              [--habits FILE] [--frauds FILE] [--world FOLDER]...

Worlds with the truth beside them are made by `muster-sim gen`, reconciled by `muster-server reconcile`, and compared. With
`--habits` and `--frauds` the rates are those of a file; with `--world` worlds that were made elsewhere are measured instead.

- *Fabricated hours*: of each claim, the hours that were invented against the hours that are flagged by a finding that
  suspects, of grade certain or strong, in the families hours, presence, identity, rhythm, place, teaching, paper and log. A claim says how many
  hours, not which, so they are compared by their number in each claim.
- *Phantoms*: claims for people who never came, against the findings of `phantom-trainee`.
- *Accused*: a class that is honest in truth, and is red or has a finding that suspects and is certain or strong.
- A finding is *right* when at least half of its claims' flagged hours are fabricated.
- *Unpaid*: invented hours that are flagged, or cut by a finding that only adjusts: what the bureau does not pay, whoever is to blame.
- The *curve*: each rule again, by DuckDB, over a world with each fraud at five times its rate (or the first that was given), with
  one of its thresholds at half, three quarters, one and a half times and twice its default, and what it then finds, rightly and
  of honest classes.

The honest alone is run at the default rates and each habit at three times its rate; each fraud is run alone, in three classes of ten. Amounts are fen. With no accusation in
n honest classes the share is below 3 / n at 95 % (the rule of three); otherwise the exact upper bound is given.

Exit status: 0 the figures were made, whatever they are; 2 a program failed.
"""

import argparse
import json
import math
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import duckdb_rules  # noqa: E402

HOURS = {"hours", "presence", "identity", "rhythm", "place", "teaching", "paper", "log"}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} {command[1]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def upper(hits, runs):
    """The exact one-sided 95 % upper bound of a share (Clopper and Pearson), by bisection on the binomial."""
    if runs == 0:
        return 1.0
    low, high = hits / runs, 1.0
    for _ in range(60):
        p = (low + high) / 2
        log = [math.lgamma(runs + 1) - math.lgamma(k + 1) - math.lgamma(runs - k + 1)
               + (k * math.log(p) if k else 0) + ((runs - k) * math.log1p(-p) if p < 1 else -math.inf if runs > k else 0)
               for k in range(hits + 1)]
        tail = sum(math.exp(x) for x in log)
        low, high = (p, high) if tail > 0.05 else (low, p)
    return high


class Sum:
    """What was found of what there is."""

    def __init__(self):
        self.right = self.wrong = self.missed = 0

    def add(self, flagged, true, worth=1):
        both = min(flagged, true)
        self.right += both * worth
        self.wrong += (flagged - both) * worth
        self.missed += (true - both) * worth

    def recall(self):
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    def precision(self):
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    def out(self):
        return {"recall": self.recall(), "precision": self.precision(), "right": round(self.right),
                "wrong": round(self.wrong), "missed": round(self.missed)}


class World:
    """A world's truth, its claims, and what a run said."""

    def __init__(self, folder):
        self.folder = folder
        duck = duckdb.connect()
        truth = lambda name: f"read_parquet('{folder}/truth/{name}*.parquet')"
        self.honest = {c for c, honest in duck.sql(f'SELECT "class", honest FROM {truth("classes")}').fetchall() if honest}
        self.people = {(c, t): (phantom, fabricated) for c, t, phantom, fabricated in
                       duck.sql(f'SELECT "class", trainee, phantom, fabricated FROM {truth("trainees")}').fetchall()}
        self.store = sqlite3.connect(folder / "data" / "muster.sqlite")
        self.claims = {(c, t): (hours, fen) for c, t, hours, fen in
                       self.store.execute("SELECT class, trainee, hours, amount_fen FROM claim")}

    def findings(self):
        """Rule, family, grade, class and hits of each finding that is for the claims' desk."""
        for rule, c, document, hits in self.store.execute(
                "SELECT rule, class, document, hits FROM finding WHERE until IS NULL AND desk = 'claims'"):
            finding = json.loads(document)
            yield rule, finding["family"], finding["grade"], c, json.loads(hits)

    def red(self):
        return {c for c, in self.store.execute("SELECT class FROM claim_result WHERE until IS NULL AND band = 'red'")}

    def fabricated(self, who):
        return self.people.get(who, (False, 0))[1]

    def right(self, c, cells):
        """Is a finding of a class with these hours right? Without hours: is the class bad?"""
        good = sum(min(len(mine), self.fabricated(who)) for who, mine in cells.items())
        return 2 * good >= sum(map(len, cells.values())) if cells else c not in self.honest


def cells_of(hits, suspects=True):
    """Hours by claim that suspect, or that only adjust."""
    cells = defaultdict(set)
    for hit in hits:
        if bool(hit["suspect"]) == suspects and hit["cell"] > 0:
            cells[hit["class"], hit["trainee"]].add(hit["cell"])
    return cells


class Figures:
    """One world or several, added up."""

    def __init__(self):
        self.hours, self.money, self.phantoms, self.phantom_money = Sum(), Sum(), Sum(), Sum()
        self.unpaid = Sum()
        self.honest = self.accused = 0
        self.accusing = defaultdict(int)
        self.rules = defaultdict(lambda: [0, 0, 0])  # findings, right, on honest classes

    def world(self, world):
        flagged, cut, said, accused = defaultdict(set), defaultdict(set), set(), set()
        for rule, family, grade, c, hits in world.findings():
            if grade == "weak":
                continue
            for who, mine in cells_of(hits, suspects=False).items():
                cut[who] |= mine
            if not any(hit["suspect"] for hit in hits):
                continue
            cells = cells_of(hits)
            if family in HOURS:
                for who, mine in cells.items():
                    flagged[who] |= mine
            if rule == "phantom-trainee":
                said |= set(cells)
            if c in world.honest:
                accused.add(c)
                self.accusing[rule] += 1
            figures = self.rules[rule]
            figures[0] += 1
            figures[1] += world.right(c, cells)
            figures[2] += c in world.honest
        accused |= world.red() & world.honest
        for who, (hours, fen) in world.claims.items():
            phantom, fabricated = world.people.get(who, (False, 0))
            each = fen / hours if hours else 0
            found = len(flagged.get(who, ()))
            self.hours.add(found, fabricated)
            self.money.add(found, fabricated, each)
            # Hours that only adjust beyond those that are invented are honest ones that do not count: no fault of a rule.
            self.unpaid.add(min(len(flagged.get(who, set()) | cut.get(who, set())), fabricated), fabricated, each)
            self.phantoms.add(int(who in said), int(bool(phantom)))
            self.phantom_money.add(int(who in said), int(bool(phantom)), fen)
        self.honest += len(world.honest)
        self.accused += len(accused)
        return self

    def out(self):
        return {"hours": self.hours.out(), "hours_by_money": self.money.out(), "phantoms": self.phantoms.out(),
                "phantoms_by_money": self.phantom_money.out(), "unpaid_by_money": self.unpaid.recall(),
                "honest_runs": self.honest, "accused": self.accused,
                "accused_upper_95": upper(self.accused, self.honest), "accused_by": dict(self.accusing)}


FACTORS = (0.5, 0.75, 1, 1.5, 2)


def curve(world, tables, rules):
    """What each rule finds where one of its thresholds is another."""
    db = duckdb.connect()
    columns = duckdb_rules.read_tables((rules / "TABLES.md").read_text())
    for table, files in json.loads((tables / "tables.json").read_text()).items():
        db.execute(f"CREATE VIEW {table} AS SELECT {', '.join(json.dumps(c) for c in columns[table])} "
                   f"FROM read_parquet({files!r}, hive_partitioning = false)")
    rows = []
    for path in sorted(rules.glob("*.sql")):
        text = path.read_text()
        for line in [line for line in text.splitlines() if line.startswith("-- threshold:")]:
            name, _, rest = line.removeprefix("-- threshold:").partition("=")
            default = int(rest.split()[0])
            for value in sorted({max(int(default * factor), 1) for factor in FACTORS} | {default}):
                changed = line.replace(f"= {default}", f"= {value}", 1)
                rule = duckdb_rules.read_rule(path.stem, text.replace(line, changed))
                groups = defaultdict(list)
                for hit in duckdb_rules.ask(db, rule.query, duckdb_rules.COLUMNS, duckdb_rules.OPTIONAL):
                    groups[hit["class"], hit["subject"]].append(hit)
                found = right = honest = hours = invented = 0
                for (c, _), hits in groups.items():
                    grade = max((GRADES.index(hit["grade"]) for hit in hits if hit["grade"]), default=GRADES.index(rule.grade))
                    if not grade or not any(hit["suspect"] for hit in hits):
                        continue
                    cells = cells_of(hits)
                    found += 1
                    right += world.right(c, cells)
                    honest += c in world.honest
                    hours += sum(map(len, cells.values()))
                    invented += sum(min(len(mine), world.fabricated(who)) for who, mine in cells.items())
                rows.append({"rule": path.stem, "threshold": name.strip(), "value": value, "default": value == default,
                             "findings": found, "right": right, "on_honest": honest, "hours": hours, "invented": invented})
    return rows


GRADES = ("weak", "strong", "certain")


def made(programs, folder, classes, seed, habits=None, frauds=None):
    """Makes a world, and gives its folder."""
    extra = []
    for name, rates in (("habits", habits), ("frauds", frauds)):
        if rates is not None:
            path = folder.with_name(f"{folder.name}-{name}.toml")
            path.write_text(rates)
            extra += [f"--{name}", path]
    run(programs.sim, "gen", "--out", folder, "--classes", classes, "--seed", seed, *extra)
    return folder


def toml(rates, scale):
    """Rates as TOML, each as `scale` gives it for its id and what it is; other values as they are."""
    def value(v):
        return json.dumps(v, ensure_ascii=False)
    lines = []
    for name, table in rates.items():
        if isinstance(table, dict):
            lines.append(f"[{name}]")
            for key, v in table.items():
                if key in ("rate", "classes"):
                    v = min(1.0, scale(name, v))
                lines.append(f"{key} = {value(v)}")
        else:
            lines.append(f"{name} = {value(table)}")
    return "\n".join(lines) + "\n"


def merged(defaults, path):
    """Rates, where a file says otherwise as it says."""
    given = tomllib.loads(path.read_text()) if path else {}
    return {name: {**table, **given.get(name, {})} if isinstance(table, dict) else given.get(name, table)
            for name, table in defaults.items()}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sim", required=True)
    args.add_argument("--server", required=True)
    args.add_argument("--out", type=Path, default=Path("target/bench/detect.json"))
    args.add_argument("--classes", type=int, default=600)
    args.add_argument("--alone", type=int, default=100, help="classes of each world with one habit or one fraud")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--habits", type=Path, help="rates other than the defaults, as `muster-sim gen` takes them")
    args.add_argument("--frauds", type=Path, help="rates other than the defaults, as `muster-sim gen` takes them")
    args.add_argument("--world", type=Path, action="append", default=[], help="a world that is there already")
    args = args.parse_args()
    defaults = run(args.sim, "gen", "--print-defaults")
    habits, frauds = (tomllib.loads(part) for part in defaults.split("# --habits\n")[1].split("# --frauds\n"))
    habits, frauds = merged(habits, args.habits), merged(frauds, args.frauds)
    as_is, none = (lambda rates: toml(rates, lambda _, rate: rate)), (lambda rates: toml(rates, lambda *_: 0))
    overall, honest, out = Figures(), Figures(), {}
    with tempfile.TemporaryDirectory(prefix="muster-detect-") as base:
        base = Path(base)

        def figures(name, into, folder, tables=None):
            run(args.server, "reconcile", "--data", folder / "data", *(["--tables", tables] if tables else []))
            world = World(folder)
            into.world(world)
            print(f"{name:28} {json.dumps(into.out()['hours'])} accused {into.accused}/{into.honest} {dict(into.accusing)}",
                  flush=True)
            if tables:
                out["curve"] = curve(world, tables, ROOT / "server" / "rules")
                shutil.rmtree(tables)
            return into

        def alone(name, into, classes, tables=None, **rates):
            folder = made(args, base / name, classes, args.seed, **rates)
            figures(name, into, folder, tables)
            shutil.rmtree(folder)
            return into

        if args.world:
            for n, folder in enumerate(args.world):
                figures(str(folder), overall, folder.resolve(), base / "tables" if n == 0 else None)
        else:
            alone("all", overall, args.classes, habits=as_is(habits), frauds=as_is(frauds))
            alone("honest", honest, args.classes, habits=as_is(habits), frauds=none(frauds))
        out["overall"] = {
            "recall": overall.hours.recall(), "precision": overall.hours.precision(),
            "recall_by_money": overall.money.recall(), "precision_by_money": overall.money.precision(),
            "phantom_recall": overall.phantoms.recall(), "phantom_precision": overall.phantoms.precision(),
            "unpaid_by_money": overall.unpaid.recall(),
            "honest_runs": overall.honest + honest.honest, "accused": overall.accused + honest.accused,
            "accused_upper_95": upper(overall.accused + honest.accused, overall.honest + honest.honest),
            "accused_by": {k: overall.accusing[k] + honest.accusing[k] for k in {**overall.accusing, **honest.accusing}},
            "all": overall.out(), "honest": honest.out(),
        }
        out["rules"] = [{"rule": rule, "findings": n, "right": right, "precision": right / n, "on_honest": bad}
                        for rule, (n, right, bad) in sorted(overall.rules.items())]
        each = args.alone and not args.world
        if each:
            alone("curve", Figures(), args.alone, base / "tables", habits=as_is(habits),
                  frauds=toml(frauds, lambda _, rate: 5 * rate))
        out["habits"] = [{"habit": name, **alone(f"habit-{name}", Figures(), args.alone, frauds=none(frauds),
                          habits=toml(habits, lambda n, rate, name=name: 3 * rate if n == name else 0)).out()}
                         for name in (habits if each else [])]
        out["frauds"] = [{"fraud": name, **alone(f"fraud-{name}", Figures(), args.alone, habits=as_is(habits),
                          frauds=toml(frauds, lambda n, rate, name=name: 0.3 if n == name else 0)).out()}
                         for name in (frauds if each else [])]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(out, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(out["overall"], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
