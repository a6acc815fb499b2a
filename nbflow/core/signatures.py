"""How a function's parameters and result look on record.

A function with one parameter takes the value itself as its input; one with
several takes an object keyed by parameter name; one with none takes null.
Values are rebuilt by annotation.
"""

from __future__ import annotations

import inspect
import re
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from functools import cached_property
from typing import Any, cast, get_args, get_origin, get_type_hints

import msgspec

from nbflow.core.failures import PINNED
from nbflow.core.payloads import Codec, Unannotated, codec
from nbflow.errors import ArgumentsError, DefinitionError, PayloadError

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MODULES = re.compile(rf"\b(__main__|{PINNED}\w+)\.")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Signature:
    """The recorded signature of a workflow or activity.

    Args:
        function: The function as its author wrote it.
        name: The registered name, for messages.
        context_names: Names of the context classes; a first parameter that is called ``ctx``
            or annotated with one of them is the context and not on record.

    Attributes:
        takes_context: Whether the function wants the context first.

    Raises:
        DefinitionError: The function takes ``*args`` or ``**kwargs``.
    """

    def __init__(self, function: Callable[..., Any], *, name: str, context_names: tuple[str, ...]) -> None:
        self.function = function
        self.name = name
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        self.takes_context = bool(parameters) and _is_context(parameters[0], context_names)
        if self.takes_context:
            parameters = parameters[1:]
        for parameter in parameters:
            if parameter.kind in _VARIADIC:
                raise DefinitionError(
                    f"{name}{signature} takes {parameter}: name every parameter, since the input goes on record"
                )
        self._signature = signature.replace(parameters=parameters)
        self._names = tuple(parameter.name for parameter in parameters)
        self._is_plain = all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in parameters)

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:  # in the description of every value that is written or read
        shown = self._signature.replace(
            parameters=[
                p.replace(annotation=_unquoted(p.annotation)) for p in self._signature.parameters.values()
            ],
            return_annotation=_unquoted(self._signature.return_annotation),
        )
        return _MODULES.sub("", f"{self.name}{shown}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, without the context's."""
        return self._names

    @property
    def parameters(self) -> str:
        """The signature without the name: ``(order: Order) -> str``."""
        return str(self).removeprefix(self.name)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self.function, include_extras=True)
        except NameError as error:
            raise DefinitionError(
                f"{self} can't be resolved: {error}; define that type before the call"
            ) from error

    @cached_property
    def _codecs(self) -> dict[str, Codec]:
        return {name: self._codec(name) for name in self._names}

    @cached_property
    def _places(self) -> dict[str, str]:
        """What each parameter is called in messages."""
        return {name: f"{name} of {self}" for name in self._names}

    @cached_property
    def result(self) -> Codec:
        """The codec of the result; of a generator, the last part of ``Generator[…, …, T]``."""
        if not inspect.isgeneratorfunction(self.function):
            return self._codec("return")
        annotation = self._hints.get("return", Unannotated)
        parts = get_args(annotation) if get_origin(annotation) is Generator else ()
        return codec(parts[2] if len(parts) == 3 else Unannotated)

    def _codec(self, name: str) -> Codec:
        try:
            return codec(self._hints.get(name, Unannotated))
        except DefinitionError as error:
            raise DefinitionError(f"{self}: {error}") from error.__cause__

    def check(self) -> None:
        """Resolve every annotation now.

        Raises:
            DefinitionError: One of them isn't known yet, or can't be carried as JSON.
        """
        _ = (self._codecs, self.result)

    def encode_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Write a call's arguments as input, with defaults filled in.

        Raises:
            ArgumentsError: They don't fit; names the signature.
            PayloadError: A value can't be carried as JSON, or doesn't fit its annotation.
        """
        if self._is_plain and not kwargs and len(args) == len(self._names):
            return self._encode(dict(zip(self._names, args, strict=True)))
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentsError(f"{self}: {error}") from None
        bound.apply_defaults()
        return self._encode(bound.arguments)

    def encode_input(self, value: Any) -> str:
        """Write a whole input: the value itself, or an object keyed by parameter name.

        Raises:
            ArgumentsError: It doesn't fit; names the signature.
            PayloadError: A value can't be carried as JSON, or doesn't fit its annotation.
        """
        if len(self._names) == 1:
            (parameter,) = self._signature.parameters.values()
            if value is None and parameter.default is not inspect.Parameter.empty:
                value = parameter.default  # no input
            return self._encode({parameter.name: value})
        if not self._names and value is None:
            return "null"
        if len(self._names) > 1 and (value is None or isinstance(value, Mapping)):
            return self.encode_call((), dict(cast("Mapping[str, Any]", value or {})))
        wanted = "no input" if not self._names else f"an object with {', '.join(self._names)}"
        raise ArgumentsError(f"{self}: takes {wanted}, got a {type(value).__qualname__}")

    def decode_input(self, text: str) -> dict[str, Any]:
        """Read an input back into arguments by name.

        Raises:
            PayloadError: The input doesn't fit the signature.
        """
        if not self._names:
            return {}
        if len(self._names) == 1:
            name = self._names[0]
            return {name: self._codecs[name].decode(text, what=self._places[name], root=name)}
        try:
            fields = _decode_object(text)
        except msgspec.DecodeError as error:
            raise PayloadError(f"the input of {self} is no object: {error}") from None
        return {
            name: self._codecs[name].decode(bytes(fields[name]).decode(), what=self._places[name], root=name)
            for name in self._names
            if name in fields
        }

    def call(self, context: Any, text: str) -> Any:
        """Call the function with a recorded input.

        Raises:
            DefinitionError: Its result could not be recorded: that is said before it does anything.
            PayloadError: The input doesn't fit the signature.
        """
        _ = self.result
        arguments = self.decode_input(text)
        if self._is_plain and len(arguments) == len(self._names):
            if self.takes_context:
                return self.function(context, **arguments)
            return self.function(**arguments)
        for name, parameter in self._signature.parameters.items():
            if name not in arguments and parameter.default is inspect.Parameter.empty:
                raise ArgumentsError(f"{self}: {name!r} is missing from the recorded input {text[:200]}")
        bound = inspect.BoundArguments(self._signature, OrderedDict(arguments))
        if self.takes_context:
            return self.function(context, *bound.args, **bound.kwargs)
        return self.function(*bound.args, **bound.kwargs)

    def _encode(self, arguments: Mapping[str, Any]) -> str:
        parts = {
            name: self._codecs[name].encode(value, what=self._places[name], root=name)
            for name, value in arguments.items()
        }
        if len(self._names) == 1:
            return parts[self._names[0]]
        if not self._names:
            return "null"
        return "{" + ",".join(f'"{name}":{part}' for name, part in parts.items()) + "}"


class _Text:
    """An annotation in quotes, shown without them."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _unquoted(annotation: Any) -> Any:
    return _Text(annotation) if isinstance(annotation, str) else annotation


def _is_context(parameter: inspect.Parameter, names: tuple[str, ...]) -> bool:
    annotation = parameter.annotation
    label = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return parameter.name == "ctx" or label.rpartition(".")[2] in names
