"""`howdah dev`: one command from an empty folder to a worker that follows the code."""

from __future__ import annotations

import signal

import psutil

from tests.acceptance.cli.program import Program, Running
from tests.acceptance.harness import until


def family(running: Running) -> list[psutil.Process]:
    """The processes below a running program."""
    return psutil.Process(running.process.pid).children(recursive=True)


def test_dev_brings_a_database_tables_and_a_worker_and_takes_them_away(alone: Program) -> None:
    dev = alone.start("dev", "shop:app")
    dev.wait_for("worker.started")
    alone.run("jobs", "send", "welcome", "email=ann@example.com", "--app", "shop:app")
    dev.wait_for("job.completed")

    code = dev.leave(signal.SIGINT)

    assert 0 == code
    assert dev.log("worker.stopped")
    assert not alone.run("postgres", "status", "--json").json["running"]


def test_a_saved_file_brings_a_new_worker(alone: Program) -> None:
    dev = alone.start("dev", "shop:app")
    dev.wait_for("worker.started")
    shop = (alone.folder / "shop.py").read_text()

    alone.write("shop.py", shop.replace('queue="mail"', 'queue="post"'))

    assert "post" in dev.wait_for("worker.started", times=2)["queues"]
    assert "changed: shop.py" in dev.text


def test_code_that_does_not_import_is_waited_for(alone: Program) -> None:
    shop = (alone.folder / "shop.py").read_text()
    alone.write("shop.py", "this is no Python")
    dev = alone.start("dev", "shop:app")
    until(lambda: "SyntaxError; see above" in dev.text, what=lambda: dev.text)

    # The message comes just before it begins to watch: save until it is seen.
    until(lambda: alone.write("shop.py", shop) or "changed: shop.py" in dev.text)

    dev.wait_for("worker.started")
    assert 0 == dev.leave(signal.SIGINT)


def test_options_after_two_dashes_go_to_the_worker(alone: Program) -> None:
    dev = alone.start("dev", "shop:app", "--", "--concurrency", "3")

    assert 3 == dev.wait_for("worker.started")["concurrency"]


def test_a_worker_does_not_outlive_a_dev_that_was_killed(alone: Program) -> None:
    dev = alone.start("dev", "shop:app")
    dev.wait_for("worker.started")
    workers = [one for one in family(dev) if "howdah.cli" in " ".join(one.cmdline())]

    dev.process.kill()
    dev.process.wait()

    assert workers
    until(lambda: not any(one.is_running() for one in workers))
