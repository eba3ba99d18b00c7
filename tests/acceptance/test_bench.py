"""`howdah bench` as a process: what it prints, and what it leaves behind, which is nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest

from tests.acceptance.harness import ROOT, until

KEYS = [
    "workload",
    "n",
    "jobs_per_s",
    "p50_ms",
    "p99_ms",
    "raw_jobs_per_s",
    "ratio",
    "first_jobs_per_s",
    "last_jobs_per_s",
    "settings",
    "rss_mb",
]
# What each workload measures beside its ratio; the rest is null. Schedules have no bare side.
MEASURED = {
    "send": {"jobs_per_s", "raw_jobs_per_s", "p50_ms", "p99_ms"},
    "bulk": {"jobs_per_s", "raw_jobs_per_s"},
    "drain": {"jobs_per_s", "raw_jobs_per_s", "rss_mb"},
    "latency": {"p50_ms", "p99_ms", "rss_mb"},
    "bloat": {"jobs_per_s", "first_jobs_per_s", "last_jobs_per_s", "rss_mb"},
    "claims": {"p50_ms", "p99_ms", "rss_mb"},
    "schedules": {"p50_ms", "p99_ms", "rss_mb"},
}
SECONDS = 120
ENDLESS = "10000000"


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """The database, and at the end a look whether a benchmark left anything there."""
    yield database_url
    assert [] == bench_schemas(database_url)


def bench_schemas(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'howdah\\_bench\\_%'"
        )
        return [row[0] for row in found]


def command(workload: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "howdah.bench", workload, "--json", *options]


def run(workload: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(workload, *options), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )


def measure(workload: str, url: str, *options: str) -> dict[str, Any]:
    ended = run(workload, "--url", url, *options)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture
def bench(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A benchmark that would take hours, with its worker at work."""
    started = subprocess.Popen(command("latency", "--n", ENDLESS, "--url", url), cwd=ROOT)
    yield started
    started.kill()
    started.wait()


def worker_of(bench: subprocess.Popen[bytes]) -> psutil.Process:
    """The benchmark's supervisor, as soon as it has a child."""

    def supervisor() -> psutil.Process | None:
        started = psutil.Process(bench.pid).children()
        return next((one for one in started if one.children()), None)

    found = until(supervisor, what="the benchmark started no worker")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("workload", "options"),
    [
        ("send", ["--n", "20", "--rounds", "2"]),
        ("bulk", ["--n", "1500", "--rounds", "1"]),
        ("drain", ["--n", "1500", "--rounds", "1"]),
        ("drain", ["--n", "1500", "--rounds", "1", "--processes", "2"]),
        ("latency", ["--n", "6", "--rounds", "2"]),
        ("latency", ["--n", "4", "--rounds", "1", "--no-notify"]),
        ("bloat", ["--n", "300", "--cycles", "2"]),
        ("claims", ["--n", "2000"]),
        ("schedules", ["--n", "30"]),
    ],
)
def test_a_workload_prints_one_document_with_what_it_measured(
    url: str, workload: str, options: list[str]
) -> None:
    document = measure(workload, url, *options)

    assert KEYS == list(document)
    assert workload == document["workload"]
    numbers = {name: document[name] for name in KEYS if name not in ("workload", "settings")}
    known = {name for name, value in numbers.items() if value is not None}
    compared = set() if workload == "schedules" else {"ratio"}
    assert {"n"} | compared | MEASURED[workload] == known
    assert all(numbers[name] > 0 for name in known)


def test_a_document_says_under_what_conditions_it_was_measured(url: str) -> None:
    settings = measure("send", url, "--n", "2", "--rounds", "1")["settings"]

    conditions = {"postgres", "fsync", "synchronous_commit", "cpus", "python", "loop"}
    assert conditions <= settings.keys()
    assert (True, "kept", "not counted") == (
        settings["durable"],
        settings["history"],
        settings["start_up"],
    )
    # One payload's 34 bytes cannot be stored in less, nor in a megabyte.
    assert 34 < settings["per_job"]["wal_bytes"] < 1_000_000


def test_a_report_for_people_names_both_sides(url: str) -> None:
    words = [word for word in command("send", "--n", "2", "--url", url) if word != "--json"]

    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)

    assert "" == ended.stderr
    assert [] == [said for said in ("Howdah", "bare driver", "ratio") if said not in ended.stdout]


def test_a_benchmark_that_is_terminated_takes_its_worker_and_schema_with_it(
    url: str, bench: subprocess.Popen[bytes]
) -> None:
    worker = worker_of(bench)

    bench.send_signal(signal.SIGTERM)

    assert 143 == bench.wait(SECONDS)
    assert not worker.is_running()
    assert [] == bench_schemas(url)


def test_a_killed_benchmark_takes_its_worker_with_it_and_the_next_one_its_schema(
    url: str, bench: subprocess.Popen[bytes]
) -> None:
    worker = worker_of(bench)

    bench.kill()
    bench.wait()

    worker.wait(SECONDS)
    assert 1 == len(bench_schemas(url))
    measure("send", url, "--n", "1", "--rounds", "1")
    assert [] == bench_schemas(url)


def test_a_benchmark_leaves_the_schema_of_one_that_runs_alone(
    url: str, bench: subprocess.Popen[bytes]
) -> None:
    worker_of(bench)
    running = bench_schemas(url)

    measure("send", url, "--n", "1", "--rounds", "1")

    assert running == bench_schemas(url)
    bench.send_signal(signal.SIGTERM)
    bench.wait(SECONDS)


def test_a_database_that_cannot_be_reached_is_one_line_of_error() -> None:
    ended = run("send", "--url", f"postgresql:///x?host={os.devnull}")

    assert 1 == ended.returncode
    assert ended.stderr.startswith("error: ")
    assert 1 == len(ended.stderr.splitlines())
