"""Muster as it is measured: its program as a process, and its data directory put back to before a run."""

import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

# So many sessions come one by one.
NEW = 5


def measure(*command, limit=None, **env):
    """Runs a program: seconds, those of processors, the most it had resident; and what it said. Ends when it fails."""
    with tempfile.TemporaryFile("w+") as said:
        begun = time.monotonic()
        words = [str(part) for part in command]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=said, env={**os.environ, **env})
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG if limit else 0)
            if pid:
                break
            if time.monotonic() - begun > limit:
                process.kill()
                limit = None
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        said.seek(0)
        text = re.sub(r"\x1b\[[0-9;]*m", "", said.read())
    if process.returncode > 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{text[-3000:]}")
    cpu = round(usage.ru_utime + usage.ru_stime, 3)
    return {"s": round(seconds, 3), "cpu_s": cpu, "peak_mb": usage.ru_maxrss // 1024}, text


def reconciled(bureau):
    """Asks a server to look at what is new; milliseconds until it has."""
    key = base64.b64encode(b"bureau:measured-and-thrown-away").decode()
    def ask(method):
        request = urllib.request.Request(f"{bureau}/api/v1/reconcile?new=1", method=method, headers={"Authorization": f"Basic {key}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    begun = time.monotonic()
    status = ask("POST")
    while status["running"]:
        time.sleep(0.002)
        status = ask("GET")
    if status["error"]:
        sys.exit(f"the server could not reconcile: {status['error']}")
    return round((time.monotonic() - begun) * 1000, 1)


class Muster:
    """A world's data directory, and the server's program."""

    def __init__(self, server, world):
        self.server, self.data = server, world / "data"

    def store(self):
        return sqlite3.connect(self.data / "muster.sqlite", isolation_level=None)

    def forget(self, evidence):
        """What runs left is gone, and the evidence where that is said: as if logs had just come, and nobody had looked."""
        db = self.store()
        db.execute("BEGIN")
        for table in ("finding", "claim_result", "trainee_result", "run", *(["part", "bracket"] if evidence else [])):
            db.execute(f"DELETE FROM {table}")
        if evidence:
            db.execute("UPDATE session SET evidence = 0, part = NULL")
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.close()
        if evidence:
            shutil.rmtree(self.data / "evidence", ignore_errors=True)

    def reconcile(self, *options):
        """One run; with the milliseconds of its steps and rules, and the rows of the rules."""
        out, said = measure(self.server, "reconcile", "--data", self.data, *options, RUST_LOG="muster_server=debug")
        out["steps_ms"] = {step.strip('"'): int(ms) for step, ms in re.findall(r'step=("[^"]*"|\S+) ms=(\d+)', said)}
        ran = re.findall(r"rule=(\S+) hits=(\d+) ms=(\d+)", said)
        out["rules_ms"] = {rule: int(ms) for rule, _, ms in ran}
        out["rows"] = {rule: int(hits) for rule, hits, _ in ran}
        # What engines over evidence do as well: what rules count, and the rules. They run beside each other, so that theirs
        # add up to more than it took.
        out["rules_s"] = (out["steps_ms"]["counts"] + out["steps_ms"]["rules"]) / 1000
        return out

    def runs_these(self, folder):
        """Ends where the newest run was of other rules than a folder's: then nothing can be compared."""
        files = sorted(folder.glob("*.sql"), key=lambda path: path.stem)
        each = [(path.stem.encode(), path.read_bytes()) for path in files]
        mine = hashlib.sha256(b"".join(b"%s\n%d\n%s\n" % (name, len(sql), sql) for name, sql in each)).hexdigest()
        ran, = self.store().execute("SELECT rules_sha256 FROM run ORDER BY run DESC LIMIT 1").fetchone()
        if ran != mine:
            sys.exit(f"{self.server} was built with other rules than those of {folder}: build it anew")

    def late(self):
        """The last session of some classes, which are to come later. Those that a run that was killed left out are here again."""
        db = self.store()
        db.execute("UPDATE session SET final = 1 WHERE final = 0 AND log_index IS NOT NULL")
        last = db.execute("SELECT device, counter FROM (SELECT device, counter, class, row_number() OVER "
                          "(PARTITION BY class ORDER BY open_ms DESC) AS n FROM session WHERE final = 1) "
                          "WHERE n = 1 ORDER BY class").fetchall()
        return last[:: max(len(last) // NEW, 1)][:NEW]

    def come(self, session, here):
        self.store().execute("UPDATE session SET final = ? WHERE device = ? AND counter = ?", (here, *session))

    def new(self, sessions):
        """What one new log costs, in milliseconds, each after the other."""
        each = []
        for session in sessions:
            self.come(session, 1)
            again, _ = measure(self.server, "reconcile", "--new", "--data", self.data)
            shown, _ = measure(self.server, "findings", "--data", self.data)
            each.append({"process_ms": again["s"] * 1000, "shown_ms": shown["s"] * 1000, "peak_mb": again["peak_mb"],
                         "ms": round((again["s"] - shown["s"]) * 1000, 1),
                         "cpu_ms": round((again["cpu_s"] - shown["cpu_s"]) * 1000, 1)})
        return {"ms": statistics.median(one["ms"] for one in each), "most_ms": max(one["ms"] for one in each), "each": each}

    def served(self, sessions):
        """The same by a server that runs: from when it is asked until it has ended. The first plans the rules, and is left out."""
        domain, = self.store().execute("SELECT CAST(value AS TEXT) FROM setting WHERE name = 'domain'").fetchone()
        each = []
        with tempfile.TemporaryDirectory() as folder:
            password, config = Path(folder, "password"), Path(folder, "server.toml")
            password.write_text("measured-and-thrown-away\n")
            password.chmod(0o600)
            config.write_text(f'domain = "{domain}"\ndevices = "127.0.0.1:0"\nbureau = "127.0.0.1:0"\n'
                              f'bureau_password_file = "{password}"\n')
            words = [self.server, "serve", "--config", config, "--data", self.data]
            with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
                try:
                    bureau = next(line.split()[1] for line in server.stdout if line.startswith("bureau "))
                    for session in sessions:
                        self.come(session, 1)
                        each.append(reconciled(bureau))
                finally:
                    server.terminate()
        later = each[1:]
        return {"ms": statistics.median(later), "most_ms": max(later), "first_ms": each[0], "each_ms": each}

    def findings(self):
        found = defaultdict(set)
        for rule, c, subject in self.store().execute("SELECT rule, class, subject FROM finding WHERE until IS NULL"):
            found[rule].add((c, subject))
        return found
