"""How parameters and results look on record, and what is said when arguments don't fit."""

from dataclasses import dataclass
from typing import Literal

import pytest

from nbflow import WorkflowActivityContext, WorkflowContext
from nbflow.core.signatures import Signature
from nbflow.errors import ArgumentsError, DefinitionError, PayloadError


@dataclass
class Order:
    sku: str


def signed(function, contexts=("WorkflowContext",)) -> Signature:
    return Signature(function, name=function.__name__, context_names=contexts)


def none() -> int: ...
def one(order: Order) -> str: ...
def several(order: Order, cents: int, currency: str = "EUR") -> None: ...
def optional(n: int = 5) -> None: ...
def keywords(a: int, *, b: int = 2) -> tuple: ...
def plain(value): ...
def untyped(a, b=None): ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "recorded"),
    [
        (none, (), {}, "null"),
        (one, (Order("tea"),), {}, '{"sku":"tea"}'),
        (one, (), {"order": Order("tea")}, '{"sku":"tea"}'),
        (several, (Order("tea"), 5), {}, '{"order":{"sku":"tea"},"cents":5,"currency":"EUR"}'),
        (
            several,
            (Order("tea"),),
            {"currency": "USD", "cents": 1},
            '{"order":{"sku":"tea"},"cents":1,"currency":"USD"}',
        ),
        (optional, (), {}, "5"),
        (keywords, (1,), {"b": 3}, '{"a":1,"b":3}'),
        (plain, ([1],), {}, "[1]"),
        (untyped, (1,), {}, '{"a":1,"b":null}'),
    ],
)
def test_a_call_on_record(function, args, kwargs, recorded):
    signature = signed(function)
    assert signature.encode_call(args, kwargs) == recorded
    again = signature.decode_input(recorded)
    assert signature.encode_call((), again) == recorded


@pytest.mark.parametrize(
    ("function", "value", "recorded"),
    [
        (none, None, "null"),
        (one, Order("tea"), '{"sku":"tea"}'),
        (one, {"sku": "tea"}, '{"sku":"tea"}'),
        (several, {"order": Order("tea"), "cents": 1}, '{"order":{"sku":"tea"},"cents":1,"currency":"EUR"}'),
        (untyped, {"a": 1}, '{"a":1,"b":null}'),
        (optional, 7, "7"),
        (optional, None, "5"),
        (plain, None, "null"),
    ],
)
def test_a_whole_input_on_record(function, value, recorded):
    assert signed(function).encode_input(value) == recorded


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "words"),
    [
        (one, (), {}, "one(order: Order) -> str: missing a required argument: 'order'"),
        (one, (1, 2), {}, "one(order: Order) -> str: too many positional arguments"),
        (
            several,
            (Order("a"), 1),
            {"sku": 1},
            "several(order: Order, cents: int, currency: str = 'EUR') -> None: got an unexpected keyword argument",
        ),
    ],
)
def test_arguments_that_do_not_fit_name_the_signature(function, args, kwargs, words):
    with pytest.raises(ArgumentsError) as error:
        signed(function).encode_call(args, kwargs)
    assert words in str(error.value).replace("tests.core.test_signatures.", "")


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        (none, 5, "none() -> int: takes no input, got a int"),
        (several, [1], "takes an object with order, cents, currency, got a list"),
        (several, None, "missing a required argument: 'order'"),
    ],
)
def test_an_input_that_does_not_fit_names_the_signature(function, value, words):
    with pytest.raises(ArgumentsError) as error:
        signed(function).encode_input(value)
    assert words in str(error.value)


def test_a_value_that_does_not_fit_names_the_parameter():
    with pytest.raises(
        PayloadError, match=r"^cents of several\(.*\) -> None doesn't fit int: Expected `int`, got `str`"
    ):
        signed(several).encode_call((Order("a"), "5"), {})
    with pytest.raises(
        PayloadError, match=r"^order of one\(.*Order\) -> str doesn't fit Order: .* at `order.sku`"
    ):
        signed(one).decode_input('{"sku":1}')


def test_an_input_of_another_shape_is_refused():
    with pytest.raises(PayloadError, match="is no object"):
        signed(several).decode_input("[1]")
    with pytest.raises(ArgumentsError, match="'cents' is missing from the recorded input"):
        signed(several).call(None, '{"order":{"sku":"a"}}')


def test_defaults_fill_in_what_an_older_input_did_not_have():
    def grown(a: int, b: int = 2, *, c: int = 3) -> list[int]:
        return [a, b, c]

    assert signed(grown).call(None, '{"a":1}') == [1, 2, 3]
    assert signed(grown).call(None, '{"a":1,"c":9,"gone":0}') == [1, 2, 9]


@pytest.mark.parametrize(
    "function",
    [
        lambda ctx, n: (ctx, n),
        lambda ctx, n=1: (ctx, n),
    ],
)
def test_a_first_parameter_named_ctx_is_the_context(function):
    function.__name__ = "function"
    signature = signed(function)
    assert signature.takes_context
    assert signature.call("the context", "7") == ("the context", 7)


def test_an_annotation_makes_a_context_too():
    def annotated(c: WorkflowContext, n: int) -> tuple[object, int]:
        return c, n

    def quoted(c: "nbflow.WorkflowContext", n: int) -> tuple[object, int]:  # noqa: F821
        return c, n

    def serves(c: WorkflowActivityContext, n: int) -> tuple[object, int]:
        return c, n

    assert signed(annotated).takes_context
    assert signed(quoted).takes_context
    assert not signed(serves).takes_context
    assert signed(serves, ("WorkflowActivityContext",)).takes_context
    assert signed(annotated).parameters.startswith("(n: int)")


@pytest.mark.parametrize("function", [lambda *args: None, lambda **options: None])
def test_parameters_need_names(function):
    with pytest.raises(DefinitionError, match="name every parameter, since the input goes on record"):
        signed(function)


def test_an_annotation_that_is_not_there_yet_is_an_error_when_it_is_needed():
    def early(item: "Later") -> None: ...  # noqa: F821

    signature = signed(early)
    with pytest.raises(
        DefinitionError, match=r"early\(item: Later\) -> None can't be resolved.*define that type"
    ):
        signature.check()


def test_an_annotation_that_is_no_json_names_the_function():
    class Handle:
        pass

    def opens(handle: Handle) -> None: ...

    with pytest.raises(DefinitionError, match=r"^opens\(.*Handle can't be kept in a history as JSON"):
        signed(opens).check()


def test_a_function_whose_result_can_not_be_recorded_is_not_run():
    done = []

    def load() -> range:
        done.append(1)
        return range(3)

    with pytest.raises(
        DefinitionError, match=r"^load\(\) -> range: a range can't be kept in a history as JSON"
    ):
        signed(load).call(None, "null")
    assert done == []


def test_a_signature_is_shown_as_its_author_writes_it():
    def ships(order: "Order", kind: "Literal['fast', 'slow']" = "fast", note: str = "") -> "list[Order]": ...

    assert str(signed(ships)) == (
        "ships(order: Order, kind: Literal['fast', 'slow'] = 'fast', note: str = '') -> list[Order]"
    )
