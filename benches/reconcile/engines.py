#!/usr/bin/env python3
"""The shipped rules on an engine that is not Muster's: one process for one engine and one world. `reconcile.py` starts it.

    engines.py ENGINE STEP --world W --tables T --work DIR --out FILE [--limit S] [--rule-limit S] [--memory GB]

ENGINE is `duckdb` (Parquet as it lies), `sqlite` or `postgres` (rows of their own), over raw events and `evidence.sql`; or
`evidence`, which is DuckDB over Muster's evidence. STEP `load` takes the rows in, `run` makes evidence and runs the rules.

FILE is written anew after each step that is done, as JSON: `version`, `settings`, and

- `load`: seconds;
- `evidence`: seconds by table, in order; `counts`: seconds by rule, of what the rule counts;
- `rules`: by rule `s` and `rows`; or `over` with the seconds after which it was stopped; or `lacks`, the tables it needs that
  are empty; or `error`;
- `over`: what was stopped when the whole limit was reached; nothing after it was begun;
- `peak_mb`: of PostgreSQL's processes, their proportional set sizes added up, twice a second. Absent for the others, of which
  the caller asks the system.

`nulls`, which floats fit, is Muster's own, for nothing; what the rules count for it is asked and timed.
Findings (rule, class, subject) go to FILE.findings, not timed.

Exit status: 0 it ran, whatever was too slow; 2 a file cannot be used.
"""

import argparse
import csv
import json
import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from glob import glob
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from duckdb_rules import read_rule, read_tables  # noqa: E402

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


class Over(Exception):
    """The engine was given its time, and did not finish."""


def columns(table, types):
    return ", ".join(f'"{name}" {kind}' for name, kind in types[table].items())


def from_parquet(files):
    return f"read_parquet({[str(f) for f in files]!r}, hive_partitioning = false)"


class Duck:
    """DuckDB: tables in a file of its own, Parquet as it lies."""

    def __init__(self, args):
        self.db = duckdb.connect(str(args.work / f"{args.engine}.db"))
        self.settings = {"threads": args.threads, "memory_limit": f"{args.memory}GB"}
        self.version = f"DuckDB {duckdb.__version__}"
        self.db.execute(f"SET threads = {args.threads}; SET memory_limit = '{args.memory}GB'; "
                        f"SET temp_directory = '{args.work}/duckdb-spill'; SET preserve_insertion_order = false")

    def sql(self, text):
        """A query as this engine wants it."""
        return text

    def run(self, sql, seconds):
        """Its rows; `Over` after so many seconds."""
        timer = threading.Timer(seconds, self.db.interrupt)
        timer.start()
        try:
            return self.db.execute(sql).fetchall()
        except duckdb.InterruptException as error:
            raise Over from error
        finally:
            timer.cancel()

    def make(self, name, query, indexes, seconds):
        """A table of a query's rows, with indexes where the engine uses them."""
        self.run(f'CREATE TABLE "{name}" AS {query}', seconds)

    def analyze(self, table):
        """Has the planner look at a table, where the engine does not do so itself."""

    def take(self, name, typed, source):
        """A table of what a source of DuckDB's yields, its columns with their types."""
        self.db.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {source}')

    def close(self):
        self.db.close()


class Lite:
    """SQLite: one file, without a journal."""

    def __init__(self, args):
        path = args.work / "sqlite.db"
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.settings = {"cache_size_mb": args.memory * 256, "journal_mode": "off", "synchronous": "off",
                         "threads": args.threads, "temp_store": "file"}
        self.version = f"SQLite {sqlite3.sqlite_version}"
        os.environ["SQLITE_TMPDIR"] = str(args.work)
        for pragma in (f"cache_size = {-args.memory * 256 * 1024}", "journal_mode = off", "synchronous = off",
                       f"threads = {args.threads}", "temp_store = file"):
            self.db.execute(f"PRAGMA {pragma}").fetchall()
        self.db.create_function("starts_with", 2, lambda a, b: None if a is None or b is None else a.startswith(b),
                                deterministic=True)

    def sql(self, text):
        return re.sub(r"\bLEAST\(", "MIN(", re.sub(r"\bGREATEST\(", "MAX(", text))

    def run(self, sql, seconds):
        timer = threading.Timer(seconds, self.db.interrupt)
        timer.start()
        try:
            return self.db.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise Over from error
            raise
        finally:
            timer.cancel()

    def make(self, name, query, indexes, seconds):
        until = time.monotonic() + seconds
        self.run(f'CREATE TABLE "{name}" AS {query}', seconds)
        for n, index in enumerate(indexes):
            self.run(f'CREATE INDEX "{name}_{n}" ON "{name}" ({index})', until - time.monotonic())
        self.run(f'ANALYZE "{name}"', until - time.monotonic())

    def analyze(self, table):
        self.db.execute(f'ANALYZE "{table}"')

    def take(self, name, typed, source):
        """The key of events is their order, so that each kind lies together."""
        key = ", PRIMARY KEY (kind, device, counter, seq)) WITHOUT ROWID" if name == "events" else ")"
        self.db.execute(f'CREATE TABLE "{name}" ({typed}{key}')
        rows = duckdb.connect().execute(f"SELECT * FROM {source}" + ORDER.get(name, ""))
        places = ", ".join("?" * len(rows.description))
        self.db.execute("BEGIN")
        while some := rows.fetchmany(50_000):
            self.db.executemany(f'INSERT INTO "{name}" VALUES ({places})', some)
        self.db.execute("COMMIT")

    def close(self):
        self.db.close()


ORDER = {"events": " ORDER BY kind, device, counter, seq"}


def postgres_bin():
    """The folder of PostgreSQL's programs; `None` where it is not installed."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else []
    places += [Path(p).parent for p in sorted(glob("/usr/lib/postgresql/*/bin/postgres"), reverse=True)]
    return next((p for p in places if (p / "initdb").exists()), None)


class Postgres:
    """PostgreSQL: a cluster of its own, on a socket, without syncing. It does not run as root, so root lends it another user."""

    def __init__(self, args):
        self.bin, self.work, self.peak = postgres_bin(), args.work / "postgres", 0
        self.user = {}
        if os.geteuid() == 0:
            who = next(u for u in ("postgres", "nobody") if u in {p.pw_name for p in pwd.getpwall()})
            self.user = {"user": who, "group": pwd.getpwnam(who).pw_gid, "extra_groups": []}
        new = not self.work.exists()
        if new:
            self.work.mkdir(mode=0o700)
            if self.user:
                shutil.chown(self.work, self.user["user"], self.user["group"])
            self.call("initdb", "-D", self.work / "data", "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C", "--no-sync")
        mb = args.memory * 1024
        self.settings = {"shared_buffers": f"{mb // 4}MB", "work_mem": f"{mb // 16}MB", "maintenance_work_mem": f"{mb // 8}MB",
                         "effective_cache_size": f"{mb}MB", "max_parallel_workers_per_gather": args.threads - 1,
                         "max_parallel_maintenance_workers": args.threads - 1, "jit": "off", "fsync": "off",
                         "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "8GB",
                         "wal_level": "minimal", "max_wal_senders": 0, "random_page_cost": 1.1}
        options = [part for key, value in self.settings.items() for part in ("-c", f"{key}={value}")]
        self.server = subprocess.Popen(
            [self.bin / "postgres", "-D", self.work / "data", "-k", self.work, "-c", "listen_addresses=", *options],
            stdout=subprocess.DEVNULL, stderr=open(args.work / "postgres.log", "a"), **self.user)
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", self.work]).returncode:
            if self.server.poll() is not None:
                raise OSError(f"PostgreSQL did not start: see {args.work}/postgres.log")
            time.sleep(0.2)
        if new:
            self.call("createdb", "-h", self.work, "-U", "bench", "bench")
        self.version = self.call("postgres", "--version").strip()
        threading.Thread(target=self.watch, daemon=True).start()

    def call(self, program, *options):
        done = subprocess.run([self.bin / program, *options], capture_output=True, text=True, cwd="/", **self.user)
        if done.returncode:
            raise OSError(f"{program}: {done.stderr[-1000:]}")
        return done.stdout

    def watch(self):
        """The largest sum of the processes' shares of memory. What they share is counted once."""
        pid = self.server.pid
        while self.server.poll() is None:
            total = 0
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            except OSError:
                children = []
            for one in [pid, *children]:
                try:
                    text = Path(f"/proc/{one}/smaps_rollup").read_text()
                    total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
                except (OSError, AttributeError):
                    continue
            self.peak = max(self.peak, total // 1024)
            time.sleep(0.5)

    def sql(self, text):
        # How far back a row lies is an `integer` here, and no other number.
        return re.sub(r"\b(LAG|LEAD)\(([^,()]+), (CAST\([^()]*\)[^()]*)\)", r"\1(\2, CAST(\3 AS INTEGER))", text)

    def psql(self, sql, **more):
        command = ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", str(self.work), "-U", "bench", "bench"]
        return subprocess.run(command + more.pop("options", []), input=sql, capture_output=True, text=True, **more)

    def run(self, sql, seconds):
        done = self.psql(f"SET statement_timeout = {max(int(seconds * 1000), 1)};\n{sql};")
        if "statement timeout" in done.stderr:
            raise Over
        if done.returncode:
            raise sqlite3.OperationalError(done.stderr.strip()[:500])
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def make(self, name, query, indexes, seconds):
        until = time.monotonic() + seconds
        self.run(f'CREATE UNLOGGED TABLE "{name}" AS {query}', seconds)
        for index in indexes:
            self.run(f'CREATE INDEX ON "{name}" ({index})', until - time.monotonic())
        self.run(f'ANALYZE "{name}"', until - time.monotonic())

    def analyze(self, table):
        self.run(f'ANALYZE "{table}"', 3600)

    def take(self, name, typed, source):
        self.run(f'CREATE UNLOGGED TABLE "{name}" ({typed})', 60)
        pipe = self.work.parent / "rows.csv"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        copy = (f"COPY (SELECT * FROM {source}{ORDER.get(name, '')}) TO '{pipe}' "
                "(FORMAT csv, HEADER false, NULLSTR '\\N', USE_TMP_FILE false)")
        writer = threading.Thread(target=lambda: duckdb.connect().execute(copy))
        writer.start()
        with open(pipe, encoding="utf-8") as rows:
            command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.work), "-U", "bench", "bench",
                       "-c", f"\\copy \"{name}\" FROM STDIN WITH (FORMAT csv, NULL '\\N')"]
            done = subprocess.run(command, stdin=rows, capture_output=True, text=True)
        writer.join()
        pipe.unlink()
        if done.returncode:
            raise OSError(f"{name}: {done.stderr[-500:]}")
        if name == "events":
            self.run("CREATE INDEX ON events (kind, device, counter, seq)", 3600)

    def close(self):
        self.server.terminate()
        self.server.wait()


ENGINES = {"duckdb": Duck, "sqlite": Lite, "postgres": Postgres, "evidence": Duck}


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
    text = (Path(__file__).parent / "evidence.sql").read_text(encoding="utf-8")
    for part in re.split(r"^-- (?=table: |view: )", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        kind, _, name = head.partition(": ")
        indexes, drops = (re.findall(rf"^-- {word}: (.+)$", body, flags=re.M) for word in ("index", "drop"))
        query = re.sub(r"^-- (index|drop): .+\n?", "", body, flags=re.M).strip()
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

    def timed(self, limit, work):
        """Seconds that it took. Nothing is begun when there is no time left."""
        seconds = min(limit, self.left())
        if seconds <= 0:
            raise Over
        begun = time.monotonic()
        work(seconds)
        return round(time.monotonic() - begun, 3)

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
            values = ", ".join(f"('{c}', {level}, {share}, {str(manual).lower()}, {gap})" for c, level, share, manual, gap in rows)
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
            make = lambda s, name=name, query=query, indexes=indexes: self.engine.make(name, query, indexes, s)  # noqa: E731
            self.out["evidence"][name] = self.timed(self.left(), make)
            self.keep()
            for one in drops:
                self.engine.run(f'DROP TABLE "{one}"', 60)
        del self.out["over"]

    def rules(self):
        rules = [read_rule(p.stem, p.read_text(encoding="utf-8")) for p in sorted(RULES.glob("*.sql"))]
        for rule in rules:
            if rule.counts:
                self.out["counts"][rule.id] = self.one(rule.counts)
        with open(f"{self.args.out}.findings", "w", encoding="utf-8") as found:
            for rule in rules:
                lacks = [n for n in rule.needs if not self.engine.run(f'SELECT 1 FROM "{n}" LIMIT 1', 60)]
                self.out["rules"][rule.id] = {"lacks": lacks} if lacks else self.one(rule.query, rule.id, found)
                self.keep()

    def one(self, query, rule=None, found=None):
        """A query's rows into a table of its own, each once: as a rule is run."""
        query = self.engine.sql(query)
        self.engine.run("DROP TABLE IF EXISTS hits", 60)
        begun = time.monotonic()
        limit = max(min(self.args.rule_limit, self.left()), 0.001)
        try:
            self.engine.run(f"CREATE TABLE hits AS SELECT DISTINCT * FROM (\n{query}\n) q", limit)
        except Over:
            return {"over": round(limit, 1)}
        except (duckdb.Error, sqlite3.Error) as error:
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
