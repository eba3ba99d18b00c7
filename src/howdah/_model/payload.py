"""The arguments and the result of a task, between Python and the JSON that is stored.

A signature is read once, when the task is made. From then on `encode` is a validation and a dump
by pydantic and a few substring searches; the code that explains what is wrong runs only when
something is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Never, NoReturn, NotRequired

from pydantic import ConfigDict, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from typing_extensions import TypedDict

from howdah._model.codec import Codec, UnstorableError, has_untyped, is_plain
from howdah._model.json_limits import DEFAULT_LIMIT, find_offence, path_of
from howdah._model.parameters import Parameter, read_parameters
from howdah.errors import (
    PayloadMismatchError,
    PayloadTooLargeError,
    PayloadValueError,
    ResultError,
    UsageError,
)

# Problems that lie in a value and not in how it fits, so the value's own path is looked for.
_VALUE_PROBLEMS = {"string_unicode", "recursion_loop", "finite_number"}


class Signature:
    """What a task takes and returns.

    Attributes:
        task: The task's name, for errors.
        parameters: The parameters a sender fills, in order.
        context: The name of the parameter that the worker fills, if there is one.
        limit: Bytes allowed for the encoded arguments, and for a result.
    """

    __slots__ = (
        "_arguments",
        "_parts",
        "_positional",
        "_result",
        "context",
        "limit",
        "parameters",
        "task",
    )

    def __init__(
        self,
        *,
        task: str,
        parameters: tuple[Parameter, ...],
        returns: Any,
        context: str | None,
        limit: int,
    ) -> None:
        """Build from what was read; `Signature.of` reads it from a function."""
        self.task = task
        self.parameters = parameters
        self.context = context
        self.limit = limit
        self._positional = tuple(p.name for p in parameters if p.is_positional)
        self._arguments = _arguments_codec(task, parameters)
        self._result = _result_codec(task, returns)
        self._parts: dict[frozenset[str], Signature] = {}

    @classmethod
    def of(
        cls,
        fn: Callable[..., Any],
        *,
        name: str,
        context_type: type,
        limit: int = DEFAULT_LIMIT,
        local_names: Mapping[str, Any] | None = None,
    ) -> Signature:
        """Read the signature of a handler.

        Args:
            fn: The handler.
            name: The task's name.
            context_type: The annotation that marks the parameter the worker fills.
            limit: Bytes allowed for the encoded arguments, and for a result.
            local_names: Where to look for names in annotations that are neither global nor in
                the handler's closure.

        Raises:
            UsageError: The handler cannot be a task, and why.
        """
        found = read_parameters(fn, task=name, context_type=context_type, local_names=local_names)
        return cls(
            task=name,
            parameters=found.payload,
            returns=found.returns,
            context=found.context,
            limit=limit,
        )

    def __str__(self) -> str:
        return f"({', '.join(_show(parameter) for parameter in self.parameters)})"

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Encode the arguments of one job as a JSON object, by parameter name.

        Raises:
            PayloadMismatchError: They do not fit the signature.
            PayloadValueError: A value cannot be stored.
            PayloadTooLargeError: The text is over the limit.
        """
        values = dict(zip(self._positional, args))  # noqa: B905 - `strict=` costs 0.15 us
        if kwargs:
            values.update(kwargs)
        if len(values) != len(args) + len(kwargs):
            self._refuse_call(args, kwargs)
        return self._encode_values(values)

    def by_name(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """Arguments that were given by position, by name."""
        return dict(zip(self._positional, args))  # noqa: B905 - `encode` refuses too many

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by parameter name, unchecked but for their number.

        Raises:
            PayloadMismatchError: There are too many, or one is given twice.
        """
        values = dict(zip(self._positional, args, strict=False)) | dict(kwargs)
        if len(values) != len(args) + len(kwargs):
            self._refuse_call(args, kwargs)
        return values

    def without(self, names: Collection[str]) -> Signature:
        """The same but for some parameters, which somebody else fills."""
        key = frozenset(names)
        if key not in self._parts:
            self._parts[key] = Signature(
                task=self.task,
                parameters=tuple(p for p in self.parameters if p.name not in key),
                returns=Any,
                context=self.context,
                limit=self.limit,
            )
        return self._parts[key]

    def encode_many(self, items: Iterable[tuple[Any, ...] | Mapping[str, Any]]) -> list[str]:
        """Encode the arguments of many jobs, in order.

        Args:
            items: For each job a tuple of positional arguments, or a mapping by name.

        Raises:
            PayloadError: As `encode`; the message says which item it was.
        """
        items = list(items)
        plain = self._encode_plain(items)
        if plain is not None:
            return plain
        texts: list[str] = []
        for item in items:
            try:
                texts.append(self._encode_item(item))
            except (PayloadMismatchError, PayloadValueError, PayloadTooLargeError) as error:
                error.args = (f"item {len(texts)}: {error}",)
                raise
        return texts

    def decode(self, text: str | bytes) -> dict[str, Any]:
        """Read the arguments of a job, ready for `handler(**arguments)`.

        Raises:
            PayloadMismatchError: The text is not JSON or does not fit the signature.
        """
        try:
            arguments: dict[str, Any] = self._arguments.load(text, by_alias=True, by_name=True)
        except ValidationError as error:
            self._refuse_values(error, "run")
        return arguments

    def encode_result(self, value: Any) -> str | None:
        """Encode what the handler returned; None stays None.

        Raises:
            ResultError: The value cannot be stored.
        """
        if value is None:
            return None
        try:
            text = self._result.dump(value)
        except UnstorableError as error:
            raise ResultError(f"cannot store what task {self.task!r} returned: {error}") from error
        if len(text) * 4 > self.limit and (size := len(text.encode())) > self.limit:
            raise ResultError(
                f"cannot store what task {self.task!r} returned: it has {size:,} bytes and"
                f" {self.limit:,} are allowed; store it elsewhere and return where"
            )
        return text

    def decode_result(self, text: str | bytes | None) -> Any:
        """Read a stored result as the type that the handler declares.

        Raises:
            ResultError: The text does not fit that type.
        """
        if text is None:
            return None
        try:
            return self._result.load(text, by_alias=True, by_name=True)
        except ValidationError as error:
            problems = "; ".join(_problems_of(error, ()))
            raise ResultError(
                f"cannot read the result of task {self.task!r} as the type it declares:"
                f" {problems}; change the annotation or what the task returns"
            ) from error

    def _encode_values(self, values: dict[str, Any]) -> str:
        arguments = self._arguments
        try:
            text = arguments.dump(arguments.check(values))
        except UnstorableError as error:
            raise PayloadValueError(
                f"cannot send {self.task!r}: {error}", path=error.offence.path
            ) from error
        except ValidationError as error:
            self._refuse_value_in(values, error)
            self._refuse_values(error, "send")
        except RecursionError as error:
            self._refuse_value_in(values, error)
            raise
        # A character has at most four bytes: most texts need not be encoded to know their size.
        if len(text) * 4 > self.limit and (size := len(text.encode())) > self.limit:
            raise PayloadTooLargeError(
                f"cannot send {self.task!r}: its arguments have {size:,} bytes as JSON and"
                f" {self.limit:,} are allowed; store them elsewhere and send where",
                size=size,
                limit=self.limit,
            )
        return text

    def _encode_plain(self, items: list[Any]) -> list[str] | None:
        """Encode many jobs in which nothing is wrong; None when there may be something."""
        names, width = self._positional, len(self._positional)
        if not items or set(map(type, items)) != {tuple} or max(map(len, items)) > width:
            return None
        values = [dict(zip(names, item)) for item in items]  # noqa: B905 - as above
        texts = self._arguments.dump_many(values)
        # A character has at most four bytes: most texts need not be encoded to know their size.
        if texts is None or max(map(len, texts)) * 4 > self.limit:
            return None
        return texts

    def _encode_item(self, item: Any) -> str:
        if isinstance(item, Mapping):
            return self.encode((), item)
        if isinstance(item, tuple):
            return self.encode(item, {})
        problem = f"{type(item).__name__} is neither a tuple of arguments nor a mapping by name"
        raise PayloadMismatchError(
            f"cannot send {self.task!r}: {problem}; its parameters are {self}", problems=(problem,)
        )

    def _refuse_value_in(self, values: dict[str, Any], error: Exception) -> None:
        """Raise PayloadValueError if it is a value, rather than the fit, that is wrong."""
        if isinstance(error, ValidationError) and _VALUE_PROBLEMS.isdisjoint(
            problem["type"] for problem in _details(error)
        ):
            return
        if offence := find_offence(values):
            raise PayloadValueError(
                f"cannot send {self.task!r}: {offence.path} {offence.reason}", path=offence.path
            ) from error

    def _refuse_values(self, error: ValidationError, verb: str) -> NoReturn:
        problems = _problems_of(error, [parameter.name for parameter in self.parameters])
        raise PayloadMismatchError(
            f"cannot {verb} {self.task!r}: {'; '.join(problems)}; its parameters are {self}",
            problems=problems,
        ) from error

    def _refuse_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> NoReturn:
        twice = [name for name in self._positional[: len(args)] if name in kwargs]
        problems = [f"{name} is given twice, by position and by name" for name in twice]
        if len(args) > len(self._positional):
            problems.append(
                f"{len(args)} arguments are given by position and"
                f" {len(self._positional)} can be taken"
            )
        raise PayloadMismatchError(
            f"cannot send {self.task!r}: {'; '.join(problems)}; its parameters are {self}",
            problems=tuple(problems),
        )


def _arguments_codec(task: str, parameters: tuple[Parameter, ...]) -> Codec:
    # An absent argument stays absent, so that the handler's own default applies in the worker.
    make: Any = TypedDict
    form = make(
        task, {p.name: p.hint if p.is_required else NotRequired[p.hint] for p in parameters}
    )
    plain = all(is_plain(p.hint) for p in parameters)
    form.__pydantic_config__ = ConfigDict(extra="forbid")
    try:
        return Codec(
            form,
            is_read_back=not plain,
            hides_nan=not plain or any(has_untyped(p.hint) for p in parameters),
        )
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        for parameter in parameters:
            _result_codec(task, parameter.hint, what=f"parameter {parameter.name!r}")
        raise UsageError(f"cannot make a task of {task!r}: {_first_line(error)}") from error


def _result_codec(task: str, hint: Any, *, what: str = "its result") -> Codec:
    if hint in (NoReturn, Never):
        hint = Any
    try:
        return Codec(hint, root="result", is_read_back=False, hides_nan=True)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise UsageError(
            f"cannot make a task of {task!r}: {what} is annotated {_name_of(hint)}, which has no"
            " JSON form that pydantic knows; use plain values, dataclasses or pydantic models,"
            " complete when the task is made"
        ) from error


def _details(error: ValidationError) -> list[Any]:
    # Without the input: it may be large, secret, or nested too deep to be shown.
    return list(error.errors(include_url=False, include_input=False, include_context=False))


def _problems_of(error: ValidationError, names: Iterable[str]) -> tuple[str, ...]:
    problems: list[str] = []
    for problem in _details(error):
        path = path_of(problem["loc"])
        if problem["type"] == "missing":
            problems.append(f"{path} is missing")
        elif problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            near = get_close_matches(path, list(names), n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            problems.append(f"{path} is not a parameter{hint}")
        else:
            message = problem["msg"][:1].lower() + problem["msg"][1:]
            problems.append(f"{path}: {message}" if path else message)
    return tuple(problems)


def _show(parameter: Parameter) -> str:
    hint = "" if parameter.hint is Any else f": {_name_of(parameter.hint)}"
    return f"{parameter.name}{hint}" + ("" if parameter.is_required else " = ...")


def _name_of(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
