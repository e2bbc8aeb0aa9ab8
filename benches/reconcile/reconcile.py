#!/usr/bin/env python3
"""Reconciliation by Muster and by other engines, side by side on the same data: `make bench-reconcile`.

    reconcile.py --sim muster-sim --server muster-server [--worlds DIR] [--sizes 1,10,50] [--engines LIST] [--limit S]
                 [--rule-limit S] [--out target/bench/reconcile.json]

For each size, in millions of records, a world is made by `muster-sim gen` unless DIR has it. Then, one after the other:

- `muster_from_logs`: no evidence, no run before: logs are verified, evidence is made, rules are run, findings are stored.
- `muster_from_evidence`: the same with the evidence there.
- `muster_new`: one session's log is taken in after that, and `reconcile --new`; five times, each another class. The process's
  time less that of `findings`, which opens the same store and prints the same: a server that runs has both behind it.
- `muster_served`: the same in a server that runs, from when it is asked until it has ended. The first log after it began, for
  which rules are planned, is `first_ms`.
- `duckdb_evidence`: the same rules by DuckDB over the tables that Muster's rules saw, with `claimed_cells`, `journeys` and
  `nulls`: what the engine costs. To be held against Muster's own `rules_s`, which is the same part.
- `duckdb_raw`, `sqlite_raw`, `postgres_raw`: the same rules over raw events, of which `evidence.sql` makes the tables at each
  run: what the design gains. What only the bureau's store knows is given to all alike; see `run.py` for what else.

Each is a process of its own; `s` is the time on the wall, `cpu_s` that of the processors, and `peak_mb` the most that it had
resident, as the system says when it ends; for PostgreSQL the sum of its processes' proportional shares, looked at twice a
second. Taking rows into SQLite and PostgreSQL is `load_s`, and in no ratio but `from_logs_with_load`. A rule that an engine
does not finish in --rule-limit seconds counts as that long, and its total, like the ratio, is "at least". The files lie in
the page cache for all. On a machine that others use, `cpu_s` and its ratios say more than `s`.

Exit status: 0 the figures were made, whatever they are; 1 a program failed, or has other rules than this tree; 2 a word is wrong.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
from engines import postgres_bin  # noqa: E402
from muster import Muster, measure  # noqa: E402

OTHERS = {"duckdb_evidence": "evidence", "duckdb_raw": "duckdb", "sqlite_raw": "sqlite", "postgres_raw": "postgres"}


def other(args, name, world, tables, work):
    """Another engine's figures, and what it found."""
    if name == "postgres_raw" and postgres_bin() is None:
        print("not run: PostgreSQL is not installed (apt-get install postgresql)", file=sys.stderr)
        return {"skipped": "PostgreSQL is not installed"}, {}
    work = work / name
    work.mkdir()
    out = work / "told.json"
    command = [sys.executable, HERE / "run.py", OTHERS[name]]
    options = ["--world", world, "--tables", tables, "--work", work, "--out", out, "--limit", args.limit,
               "--rule-limit", args.rule_limit, "--memory", args.memory]
    load, _ = measure(*command, "load", *options)
    run, _ = measure(*command, "run", *options, limit=args.limit * 1.5 + 300)
    told = json.loads(out.read_text())
    asked = list(told["counts"].values()) + list(told["rules"].values())
    slow = [rule for rule, one in told["rules"].items() if "over" in one]
    figures = {"version": told["version"], "settings": told["settings"], "load_s": told["load"], "load_peak_mb": load["peak_mb"],
               "evidence_s": round(sum(told["evidence"].values()), 3),
               "rules_s": round(sum(one.get("s", one.get("over", 0)) for one in asked), 3),
               "at_least": bool(slow) or "over" in told or any("over" in one for one in told["counts"].values()),
               "unfinished": slow, "failed": [rule for rule, one in told["rules"].items() if "error" in one],
               "peak_mb": told.get("peak_mb", run["peak_mb"]), "cpu_s": run["cpu_s"],
               "tables": told["evidence"], "rules": told["rules"]}
    figures["s"] = round(figures["evidence_s"] + figures["rules_s"], 3)
    if "over" in told:
        figures["stopped_at"], figures["s"] = told["over"], max(figures["s"], args.limit)
    found = defaultdict(set)
    path = Path(f"{out}.findings")
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        rule, c, subject = line.split("\t")
        found[rule].add((c, subject))
    return figures, found


def by_rule(whole, muster, figures, found, mine):
    """One row for each rule: seconds of each engine, rows, and what share of the findings is the same as Muster's."""
    rows = []
    for rule in sorted(muster["rules_ms"]):
        row = {"rule": rule, "muster": {"s": muster["rules_ms"][rule] / 1000, "rows": whole["rows"].get(rule),
                                        "findings": len(mine[rule])}}
        for name, engine in figures.items():
            one = dict(engine.get("rules", {}).get(rule, {}))
            if "rows" in one:
                theirs, both = found[name][rule], found[name][rule] & mine[rule]
                every = len(theirs | mine[rule])
                one |= {"findings": len(theirs), "same": len(both), "same_share": round(len(both) / every, 4) if every else 1.0}
            row[name] = one
        rows.append(row)
    return rows


def ratios(size):
    """How many times as long as Muster each other takes; of engines over raw events with all that is done, of DuckDB over
    evidence with the rules alone."""
    out = {}
    for name in OTHERS:
        one = size.get(name, {})
        if "s" not in one:
            continue
        ratio = {"at_least": one["at_least"], "peak": round(one["peak_mb"] / size["muster_from_evidence"]["peak_mb"], 2)}
        if name == "duckdb_evidence":
            ratio["rules"] = round(one["rules_s"] / max(size["muster_from_evidence"]["rules_s"], 1e-3), 2)
        else:
            for part in ("from_evidence", "from_logs"):
                ratio[part] = round(one["s"] / size[f"muster_{part}"]["s"], 2)
                ratio[f"{part}_cpu"] = round(one["cpu_s"] / size[f"muster_{part}"]["cpu_s"], 2)
            ratio["from_logs_with_load"] = round((one["s"] + one["load_s"]) / size["muster_from_logs"]["s"], 2)
        out[name] = ratio
    return out


def world_of(args, records):
    """The folder of a world of so many records; made where there is none. One that was begun and not finished is made anew."""
    folder = args.worlds / f"w{records}"
    if not folder.exists():
        begun = folder.with_name(f"{folder.name}.begun")
        shutil.rmtree(begun, ignore_errors=True)
        args.worlds.mkdir(parents=True, exist_ok=True)
        print(f"making a world of {records:,} records", flush=True)
        measure(args.sim, "gen", "--out", begun, "--records", records)
        begun.rename(folder)
    return folder


def one_size(args, records):
    world = world_of(args, records)
    muster, size = Muster(args.server, world), {"records": records}
    db = muster.store()
    size["sessions"], = db.execute("SELECT count(*) FROM session WHERE log_index IS NOT NULL").fetchone()
    size["classes"], size["claims"] = db.execute("SELECT count(DISTINCT class), count(*) FROM claim").fetchone()
    db.close()
    late = muster.late()
    try:
        for session in late:
            muster.come(session, 0)
        muster.forget(evidence=True)
        size["muster_from_logs"] = muster.reconcile()
        muster.runs_these(ROOT / "server" / "rules")
        muster.forget(evidence=False)
        size["muster_from_evidence"] = muster.reconcile()
        size["muster_new"] = muster.new(late)
        for session in late:
            muster.come(session, 0)
        muster.forget(evidence=True)
        muster.reconcile()
        size["muster_served"] = muster.served(late)
    finally:
        for session in late:
            muster.come(session, 1)
    for name in ("muster_from_logs", "muster_from_evidence"):
        one = size[name]
        print(f"{records:>12,} {name:22} {one['s']:9.2f} s {one['cpu_s']:9.2f} s cpu {one['peak_mb']:7} MB", flush=True)
    for name in ("muster_new", "muster_served"):
        print(f"{records:>12,} {name:22} {size[name]['ms']:9.1f} ms", flush=True)
    work = args.work / f"work{records}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        tables = work / "tables"
        whole = muster.reconcile("--tables", tables)
        figures, found = {}, {}
        for name in args.engines:
            figures[name], found[name] = other(args, name, world, tables, work)
            one = figures[name]
            if "s" in one:
                least = "at least" if one["at_least"] else ""
                parts = f"load {one['load_s']:.1f} s, evidence {one['evidence_s']:.1f} s, rules {one['rules_s']:.1f} s"
                slow = " ".join([least, *one["unfinished"], *(["stopped at", one["stopped_at"]] if "stopped_at" in one else [])])
                told = f"{one['s']:9.2f} s {one['cpu_s']:9.2f} s cpu {one['peak_mb']:7} MB"
                print(f"{records:>12,} {name:22} {told}  {parts} {slow}", flush=True)
            if name == "duckdb_raw" and records <= args.agree and "stopped_at" not in one:
                said = subprocess.run([sys.executable, HERE / "agree.py", "--tables", tables, "--work", work / name],
                                      check=True, capture_output=True, text=True)
                size["agreement"] = json.loads(said.stdout)
            shutil.rmtree(work / name, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    size["rules"] = by_rule(whole, size["muster_from_evidence"], figures, found, muster.findings())
    for name, one in figures.items():
        size[name] = {key: value for key, value in one.items() if key != "rules"}
    size["ratios"] = ratios(size)
    return size


def linear(sizes):
    """Seconds for a million records, by size; and how the largest stands to the smallest, 1 where cost is linear."""
    out = {}
    for name in ("muster_from_logs", "muster_from_evidence", *OTHERS):
        known = [size for size in sizes if "s" in size.get(name, {})]
        each = {str(size["records"]): round(size[name]["s"] / size["records"] * 1e6, 3) for size in known}
        if each:
            values = list(each.values())
            out[name] = {"s_per_million": each, "largest_to_smallest": round(values[-1] / values[0], 3)}
    return out


def aims(sizes):
    """What was aimed at, and whether these figures reach it; an aim about 10 million records is left out without them."""
    raw = [one for size in sizes for one in size["ratios"].values() if "from_logs" in one]
    out = {
        "ahead_of_all_raw": all(one[part] > 1 for one in raw for part in ("from_evidence", "from_logs")),
        "peak_under_4096_mb": all(s[m]["peak_mb"] < 4096 for s in sizes for m in ("muster_from_logs", "muster_from_evidence")),
        "new_log_under_100_ms": all(s["muster_served"]["ms"] < 100 for s in sizes),
    }
    for size in sizes:
        if size["records"] == 10_000_000:
            out["10_million_from_logs_under_10_s"] = size["muster_from_logs"]["s"] < 10
    return out


def machine():
    def read(path, key):
        lines = Path(path).read_text().splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")

    out = {"cores": os.cpu_count(), "cpu": read("/proc/cpuinfo", "model name"), "memory": read("/proc/meminfo", "MemTotal")}
    pressure = Path("/proc/pressure/cpu")
    if pressure.exists():
        out["cpu_pressure"] = pressure.read_text().splitlines()[0]
    return out


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sim", required=True)
    args.add_argument("--server", required=True)
    args.add_argument("--worlds", type=Path, default=ROOT / "target/bench/worlds")
    args.add_argument("--work", type=Path, default=None, help="where databases are; beside the worlds unless given")
    args.add_argument("--out", type=Path, default=ROOT / "target/bench/reconcile.json")
    args.add_argument("--sizes", default=os.environ.get("SIZES") or "1,10,50", help="millions of records")
    args.add_argument("--engines", default=",".join(OTHERS), type=lambda text: text.split(","))
    args.add_argument("--limit", type=float, default=1800, help="seconds for an engine")
    args.add_argument("--rule-limit", type=float, default=300, help="seconds for one rule")
    args.add_argument("--memory", type=int, default=4, help="GB that other engines are told to keep to")
    args.add_argument("--agree", type=int, default=1_000_000, help="up to so many records tables are compared row by row")
    args = args.parse_args()
    args.worlds = args.worlds.resolve()
    args.work = (args.work or args.worlds).resolve()
    version = subprocess.run([args.server, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    out = {"machine": machine(), "muster": version, "limit_s": args.limit, "rule_limit_s": args.rule_limit,
           "sizes": []}
    for millions in args.sizes.split(","):
        out["sizes"].append(one_size(args, round(float(millions) * 1e6)))
        out["linear"], out["aims"] = linear(out["sizes"]), aims(out["sizes"])
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(out, indent=1, ensure_ascii=False) + "\n")
    for size in out["sizes"]:
        for name, ratio in size["ratios"].items():
            least = "≥ " if ratio["at_least"] else ""
            words = [f"{key} {'' if key == 'peak' else least}{ratio[key]}" for key in ratio if key != "at_least"]
            print(f"{size['records']:>12,} {name:22} × Muster: {', '.join(words)}")
    print(json.dumps(out["aims"]))


if __name__ == "__main__":
    main()
