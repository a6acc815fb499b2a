"""The controls of single values: numbers, texts, moments and choices, with what they take in words."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from nbflow.views.excerpts import excerpt, tame
from nbflow.views.inbox.controls import Choice, Control, MomentControl, NumberControl, TextControl
from nbflow.views.inbox.schemas import Schema, as_list, choices_of, json_text, names, natural, number, word

KIND_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "object": "an object",
    "array": "a list",
    "null": "nothing",
}
"""JSON's types as a person says them."""

KEY: Final = "x-key"
"""Where the key of a field is noted in its schema."""

_LONG: Final = frozenset(
    [
        "note",
        "notes",
        "comment",
        "comments",
        "description",
        "text",
        "message",
        "body",
        "reason",
        "remark",
        "remarks",
    ]
)
_LONGEST_LINE: Final = 200
_MOMENTS: Final[dict[str, tuple[Literal["date", "time", "datetime-local"], bool, str]]] = {
    "date": ("date", False, "a date"),
    "time-local": ("time", False, "a time of day, without a time zone"),
    "partial-time": ("time", False, "a time of day, without a time zone"),
    "date-time-local": ("datetime-local", False, "a date and time, without a time zone"),
    "date-time": ("datetime-local", True, "a date and time"),
}
_INITIALS: Final = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "time": re.compile(r"\d\d:\d\d:\d\d"),
    "datetime-local": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
}


class Kind(msgspec.Struct, frozen=True):
    """A text that only some are: what matches it, what it is, and one of them."""

    pattern: str
    what: str
    example: str


_DURATION: Final = (
    "^[+-]?P(?=[0-9T])([0-9]{1,8}D)?(T(?=[0-9])([0-9]{1,8}H)?([0-9]{1,8}M)?([0-9]{1,8}([.][0-9]{1,6})?S)?)?$"
)
_KINDS: Final[dict[str, Kind]] = {
    "duration": Kind(_DURATION, "a duration", "P1DT2H30M"),
    "uuid": Kind(
        "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        "a UUID",
        "123e4567-e89b-12d3-a456-426614174000",
    ),
    "base64": Kind(
        "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", "bytes in base64", "bmJmbG93"
    ),
    "time": Kind(
        "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
        "a time of day with its time zone",
        "12:30:00Z",
    ),
}
_UNKNOWN: Final = {
    "email": ("an e-mail address", "ada@example.org"),
    "uri": ("a URL", "https://example.org"),
    "ipv4": ("an IPv4 address", "192.0.2.1"),
    "ipv6": ("an IPv6 address", "2001:db8::1"),
    "path": ("a path", "/data/x.csv"),
}


def number_control(schema: Schema, default: Any = None, *, quoted: bool = False) -> NumberControl | None:
    """The control of a number; None if the default is none."""
    if default is not None and number(default) is None and not quoted:
        return None
    initial = "" if default is None else str(default) if quoted else json_text(default)
    whole = schema.get("type") == "integer"
    least, most = number(schema.get("minimum")), number(schema.get("maximum"))
    above, below = number(schema.get("exclusiveMinimum")), number(schema.get("exclusiveMaximum"))
    open_least = above is not None and (least is None or above >= least)
    open_most = below is not None and (most is None or below <= most)
    least, most = above if open_least else least, below if open_most else most
    if whole and open_least and least is not None:
        least, open_least = least + 1, False
    if whole and open_most and most is not None:
        most, open_most = most - 1, False
    control = NumberControl(
        whole=whole,
        quoted=quoted,
        least=least,
        most=most,
        open_least=open_least,
        open_most=open_most,
        step=number(schema.get("multipleOf")) or None,
        initial=initial,
    )
    told = _number_words(control)
    return msgspec.structs.replace(control, told=told, hint=_hint(schema, told))


def _number_words(control: NumberControl) -> str:
    """Which numbers it takes."""
    what = "a whole number" if control.whole else "a decimal number" if control.quoted else "a number"
    low, high = (None if bound is None else json_text(bound) for bound in (control.least, control.most))
    if low is not None and high is not None and not control.open_least and not control.open_most:
        what = f"{what} from {low} to {high}"
    else:
        bounds = [f"{'more than' if control.open_least else 'at least'} {low}"] if low is not None else []
        if high is not None:
            bounds.append(f"{'less than' if control.open_most else 'at most'} {high}")
        what = f"{what}, {' and '.join(bounds)}" if bounds else what
    return what if control.step is None else f"{what}, a multiple of {json_text(control.step)}"


def example_number(schema: Schema) -> int | float:
    """A number that a schema takes."""
    control = number_control(schema)
    return 0 if control is None else simplest_number(control)


def simplest_number(control: NumberControl) -> int | float:
    """A number that a control takes, as far as bounds and step tell."""
    step = control.step or 1
    low, high = control.least, control.most
    candidates: list[float] = [0]
    if low is not None:
        candidates += [-(-low // step) * step, (low // step + 1) * step]
    if high is not None:
        candidates += [high // step * step, (-(-high // step) - 1) * step]
    if low is not None and high is not None:
        candidates.append((low + high) / 2)
    return next((one for one in candidates if _fits(one, control)), 0)


def _fits(value: float, control: NumberControl) -> bool:
    low, high = control.least, control.most
    if low is not None and (value < low or (control.open_least and value == low)):
        return False
    return high is None or not (value > high or (control.open_most and value == high))


def string_control(schema: Schema, default: Any = None) -> Control | None:
    """The control of a JSON string, by its format; None if the default is none that it can show."""
    form = "base64" if schema.get("contentEncoding") == "base64" else word(schema.get("format"))
    if default is not None and not isinstance(default, str):
        return None
    if form == "decimal":
        return number_control(schema, default, quoted=True)
    if form in _MOMENTS:
        return _moment_control(schema, form, default or "")
    known = _KINDS.get(form)
    longest, shortest = natural(schema.get("maxLength")), natural(schema.get("minLength")) or 0
    told = _text_words(schema, form, shortest, longest)
    example = next(
        iter(names(schema.get("examples"))),
        known.example if known is not None else _UNKNOWN.get(form, ("", ""))[1],
    )
    patterns = [known.pattern] if known is not None else [word(schema.get("pattern"))]
    if shortest or longest is not None:
        patterns.append(f"^[\\s\\S]{{{shortest},{'' if longest is None else longest}}}$")
    hints = [told] if told != "text" else []
    hints += [f"such as {tame(excerpt(example, 80))}"] if example else []
    is_long = "\n" in (default or "") or str(schema.get(KEY)).casefold() in _LONG
    return TextControl(
        lines=is_long or (longest is not None and longest > _LONGEST_LINE and not form),
        shortest=shortest,
        patterns=tuple(pattern for pattern in patterns if pattern),
        told=told,
        initial=default or "",
        example=excerpt(example, 80),
        hint=_hint(schema, ", ".join(hints)),
    )


def _text_words(schema: Schema, form: str, shortest: int, longest: int | None) -> str:
    """Which texts a schema takes."""
    if form in _KINDS:
        return _KINDS[form].what
    if longest is not None:
        parts = [
            f"of {shortest} to {_characters(longest)}" if shortest else f"of at most {_characters(longest)}"
        ]
    else:
        parts = [f"of at least {_characters(shortest)}"] if shortest else []
    pattern = word(schema.get("pattern"))
    if pattern:
        parts.append(f"that matches {excerpt(tame(pattern), 80)}")
    return " ".join([_UNKNOWN.get(form, ("text", ""))[0], *parts])


def _characters(count: int) -> str:
    return f"{count} character{'' if count == 1 else 's'}"


def example_text(schema: Schema) -> str:
    """A text that it takes, as far as the format tells."""
    control = string_control(schema)
    match control:
        case MomentControl():
            return moment_example(control)
        case NumberControl():
            return str(example_number({**schema, "type": "number"}))
        case TextControl():
            return simplest_text(control)
        case _:
            return ""


def simplest_text(control: TextControl) -> str:
    """A text that a control takes; a pattern of the author's is not looked into."""
    return control.example or "…" * control.shortest


def moment_example(control: MomentControl) -> str:
    """A moment that it takes."""
    match control.kind:
        case "date":
            return "2026-01-31"
        case "time":
            return "12:30:00"
        case "datetime-local":
            return "2026-01-31T12:30:00Z" if control.zoned else "2026-01-31T12:30:00"


def _moment_control(schema: Schema, form: str, default: str) -> MomentControl | None:
    kind, zoned, what = _MOMENTS[form]
    initial = default.removesuffix("Z").removesuffix("+00:00") if zoned else default
    if default and (not _INITIALS[kind].fullmatch(initial) or (zoned and initial == default)):
        return None  # finer than the field shows, or in another zone
    return MomentControl(kind=kind, zoned=zoned, initial=initial, told=what, hint=_hint(schema, what))


def choices(schema: Schema) -> tuple[Choice, ...]:
    """The values of an enum; by the names of its members where the values aren't texts."""
    values = choices_of(schema)
    told = as_list(schema.get("x-enum-varnames"))
    named = told if len(told) == len(values) else [None] * len(values)
    return tuple(
        Choice(_choice_label(value, name), json_text(value))
        for value, name in zip(values, named, strict=True)
    )


def _choice_label(value: Any, name: Any) -> str:
    text = value if isinstance(value, str) and value.strip() else json_text(value)
    label = f"{name} ({text})" if isinstance(name, str) else text
    return excerpt(tame(label), 80)


def list_hint(schema: Schema, fewest: int, most: int | None, is_set: bool) -> str:
    """How many there may be."""
    parts: list[str] = []
    if fewest and fewest == most:
        parts.append(f"exactly {fewest}")
    else:
        parts += [f"at least {fewest}"] if fewest else []
        parts += [f"at most {most}"] if most is not None else []
    return _hint(schema, ", ".join([*parts, "each once"] if is_set else parts))


def json_hint(title: str, types: tuple[str, ...], required: tuple[str, ...], about: str) -> str:
    """What JSON is expected."""
    what = " or ".join(types) if types else "JSON"
    what = f"{title} ({what})" if title else what
    keys = ", ".join(excerpt(tame(key), 40) for key in required[:12])
    what = f"{what} with {keys}" if required else what
    return f"{about} · {what}" if about else what


def _hint(schema: Schema, what: str) -> str:
    about = excerpt(tame(word(schema.get("description"))), 300)
    return " · ".join(part for part in (about, what) if part)


def as_lines(text: str) -> str:
    """JSON as it stands in a field: in lines, if it is long."""
    return msgspec.json.format(text, indent=2) if len(text) > 40 else text


def label(key: str) -> str:
    """A key as a person reads it."""
    return excerpt(tame(key.replace("_", " ")), 80) if key.strip("_ ") else tame(json_text(key))
