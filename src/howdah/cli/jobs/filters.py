"""Which jobs a command is about, as its options say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, get_type_hints
from uuid import UUID

import typer

from howdah._model.filter import JobFilter
from howdah._model.states import JobState
from howdah.cli import words

_PANEL = "Which jobs"
_MOMENT = "A moment, or how long ago: `2h`."

Ids = Annotated[list[UUID] | None, typer.Argument(metavar="ID", help="Jobs by their ids.")]


def _option(name: str, text: str, *more: str, metavar: str | None = None) -> Any:
    return typer.Option(name, *more, help=text, metavar=metavar, rich_help_panel=_PANEL)


States = Annotated[
    list[JobState] | None,
    _option(
        "--state",
        f"Only in this state; may be given several times. One of {', '.join(JobState)}.",
        "-s",
        metavar="STATE",
    ),
]


def read_filter(
    state: States = None,
    queue: Annotated[str | None, _option("--queue", "Only of this queue.", "-q")] = None,
    task: Annotated[str | None, _option("--task", "Only of this task.", "-t")] = None,
    key: Annotated[str | None, _option("--key", "Only with this key.", "-k")] = None,
    tag: Annotated[
        list[str] | None, _option("--tag", "Only with this tag; of several, with all.")
    ] = None,
    created_after: Annotated[
        str | None, _option("--created-after", f"Only sent since. {_MOMENT}", metavar="TIME")
    ] = None,
    created_before: Annotated[
        str | None, _option("--created-before", f"Only sent before. {_MOMENT}", metavar="TIME")
    ] = None,
    finished_after: Annotated[
        str | None, _option("--finished-after", f"Only finished since. {_MOMENT}", metavar="TIME")
    ] = None,
    finished_before: Annotated[
        str | None,
        _option("--finished-before", f"Only finished before. {_MOMENT}", metavar="TIME"),
    ] = None,
    arg: Annotated[
        list[str] | None,
        _option(
            "--arg",
            "Only with this argument; or one JSON object that the arguments contain.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    error: Annotated[
        str | None, _option("--error", "Only where an error says this, in any case.")
    ] = None,
) -> JobFilter:
    """The filter that these options say."""
    return JobFilter(
        state=state or (),
        queue=queue,
        task=task,
        key=key,
        tags=tag or (),
        created_after=words.past(created_after),
        created_before=words.past(created_before),
        finished_after=words.past(finished_after),
        finished_before=words.past(finished_before),
        args=words.arguments(arg) if arg else None,
        error=error,
    )


def with_filter(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `read_filter` in the place of its parameter `wanted`."""
    return _with_options(command, inspect.signature(read_filter).parameters)


def with_filter_of_one_queue(command: Callable[..., None]) -> Callable[..., None]:
    """As `with_filter`, for a command that is told its queue otherwise."""
    options = inspect.signature(read_filter).parameters
    return _with_options(command, {name: options[name] for name in options if name != "queue"})


def _with_options(
    command: Callable[..., None], options: Mapping[str, inspect.Parameter]
) -> Callable[..., None]:
    of_filter = get_type_hints(read_filter, include_extras=True)
    of_command = get_type_hints(command, include_extras=True)

    @wraps(command)
    def run(**given: Any) -> None:
        wanted = read_filter(**{name: given.pop(name) for name in options})
        command(wanted=wanted, **given)

    parameters: list[inspect.Parameter] = []
    for name, one in inspect.signature(command).parameters.items():
        if name == "wanted":
            parameters += [
                option.replace(annotation=of_filter[at]) for at, option in options.items()
            ]
        else:
            parameters.append(one.replace(annotation=of_command[name]))
    # What typer reads the options from.
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    )
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
