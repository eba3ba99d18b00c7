"""Runs the whole example on this machine: Postgres, web service, worker and mail server.

Stays up until Ctrl-C. With `--once` it signs up a hundred people, three of them a second time,
checks that exactly the right mails arrived, and exits 0 only then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
from rich.console import Console

from examples.signup.hundred import sign_up_a_hundred
from examples.signup.inbox import Inbox, Mail, open_inbox
from examples.signup.processes import DemoError, Process, listen, program, run, start
from howdah.embedded import Cluster
from howdah.errors import HowdahError

PORT = 8000
INTERRUPTED = 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Stack:
    """All that runs while the demo runs."""

    url: str
    database_url: str
    inbox: Inbox
    processes: tuple[Process, ...]


@asynccontextmanager
async def run_stack(
    database_url: str, *, port: int, on_mail: Callable[[Mail], None]
) -> AsyncIterator[Stack]:
    """Start everything in order, and stop it in the opposite order however the block ends."""
    async with AsyncExitStack() as stack:
        inbox = await stack.enter_async_context(open_inbox(on_mail))
        env = {
            "HOWDAH_DATABASE_URL": database_url,
            "SIGNUP_SMTP_HOST": "127.0.0.1",
            "SIGNUP_SMTP_PORT": str(inbox.port),
        }
        howdah = program("howdah")
        await run([howdah, "migrate"], env=env)
        work = [howdah, "worker", "examples.signup:app"]
        worker = await stack.enter_async_context(start("worker", work, env=env))
        with listen(preferred=port) as listener:
            serve = _uvicorn(listener.fileno())
            fds = (listener.fileno(),)
            web = await stack.enter_async_context(start("web", serve, env=env, pass_fds=fds))
            url = "http://{}:{}".format(*listener.getsockname())
        yield Stack(url, database_url, inbox, (worker, web))


async def once(stack: Stack) -> int:
    """Sign up a hundred people and say whether all went as it must."""
    report = await sign_up_a_hundred(
        url=stack.url, database_url=stack.database_url, inbox=stack.inbox
    )
    report.print_table(console)
    if not report.problems():
        return 0
    for problem in report.problems():
        print(f"wrong: {problem}")
    print(*_tails(stack), sep="\n")
    return 1


async def stay(stack: Stack) -> int:
    """Say where to look, and wait for Ctrl-C."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, trust_env=False) as client:
        (await client.get("/signups")).raise_for_status()
    console.print(f"sign-up page   [bold]{stack.url}[/]")
    console.print(f"HTTP API       {stack.url}/docs")
    console.print("Mails are shown here as they arrive. Ctrl-C stops everything.")
    await asyncio.Event().wait()
    return 0


async def run_demo(database_url: str, *, only_once: bool, port: int) -> int:
    """Run the stack and what was asked for, until that ends, a process dies or a signal comes."""
    _cancel_on_signal()
    body, on_mail = (once, _keep_quiet) if only_once else (stay, _announce)
    running = run_stack(database_url, port=port, on_mail=on_mail)
    async with running as stack, asyncio.TaskGroup() as group:
        watchers = [group.create_task(process.watch()) for process in stack.processes]
        try:
            code = await body(stack)
        except* httpx.HTTPError as problems:
            raise DemoError("\n".join(_tails(stack))) from problems
        for watcher in watchers:
            watcher.cancel()
    return code


def main() -> int:
    """Run the demo as the command line says."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="post 100 sign-ups, check and leave")
    parser.add_argument("--port", type=int, help="of the web page; a free one if it is taken")
    asked = parser.parse_args()
    port = asked.port if asked.port is not None else 0 if asked.once else PORT
    try:
        return _run(only_once=asked.once, port=port)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED if asked.once else 0


def _run(*, only_once: bool, port: int) -> int:
    code = 1
    try:
        with _database() as database_url:
            code = asyncio.run(run_demo(database_url, only_once=only_once, port=port))
    except* (DemoError, HowdahError, httpx.HTTPError) as problems:
        for problem in _each(problems):
            print(f"demo: {str(problem) or repr(problem)}", file=sys.stderr)
    return code


@contextmanager
def _database() -> Iterator[str]:
    """The database that the environment names, or a private one under ./.howdah."""
    named = os.environ.get("HOWDAH_DATABASE_URL")
    if named:
        yield named
        return
    cluster = Cluster()
    console.print(f"starting a private Postgres in {cluster.root}", soft_wrap=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with cluster as url:
        try:
            yield url
        finally:
            # From here on it takes a moment, and impatience would leave a server behind.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)


def _uvicorn(fd: int) -> list[str]:
    module = "examples.signup.web:fastapi"
    return [sys.executable, "-m", "uvicorn", module, "--fd", str(fd), "--log-level", "warning"]


def _tails(stack: Stack) -> list[str]:
    return [process.tail() for process in stack.processes]


def _announce(mail: Mail) -> None:
    console.print(f"mail to {mail.recipient}: {mail.subject}", markup=False)


def _keep_quiet(mail: Mail) -> None:
    """Let the table speak."""


def _each(problems: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for problem in problems.exceptions:
        if isinstance(problem, BaseExceptionGroup):
            yield from _each(problem)
        else:
            yield problem


def _cancel_on_signal() -> None:
    """Let the first signal unwind everything in order, and later ones change nothing."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if not task.cancelling():
            console.print("stopping")
            task.cancel()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)


if __name__ == "__main__":
    sys.exit(main())
