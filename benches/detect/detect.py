#!/usr/bin/env python3
"""How many invented hours and people are found, and how many honest classes are accused: `make bench-detect`.

    detect.py --sim muster-sim --server muster-server --out target/bench/detect.json [--classes N] [--alone N] [--seed S]

Worlds with the truth beside them are made by `muster-sim gen`, reconciled by `muster-server reconcile`, and compared:

- *Fabricated hours*: of each claim, the hours that were invented against the hours that are flagged by a finding that
  suspects, of grade certain or strong, in the families hours, presence, identity, rhythm, place, teaching and paper. A claim says how many
  hours, not which, so they are compared by their number in each claim.
- *Phantoms*: claims for people who never came, against the findings of `phantom-trainee`.
- *Accused*: a class that is honest in truth, and is red or has a finding that suspects and is certain or strong.
- A finding is *right* when at least half of its claims' flagged hours are fabricated.

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

HOURS = {"hours", "presence", "identity", "rhythm", "place", "teaching", "paper"}


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


class Figures:
    """One world or several, added up."""

    def __init__(self):
        self.hours, self.money, self.phantoms, self.phantom_money = Sum(), Sum(), Sum(), Sum()
        self.honest = self.accused = 0
        self.accusing = defaultdict(int)
        self.rules = defaultdict(lambda: [0, 0, 0])  # findings, right, on honest classes

    def world(self, folder):
        duck = duckdb.connect()
        truth = lambda name: f"read_parquet('{folder}/truth/{name}*.parquet')"
        classes = {row[0]: row[1] for row in duck.sql(f'SELECT "class", honest FROM {truth("classes")}').fetchall()}
        people = {(c, t): (phantom, fabricated) for c, t, phantom, fabricated in
                  duck.sql(f'SELECT "class", trainee, phantom, fabricated FROM {truth("trainees")}').fetchall()}
        store = sqlite3.connect(folder / "data" / "muster.sqlite")
        claims = {(c, t): (hours, fen) for c, t, hours, fen in
                  store.execute("SELECT class, trainee, hours, amount_fen FROM claim")}
        flagged, said, accused = defaultdict(set), set(), set()
        for rule, c, document, hits in store.execute(
                "SELECT rule, class, document, hits FROM finding WHERE until IS NULL AND desk = 'claims'"):
            finding, hits = json.loads(document), json.loads(hits)
            if not finding["suspect"] or finding["grade"] == "weak":
                continue
            cells = defaultdict(set)
            for hit in hits:
                if hit["suspect"] and hit["cell"] > 0:
                    cells[hit["class"], hit["trainee"]].add(hit["cell"])
            if finding["family"] in HOURS:
                for who, mine in cells.items():
                    flagged[who] |= mine
            if rule == "phantom-trainee":
                said |= set(cells)
            if classes.get(c):
                accused.add(c)
                self.accusing[rule] += 1
            good = sum(min(len(mine), people.get(who, (False, 0))[1]) for who, mine in cells.items())
            figures = self.rules[rule]
            figures[0] += 1
            figures[1] += 2 * good >= sum(map(len, cells.values())) and bool(cells) or not cells and not classes.get(c)
            figures[2] += bool(classes.get(c))
        for c, in store.execute("SELECT class FROM claim_result WHERE until IS NULL AND band = 'red'"):
            if classes.get(c):
                accused.add(c)
        for who, (hours, fen) in claims.items():
            phantom, fabricated = people.get(who, (False, 0))
            each = fen / hours if hours else 0
            self.hours.add(len(flagged.get(who, ())), fabricated)
            self.money.add(len(flagged.get(who, ())), fabricated, each)
            self.phantoms.add(int(who in said), int(bool(phantom)))
            self.phantom_money.add(int(who in said), int(bool(phantom)), fen)
        self.honest += sum(map(bool, classes.values()))
        self.accused += len(accused)
        return self

    def out(self):
        return {"hours": self.hours.out(), "hours_by_money": self.money.out(), "phantoms": self.phantoms.out(),
                "phantoms_by_money": self.phantom_money.out(), "honest_runs": self.honest, "accused": self.accused,
                "accused_upper_95": upper(self.accused, self.honest), "accused_by": dict(self.accusing)}


def world(programs, folder, classes, seed, habits=None, frauds=None):
    """Makes a world, reconciles it, and gives its folder."""
    extra = []
    for name, rates in (("habits", habits), ("frauds", frauds)):
        if rates is not None:
            path = folder.with_name(f"{folder.name}-{name}.toml")
            path.write_text(rates)
            extra += [f"--{name}", path]
    run(programs.sim, "gen", "--out", folder, "--classes", classes, "--seed", seed, *extra)
    run(programs.server, "reconcile", "--data", folder / "data")
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


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sim", required=True)
    args.add_argument("--server", required=True)
    args.add_argument("--out", type=Path, default=Path("target/bench/detect.json"))
    args.add_argument("--classes", type=int, default=600)
    args.add_argument("--alone", type=int, default=100, help="classes of each world with one habit or one fraud")
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    defaults = run(args.sim, "gen", "--print-defaults")
    habits, frauds = (tomllib.loads(part) for part in defaults.split("# --habits\n")[1].split("# --frauds\n"))
    none = lambda rates: toml(rates, lambda name, rate: 0)
    overall, out = Figures(), {}
    with tempfile.TemporaryDirectory(prefix="muster-detect-") as base:
        base = Path(base)

        def figures(name, into, classes, **rates):
            folder = world(args, base / name, classes, args.seed, **rates)
            into.world(folder)
            shutil.rmtree(folder)
            print(f"{name:28} {json.dumps(into.out()['hours'])} accused {into.accused}/{into.honest}", flush=True)
            return into

        figures("all", overall, args.classes)
        honest = figures("honest", Figures(), args.classes, frauds=none(frauds))
        out["overall"] = {
            "recall": overall.hours.recall(), "precision": overall.hours.precision(),
            "recall_by_money": overall.money.recall(), "precision_by_money": overall.money.precision(),
            "phantom_recall": overall.phantoms.recall(), "phantom_precision": overall.phantoms.precision(),
            "honest_runs": overall.honest + honest.honest, "accused": overall.accused + honest.accused,
            "accused_upper_95": upper(overall.accused + honest.accused, overall.honest + honest.honest),
            "accused_by": {k: overall.accusing[k] + honest.accusing[k] for k in {**overall.accusing, **honest.accusing}},
            "all": overall.out(), "honest": honest.out(),
        }
        out["rules"] = [{"rule": rule, "findings": n, "right": right, "precision": right / n, "on_honest": bad}
                        for rule, (n, right, bad) in sorted(overall.rules.items())]
        out["habits"] = [{"habit": name, **figures(f"habit-{name}", Figures(), args.alone, frauds=none(frauds),
                          habits=toml(habits, lambda n, rate, name=name: 3 * rate if n == name else 0)).out()}
                         for name in (habits if args.alone else [])]
        out["frauds"] = [{"fraud": name, **figures(f"fraud-{name}", Figures(), args.alone,
                          frauds=toml(frauds, lambda n, rate, name=name: 0.3 if n == name else 0)).out()}
                         for name in (frauds if args.alone else [])]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(out, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(out["overall"], indent=1))


if __name__ == "__main__":
    main()
