"""Engines that are not Muster's, alike to whoever asks: DuckDB, SQLite and PostgreSQL.

Each has `version` and `settings`, takes rows of Parquet as a table, and runs queries with a limit of time.
"""

import os
import pwd
import re
import shutil
import sqlite3
import subprocess
import threading
import time
from glob import glob
from pathlib import Path

import duckdb

# Events lie by kind in engines with rows of their own: what one question needs of them lies together.
ORDER = {"events": " ORDER BY kind, device, counter, seq"}


class Over(Exception):
    """The engine was given its time, and did not finish."""


class Failed(Exception):
    """The engine does not take the query, and says why."""


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
        except duckdb.Error as error:
            raise Failed(str(error)) from error
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
        except sqlite3.Error as error:
            raise (Over if "interrupted" in str(error) else Failed)(str(error)) from error
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
        with open(args.work / "postgres.log", "a", encoding="utf-8") as log:
            self.server = subprocess.Popen(
                [self.bin / "postgres", "-D", self.work / "data", "-k", self.work, "-c", "listen_addresses=", *options],
                stdout=subprocess.DEVNULL, stderr=log, **self.user)
        while subprocess.run([self.bin / "pg_isready", "-q", "-h", self.work], check=False).returncode:
            if self.server.poll() is not None:
                raise OSError(f"PostgreSQL did not start: see {args.work}/postgres.log")
            time.sleep(0.2)
        if new:
            self.call("createdb", "-h", self.work, "-U", "bench", "bench")
        self.version = self.call("postgres", "--version").strip()
        threading.Thread(target=self.watch, daemon=True).start()

    def call(self, program, *options):
        done = subprocess.run([self.bin / program, *options], check=False, capture_output=True, text=True, cwd="/", **self.user)
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
                    total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))
                except (OSError, AttributeError):
                    continue
            self.peak = max(self.peak, total // 1024)
            time.sleep(0.5)

    def sql(self, text):
        # How far back a row lies is an `integer` here, and no other number.
        return re.sub(r"\b(LAG|LEAD)\(([^,()]+), (CAST\([^()]*\)[^()]*)\)", r"\1(\2, CAST(\3 AS INTEGER))", text)

    def psql(self, *options, **more):
        command = [self.bin / "psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.work, "-U", "bench", "bench"]
        return subprocess.run([*command, *options], check=False, capture_output=True, text=True, **more)

    def run(self, sql, seconds):
        done = self.psql(input=f"SET statement_timeout = {max(int(seconds * 1000), 1)};\n{sql};")
        if "statement timeout" in done.stderr:
            raise Over
        if done.returncode:
            raise Failed(done.stderr.strip())
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
            done = self.psql("-c", f"\\copy \"{name}\" FROM STDIN WITH (FORMAT csv, NULL '\\N')", stdin=rows)
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
