"""One type, between Python and the JSON that is stored.

Pydantic does the work; a codec adds the promise that what it wrote can be stored and read back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreConfig, SchemaSerializer, SchemaValidator
from pydantic_core.core_schema import list_schema

from howdah._model.json_limits import (
    Offence,
    are_suspect,
    find_offence,
    find_offence_in_text,
    find_unencodable,
    is_suspect,
    path_of,
)

# NaN must leave a trace in the text to be refused (models have a configuration of their own, which
# this does not reach). Errors reach logs, which are no place for the arguments of a job.
_CONFIG = CoreConfig(ser_json_inf_nan="constants", hide_input_in_errors=True)

_PLAIN_VALUES = {str, int, bool, float, NoneType, UUID, Decimal, bytes} | {
    datetime, date, time, timedelta
}  # fmt: skip
_PLAIN_KEYS = {str, int, UUID}
_PLAIN_LISTS = {list, tuple, set, frozenset}
_UNTYPED = {Any, object, list, tuple, dict, set, frozenset}


class UnstorableError(Exception):
    """A value has no stored form; its owner says so in its own words."""

    def __init__(self, offence: Offence) -> None:
        super().__init__(f"{offence.path} {offence.reason}")
        self.offence = offence


class Codec:
    """Encodes and decodes values of one type.

    Attributes:
        check: Validate a Python value, converting where nothing is lost.
        load: Read a value from its JSON text.
    """

    __slots__ = (
        "_dump",
        "_hides_nan",
        "_is_read_back",
        "_many",
        "_root",
        "_schema",
        "check",
        "load",
    )

    check: Callable[[Any], Any]
    load: Callable[..., Any]

    def __init__(self, hint: Any, *, root: str = "", is_read_back: bool, hides_nan: bool) -> None:
        """Build the codec of a type.

        Args:
            hint: The type.
            root: What paths begin with.
            is_read_back: What is dumped must be loaded to know that it can be.
            hides_nan: It may hold models, which write NaN as null.

        Raises:
            PydanticUserError: Pydantic knows no form for the type.
            PydanticUndefinedAnnotation: A model in it names a class that does not exist yet.
        """
        # Not through the adapter's own pair: it takes no configuration for models and the like.
        adapter = TypeAdapter(hint)
        # A model that waits for a name would otherwise complain at the first send.
        adapter.rebuild(raise_errors=True)
        schema = adapter.core_schema
        validator = SchemaValidator(schema, _CONFIG)
        self._root = root
        self._schema = schema
        # Made when it is first used: most tasks are sent one by one.
        self._many: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self._dump = SchemaSerializer(schema, _CONFIG).to_json
        self._is_read_back = is_read_back
        self._hides_nan = hides_nan
        self.check = validator.validate_python
        self.load = validator.validate_json

    def dump(self, value: Any) -> str:
        """Encode a value as compact JSON that Postgres can hold and `load` will take.

        Raises:
            UnstorableError: The value, or one inside it, has no such form.
        """
        try:
            text: str = self._dump(value, warnings=False, round_trip=True, by_alias=False).decode()
        except Exception as error:
            # Anything may be raised: serializers and generators are code of the user's.
            raise UnstorableError(self._explain(value, error)) from error
        if is_suspect(text) or (self._hides_nan and "null" in text):
            offence = find_offence(value, root=self._root)
            offence = offence or find_offence_in_text(text, root=self._root)
            if offence is not None:
                raise UnstorableError(offence)
        if self._is_read_back:
            self._read_back(text)
        return text

    def dump_many(self, values: list[Any]) -> list[str] | None:
        """Check and encode many values whose JSON are objects, as `check` and `dump` would each.

        Returns:
            None when something about any of them is not plainly right: `dump` knows what.
        """
        if self._is_read_back:
            return None
        try:
            if self._many is None:
                schema = list_schema(self._schema)
                validator = SchemaValidator(schema, _CONFIG)
                self._many = validator.validate_python, SchemaSerializer(schema, _CONFIG).to_json
            check, dump = self._many
            text = dump(check(values), warnings=False, round_trip=True, by_alias=False).decode()
        except Exception:
            # Anything may be raised: serializers and generators are code of the user's.
            return None
        # One list is written in half the time of its items. Where they also hold what stands
        # between them, there are too many parts.
        texts = ["{" + part + "}" for part in text[2:-2].split("},{")]
        if len(texts) != len(values) or are_suspect(texts):
            return None
        return None if self._hides_nan and "null" in text else texts

    def _read_back(self, text: str) -> None:
        try:
            self.load(text, by_alias=True, by_name=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            reason = (
                "would not be understood when it is read back from JSON: "
                f"{first['msg']}; make its type accept what it writes"
            )
            raise UnstorableError(Offence(path_of(first["loc"]), reason)) from error

    def _explain(self, value: Any, error: Exception) -> Offence:
        offence = find_offence(value, root=self._root) or find_unencodable(value, root=self._root)
        if offence is not None:
            return offence
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        return Offence(self._root or "payload", f"has no JSON form: {first_line}")


def is_plain(hint: Any) -> bool:
    """Tell whether every valid value of a type is read back from its own JSON.

    False means only that this is not known: models may rename fields, serializers may be one-way.
    """
    if hint in _UNTYPED or hint in _PLAIN_VALUES:
        return True
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) or origin in _PLAIN_LISTS:
        return all(part is Ellipsis or is_plain(part) for part in parts)
    if origin is dict:
        return parts[0] in _PLAIN_KEYS and is_plain(parts[1])
    return False


def has_untyped(hint: Any) -> bool:
    """Tell whether a type has room for values of any type."""
    return hint in _UNTYPED or any(has_untyped(part) for part in get_args(hint))
