"""From a JSON schema to the control that a person fills in.

A yes-or-no question gets two buttons, a few choices are shown side by side, an
object becomes a form of its fields. What no control can say faithfully (a map, a
list of objects, a union whose members JSON can't tell apart, groups in groups in
groups) gets a field for JSON, filled in with the shape that the schema wants.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec

from nbflow.views.excerpts import excerpt, tame
from nbflow.views.inbox import leaves
from nbflow.views.inbox.approvals import APPROVALS, approval, in_two
from nbflow.views.inbox.controls import (
    ButtonsControl,
    Choice,
    ChoiceControl,
    Control,
    Field,
    FixedControl,
    FormControl,
    JsonControl,
    ListControl,
    MomentControl,
    NumberControl,
    OptionalControl,
    TextControl,
)
from nbflow.views.inbox.schemas import (
    Schema,
    as_list,
    choices_of,
    json_text,
    names,
    natural,
    options_of,
    properties_of,
    read_schema,
    resolved,
    types_of,
    word,
)

_DEEPEST: Final = 3
_MOST_FIELDS: Final = 60
_MOST_EXAMPLES: Final = 300
_LARGEST: Final = 60_000
_SIDE_BY_SIDE: Final = 4
_UNSET: Final = object()
_SIMPLE: Final = (ChoiceControl, NumberControl, TextControl, MomentControl, FixedControl)
_ANYTHING: Final = JsonControl(hint='any JSON, such as true or {"approved": true}; empty sends null')


def control_for(schema: str | None) -> Control:
    """Give the control for a wait; a schema that can't be read gets the field that takes anything."""
    root = read_schema(schema)
    if not root:
        return _ANYTHING
    forms = _Forms(root)
    try:
        control = forms.top()
        if len(msgspec.json.encode(control)) <= _LARGEST:
            return control
        return JsonControl(types=types_of(resolved(root, root)), hint="a value too large for a form")
    except RecursionError:
        return _ANYTHING


def control_with(schema: str | None, value: Any) -> Control:
    """The control for a value that is there already, filled in with it: of its type if that is known, else JSON.

    Without one (`msgspec.UNSET`) the field begins empty, or with the type's shape.
    """
    root, given = read_schema(schema), _UNSET if value is msgspec.UNSET else value
    if given is not _UNSET and len(json_text(given)) > _LARGEST:
        return JsonControl(hint="the recorded value is too large for a form")
    with suppress(RecursionError):
        if root and len(msgspec.json.encode(control := _Forms(root).of(given))) <= 2 * _LARGEST:
            return control
    return JsonControl(initial="" if given is _UNSET else leaves.as_lines(json_text(given)), hint="any JSON")


class _Forms:
    """Makes the controls of one schema.

    Args:
        root: The whole schema, whose ``$defs`` are referred to.
    """

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._fields = 0
        self._examples = 0

    def top(self) -> Control:
        """The control of the whole payload."""
        schema = resolved(self._root, self._root)
        question = self._question(schema)
        if question is not None:
            return question
        inner = self._not_null(schema)
        question = None if inner is None else self._question(inner)
        if isinstance(question, ButtonsControl) and not question.more:
            return msgspec.structs.replace(question, choices=(*question.choices, Choice("Neither", "null")))
        return self._control(schema, 0, schema.get("default", _UNSET))

    def of(self, default: Any) -> Control:
        """The control of the whole payload, without buttons, filled in."""
        return self._control(resolved(self._root, self._root), 0, default)

    # -- one click ---------------------------------------------------------------------------

    def _question(self, schema: Schema) -> Control | None:
        """Buttons, if that is all it takes."""
        if schema.get("type") == "boolean":
            return ButtonsControl(choices=approval("true", "false"), hint=_about(schema))
        if types_of(schema) == ("null",):
            return ButtonsControl(choices=(Choice("Send", "null", "good"),), hint="there is nothing to say")
        values = choices_of(schema)
        if len(values) == 2 and None not in values:
            return ButtonsControl(choices=in_two(leaves.choices(schema)), hint=_about(schema))
        return self._single_boolean(schema)

    def _single_boolean(self, schema: Schema) -> ButtonsControl | None:
        """An object that asks for one boolean, and perhaps for more that need not be said."""
        properties = properties_of(schema) or {}
        required = names(schema.get("required")) or (tuple(properties) if len(properties) == 1 else ())
        if len(required) != 1 or required[0] not in properties or len(properties) > 6:
            return None
        key = required[0]
        if resolved(properties[key], self._root).get("type") != "boolean":
            return None
        yes, no = (json_text({key: answer}) for answer in (True, False))
        rest = {name: part for name, part in properties.items() if name != key}
        more = self._several(rest, frozenset(), 1)
        if key.casefold() in APPROVALS:
            return ButtonsControl(choices=approval(yes, no), hint=_about(schema), more=more)
        about = " · ".join(part for part in (f"{leaves.label(key)}?", _about(schema)) if part)
        return ButtonsControl(choices=(Choice("Yes", yes, "good"), Choice("No", no)), hint=about, more=more)

    # -- anything ----------------------------------------------------------------------------

    def _control(self, schema: Schema, depth: int, default: Any = _UNSET) -> Control:
        """The control of a value; what it can't start with as the default says is left out at first."""
        inner = self._not_null(schema)
        if inner is not None:
            is_given = default is not _UNSET and default is not None
            made = self._control(inner, depth, default if is_given else _UNSET)
            return OptionalControl(inner=made, off="null", on=is_given, hint="none")
        made = self._plain(schema, depth, default)
        return self._json(schema, default) if made is None else made

    def _plain(self, schema: Schema, depth: int, default: Any) -> Control | None:
        """The control that is made for the type; None if there is none, or none that can show the default."""
        if choices_of(schema):
            return _choice(schema, default)
        match types_of(schema):
            case ("boolean",):
                return _yes_or_no(schema, default)
            case ("integer",) | ("number",):
                return leaves.number_control(schema, None if default is _UNSET else default)
            case ("string",):
                return leaves.string_control(schema, None if default is _UNSET else default)
            case ("null",):
                return FixedControl(payload="null")
            case ("array",):
                return self._list(schema, depth, default)
            case ("object",):
                return self._form(schema, depth) if default is _UNSET else None
            case _:
                return None

    def _not_null(self, schema: Schema) -> Schema | None:
        """What a value is if it isn't null; None if it can't be null, or can be several other things."""
        types, values = types_of(schema), choices_of(schema)
        if None in values and len(values) > 1:
            return {**schema, "enum": [value for value in values if value is not None]}
        if "null" in types and len(types) == 2:
            return {**schema, "type": next(name for name in types if name != "null")}
        options = [resolved(option, self._root) for option in options_of(schema)]
        others = [option for option in options if types_of(option) != ("null",)]
        if not others or len(others) == len(options):
            return None
        around = {
            key: value
            for key, value in schema.items()
            if key in ("title", "description", "examples", leaves.KEY)
        }
        if len(others) == 1:
            return {**others[0], **around}
        return {**around, "anyOf": others}

    # -- groups ------------------------------------------------------------------------------

    def _form(self, schema: Schema, depth: int) -> FormControl | None:
        properties = properties_of(schema)
        if properties is None or depth >= _DEEPEST or (not properties and "title" not in schema):
            return None
        fields = self._several(properties, frozenset(names(schema.get("required"))), depth + 1)
        if self._fields > _MOST_FIELDS:
            return None
        return FormControl(fields=fields, title=_title(schema), hint=_about(schema))

    def _several(
        self, properties: dict[str, Schema], required: frozenset[str], depth: int
    ) -> tuple[Field, ...]:
        fields: list[Field] = []
        for key, part in properties.items():
            self._fields += 1
            if self._fields > _MOST_FIELDS:
                break
            fields.append(
                Field(key, leaves.label(key), self._field({**part, leaves.KEY: key}, key in required, depth))
            )
        return tuple(fields)

    def _field(self, part: Schema, is_required: bool, depth: int) -> Control:
        schema = resolved(part, self._root)
        default = schema.get("default", _UNSET)
        if is_required:
            return self._control(schema, depth)
        inner = self._not_null(schema)
        if default is _UNSET or default is None:
            made = self._control(inner if inner is not None else schema, depth)
            if isinstance(made, FixedControl):
                return made
            return OptionalControl(inner=made, off="", hint="none" if inner is not None else "left out")
        if inner is not None:
            return self._control(schema, depth, default)
        made = self._plain(schema, depth, default)
        if made is not None:
            return made
        return OptionalControl(
            inner=self._control(schema, depth)
            if types_of(schema) == ("object",)
            else self._json(schema, default),
            off="",
            hint=f"{excerpt(tame(json_text(default)), 60)}, as by default",
        )

    def _list(self, schema: Schema, depth: int, default: Any) -> ListControl | None:
        item = schema.get("items")
        if not isinstance(item, dict) or "prefixItems" in schema:
            return None
        inner = resolved(item, self._root)
        control = self._plain(inner, depth, _UNSET)
        values = as_list(default)
        if not isinstance(control, _SIMPLE) or len(values) > _MOST_FIELDS:
            return None
        items = [self._plain(inner, depth, value) for value in values]
        fewest, most = natural(schema.get("minItems")) or 0, natural(schema.get("maxItems"))
        if fewest > _MOST_FIELDS:
            return None
        items += [control] * (fewest - len(items))
        is_set = schema.get("uniqueItems") is True
        return (
            ListControl(
                item=control,
                items=tuple(one for one in items if one is not None),
                fewest=fewest,
                most=most,
                unique=is_set,
                hint=leaves.list_hint(schema, fewest, most, is_set),
            )
            if None not in items
            else None
        )

    # -- JSON --------------------------------------------------------------------------------

    def _json(self, schema: Schema, default: Any = _UNSET) -> JsonControl:
        if not schema or schema.keys() <= {"title", "description", "default", leaves.KEY}:
            return _ANYTHING
        value = self._example(schema, _DEEPEST) if default is _UNSET else default
        text = json_text(value)
        options = [resolved(option, self._root) for option in options_of(schema)]
        kinds = [kind for one in options or [schema] for kind in types_of(one) or ("",)]
        types = () if "" in kinds else tuple(dict.fromkeys(kinds))
        required = names(schema.get("required"))
        return JsonControl(
            initial=leaves.as_lines(text),
            hint=leaves.json_hint(_title(schema), types, required, _about(schema)),
            types=types,
            required=required,
        )

    def _example(self, schema: Any, deepest: int) -> Any:
        """A value of the schema's shape: defaults where it has them, else the plainest of its type."""
        schema = resolved(schema, self._root)
        self._examples += 1
        if self._examples > _MOST_EXAMPLES:
            return None
        if "default" in schema:
            return schema["default"]
        for values in (choices_of(schema), as_list(schema.get("examples"))):
            if values:
                return values[0]
        options = options_of(schema)
        if options and deepest:
            return self._example(options[0], deepest - 1)
        match next(iter(types_of(schema)), None):
            case "object":
                inner = (properties_of(schema) or {}) if deepest else {}
                return {name: self._example(part, deepest - 1) for name, part in inner.items()}
            case "array":
                parts = as_list(schema.get("prefixItems"))
                parts += [schema.get("items")] * (min(natural(schema.get("minItems")) or 0, 5) - len(parts))
                return [self._example(part, deepest - 1) for part in parts] if deepest else []
            case "string":
                return leaves.example_text(schema)
            case "integer" | "number":
                return leaves.example_number(schema)
            case "boolean":
                return False
            case _:
                return None


def _choice(schema: Schema, default: Any) -> Control | None:
    choices = leaves.choices(schema)
    initial = None if default is _UNSET else json_text(default)
    if initial is not None and all(choice.payload != initial for choice in choices):
        return None
    if len(choices) == 1:
        return FixedControl(payload=choices[0].payload, hint=_about(schema))
    return ChoiceControl(
        choices=choices, many=len(choices) > _SIDE_BY_SIDE, initial=initial, hint=_about(schema)
    )


def _yes_or_no(schema: Schema, default: Any) -> ChoiceControl | None:
    if default is not _UNSET and not isinstance(default, bool):
        return None
    initial = None if default is _UNSET else json_text(default)
    return ChoiceControl(
        choices=(Choice("yes", "true"), Choice("no", "false")), initial=initial, hint=_about(schema)
    )


def _title(schema: Schema) -> str:
    return excerpt(tame(word(schema.get("title"))), 80)


def _about(schema: Schema) -> str:
    return excerpt(tame(word(schema.get("description"))), 300)
