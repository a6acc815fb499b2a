"""Unions as JSON: plain where that tells the members apart, tagged where it doesn't.

``Item | Refund`` needs no tag where only one of them has the fields. Of ``str |
datetime`` every JSON string is a str, as it is JSON's own type, and a datetime is
written as ``{"@datetime": "2026-01-01T12:00:00Z"}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

from nbflow.core.payloads.misfits import MisfitError, RefusedError, expected
from nbflow.core.payloads.shapes import JSON_KINDS, Scalar, Shape, json_text


class Union(Shape):
    """One of several.

    Args:
        members: The shapes, in the author's order.
    """

    def __init__(self, members: Sequence[Shape]) -> None:
        self.members = tuple(members)
        self.name = " | ".join(member.name for member in self.members)
        self.kinds = frozenset().union(*[member.kinds for member in self.members])
        counts = Counter(kind for member in self.members for kind in _own_kinds(member))
        self._shared = frozenset(kind for kind, count in counts.items() if count > 1)
        self._jsons = {member.python: member for member in self.members if type(member) is Scalar}
        self._tags = dict(zip(_tags(self.members), self.members, strict=True))

    @property
    def has_tags(self) -> bool:
        """Whether the kind of a JSON value may leave open which member it is."""
        return bool(self._shared)

    def parts(self) -> Iterable[Shape]:
        return self.members

    def fits(self, value: Any) -> bool:
        return any(member.fits(value) for member in self.members)

    def hidden(self) -> Shape | None:
        """A member that plain JSON never means, since another is JSON's own type; None if there is none."""
        for member in self.members:
            rivals = [other for other in self.members if other is not member and other.is_jsons]
            if not member.is_jsons and any(member.kinds <= rival.kinds for rival in rivals):
                return member
        return None

    def write(self, value: Any, exact: bool = False) -> Any:
        fitting = [member for member in self.members if member.fits(value)]
        failure: MisfitError | None = None
        for member in fitting:
            try:
                return self._labelled(member, member.write(value, exact or len(fitting) > 1))
            except MisfitError as misfit:
                if failure is None or isinstance(misfit, RefusedError):
                    failure = misfit
        if exact or isinstance(failure, RefusedError):
            raise failure or expected(self.name, value)
        try:
            return self._write_freely(value)
        except MisfitError as misfit:
            raise failure or misfit from None

    def _write_freely(self, value: Any) -> Any:
        """Write a value that is of no member's type: of a subclass, or only the form of a member."""
        failures: list[tuple[Shape, MisfitError]] = []
        for is_object in (True, False):
            for member in self.members:
                if is_object is (member.python is not None and isinstance(value, member.python)):
                    try:
                        data = member.write(value)
                    except MisfitError as misfit:
                        failures.append((member, misfit))
                        continue
                    if is_object:
                        return self._labelled(member, data)
                    self.read(data)  # it may fit several
                    return data
        if type(value) is dict and self._tagged(cast("dict[str, Any]", value)) is not None:
            self.read(value)
            return cast("dict[str, Any]", value)
        raise self._none(value, failures)

    def read(self, data: Any) -> Any:
        tagged = self._tagged(data)
        if tagged is not None:
            tag, member = tagged
            try:
                return member.read(data[tag])
            except MisfitError as misfit:
                raise misfit.inside(f".{tag}") from None
        return self._read_plain(data)[1]

    def _tagged(self, data: Any) -> tuple[str, Shape] | None:
        if self.has_tags and type(data) is dict and len(cast("dict[str, Any]", data)) == 1:
            (tag,) = cast("dict[str, Any]", data)
            if tag in self._tags:
                return tag, self._tags[tag]
        return None

    def _labelled(self, member: Shape, data: Any) -> Any:
        """Add a tag, unless the plain form means this very member."""
        if JSON_KINDS[type(data)] in self._shared or self._tagged(data):
            try:
                plain = None if self._tagged(data) else self._read_plain(data)
            except MisfitError:
                plain = None
            if plain is None or not (plain[0] is member or _same(plain[1], member.read(data))):
                tag = next(tag for tag, other in self._tags.items() if other is member)
                return {tag: data}
        return data

    def _read_plain(self, data: Any) -> tuple[Shape, Any]:
        """Find the one member that a plain form means.

        Of several that can read it, it is the one that would write it just so; of several of those, the
        one that is JSON's own type.
        """
        own = self._jsons.get(type(cast("object", data)))
        if own is not None:
            try:
                return own, own.read(data)
            except MisfitError:  # it has constraints
                pass
        kind = JSON_KINDS[type(data)]
        readable: list[tuple[Shape, Any]] = []
        failures: list[tuple[Shape, MisfitError]] = []
        for member in self.members:
            if kind in member.kinds:
                try:
                    readable.append((member, member.read(data)))
                except MisfitError as misfit:
                    failures.append((member, misfit))
        if not readable:
            raise self._none(data, failures)
        found = readable
        if len(found) > 1:
            found = [(m, v) for m, v in readable if _writes(m, v, data)] or readable
        if len(found) > 1:
            found = [(m, v) for m, v in found if m.is_jsons] or found
        if len(found) > 1 and not all(_same(found[0][1], value) for _, value in found[1:]):
            names = " and ".join(member.name for member, _ in found)
            tag = next(tag for tag, member in self._tags.items() if member is found[-1][0])
            raise MisfitError(
                f"it fits {names} alike: give each class a field such as kind: Literal['…'] = '…', or write "
                f'{{"{tag}": …}} to say which it is'
            )
        return found[0]

    def _none(self, value: Any, failures: Sequence[tuple[Shape, MisfitError]]) -> MisfitError:
        """The error for a value that is none of the members, with what is known of the nearest ones."""
        reasons = [(member, failure) for member, failure in failures if failure.is_about_contents]
        if len(reasons) == 1:
            return reasons[0][1]
        told = "; ".join(
            f"no {member.name}: {reason}{reason.path and f' at {reason.path}'}" for member, reason in reasons
        )
        error = expected(self.name, value)
        return MisfitError(f"{error}: {told}") if told else error


def _own_kinds(member: Shape) -> frozenset[str]:
    """What a member shares with no other: an int is read as a float only where no int is."""
    return frozenset({"float"}) if type(member) is Scalar and member.python is float else member.kinds


def _tags(members: Sequence[Shape]) -> list[str]:
    """A name for each member; two classes of one name are told apart by their modules, or by number."""
    names = [member.name for member in members]
    tags: list[str] = []
    for member in members:
        name = member.name
        if names.count(name) > 1 and member.python is not None:
            name = f"{member.python.__module__}.{name}"
        number = sum(tag.partition("#")[0] == f"@{name}" for tag in tags)
        tags.append(f"@{name}#{number + 1}" if number else f"@{name}")
    return tags


def _writes(member: Shape, value: Any, data: Any) -> bool:
    try:
        return json_text(member.write(value, True)) == json_text(data)
    except MisfitError:
        return False


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
