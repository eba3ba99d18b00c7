"""The parameters of a handler, read once when it is decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from howdah.errors import UsageError

_REFUSED: dict[object, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*{}: every argument is stored under a name, so list them",
    inspect.Parameter.VAR_KEYWORD: "**{}: name the parameters, or take one dict",
    inspect.Parameter.POSITIONAL_ONLY: "{}, positional-only: remove the '/' after it",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of the payload.

    Attributes:
        name: The key under which it is stored.
        hint: Its resolved annotation; Any when it has none.
        is_required: It has no default.
        is_positional: It may be given by position.
    """

    name: str
    hint: Any
    is_required: bool
    is_positional: bool


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a handler takes and returns.

    Attributes:
        payload: The parameters a sender fills, in order.
        context: The parameter that the worker fills, if there is one.
        returns: The resolved return annotation; Any when there is none.
    """

    payload: tuple[Parameter, ...]
    context: str | None
    returns: Any


def read_parameters(
    fn: Callable[..., Any],
    *,
    task: str,
    context_type: type,
    local_names: Mapping[str, Any] | None = None,
) -> Parameters:
    """Read what a handler takes and returns.

    Args:
        fn: The handler.
        task: Its name, for errors.
        context_type: The annotation that marks the parameter the worker fills.
        local_names: Names for annotations that are neither global nor in the closure, such as a
            class defined in the function that also defines the task.

    Raises:
        UsageError: The parameters cannot be stored by name, or an annotation has no meaning yet.
    """
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise UsageError(
            f"cannot make a task of {task!r}: it has a `yield`, and a job has one result;"
            " return a list instead"
        )
    hints = _resolve_hints(fn, task, context_type, local_names or {})
    payload: list[Parameter] = []
    context: str | None = None
    for found in inspect.signature(fn).parameters.values():
        hint = hints.get(found.name, Any)
        if refusal := _REFUSED.get(found.kind):
            raise UsageError(
                f"cannot make a task of {task!r}: it takes {refusal.format(found.name)}"
            )
        if not _mentions(hint, context_type):
            payload.append(_parameter(found, hint))
        elif context is None:
            context = found.name
        else:
            raise UsageError(
                f"cannot make a task of {task!r}: {context!r} and {found.name!r} are both"
                f" annotated {context_type.__name__}; keep one"
            )
    return Parameters(tuple(payload), context, hints.get("return", Any))


def _parameter(found: inspect.Parameter, hint: Any) -> Parameter:
    return Parameter(
        name=found.name,
        hint=hint,
        is_required=found.default is inspect.Parameter.empty,
        is_positional=found.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )


def _resolve_hints(
    fn: Callable[..., Any], task: str, context_type: type, local_names: Mapping[str, Any]
) -> dict[str, Any]:
    plain = inspect.unwrap(fn)
    if not inspect.isroutine(plain) and not isinstance(plain, type):
        plain = getattr(plain, "func", None) or type(plain).__call__
    # The context type comes first, so that a module may import it for type checkers only.
    names = {context_type.__name__: context_type, **getattr(plain, "__globals__", {})}
    try:
        return get_type_hints(
            plain, names, {**local_names, **_closure_of(plain)}, include_extras=True
        )
    except NameError as error:
        raise UsageError(
            f"cannot make a task of {task!r}: an annotation names {error.name!r}, which does not"
            " exist when the task is made; define or import it above the task,"
            " outside `if TYPE_CHECKING`"
        ) from error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise UsageError(
            f"cannot make a task of {task!r}: an annotation cannot be read: {error}"
        ) from error


def _closure_of(fn: Any) -> dict[str, Any]:
    code, cells = getattr(fn, "__code__", None), getattr(fn, "__closure__", None)
    if code is None or cells is None:
        return {}
    names: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, cells, strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            # The enclosing function has not assigned the variable yet.
            continue
    return names


def _mentions(hint: Any, wanted: type) -> bool:
    """Tell whether a hint is `wanted`, annotated, or one side of a union."""
    if isinstance(hint, type) and get_origin(hint) is None:
        return issubclass(hint, wanted)
    origin = get_origin(hint)
    if origin is Annotated:
        return _mentions(get_args(hint)[0], wanted)
    if origin in (Union, UnionType):
        return any(_mentions(part, wanted) for part in get_args(hint))
    return False
