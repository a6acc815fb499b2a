"""A kernel's messages become the outputs of the right cells, also the late ones."""

from typing import Any

from nbflow.cli.outputs import Outputs, error_of, text_of


def message(kind: str, request: str, **content: Any) -> dict[str, Any]:
    return {"header": {"msg_type": kind}, "parent_header": {"msg_id": request}, "content": content}


def shown(kind: str, request: str, text: str, display_id: str | None = None, **more: Any) -> dict[str, Any]:
    transient = {"display_id": display_id} if display_id else {}
    return message(kind, request, data={"text/plain": text}, metadata={}, transient=transient, **more)


def test_prints_are_joined_by_stream() -> None:
    outputs = Outputs()
    cell = outputs.expect("a")
    for name, text in (("stdout", "1"), ("stdout", "2\n"), ("stderr", "3"), ("stdout", "4")):
        outputs.take(message("stream", "a", name=name, text=text))
    assert [(output["name"], output["text"]) for output in cell] == [
        ("stdout", "12\n"),
        ("stderr", "3"),
        ("stdout", "4"),
    ]


def test_an_update_reaches_every_cell_that_shows_it_however_late() -> None:
    outputs = Outputs()
    first, second, third = (outputs.expect(name) for name in "abc")
    outputs.take(shown("display_data", "a", "waits", "card"))
    outputs.take(shown("display_data", "b", "waits", "card"))
    outputs.take(shown("display_data", "c", "other", "another"))
    outputs.take(shown("update_display_data", "c", "completed", "card"))
    assert [cell[0]["data"]["text/plain"] for cell in (first, second, third)] == [
        "completed",
        "completed",
        "other",
    ]


def test_what_nobody_asked_for_is_dropped() -> None:
    outputs = Outputs()
    cell = outputs.expect("a")
    outputs.take(message("stream", "b", name="stdout", text="someone else's"))
    outputs.take(shown("update_display_data", "b", "of no display", "unknown"))
    outputs.take(message("status", "a", execution_state="idle"))
    assert cell == []


def test_clearing_waits_for_the_next_output_if_told_so() -> None:
    outputs = Outputs()
    cell = outputs.expect("a")
    outputs.take(message("stream", "a", name="stdout", text="1"))
    outputs.take(message("clear_output", "a", wait=True))
    assert len(cell) == 1
    outputs.take(message("stream", "a", name="stdout", text="2"))
    assert [output["text"] for output in cell] == ["2"]
    outputs.take(message("clear_output", "a", wait=False))
    assert cell == []


def test_a_live_widget_is_left_out_and_the_html_beside_it_stays() -> None:
    outputs = Outputs()
    cell = outputs.expect("a")
    data = {"text/html": "<b>card</b>", "application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    outputs.take(message("display_data", "a", data=data, metadata={}))
    assert cell == [{"output_type": "display_data", "data": {"text/html": "<b>card</b>"}, "metadata": {}}]


def test_the_result_is_the_value_of_the_cell_and_nothing_that_it_shows() -> None:
    outputs = Outputs()
    cell = outputs.expect("a")
    outputs.take(shown("display_data", "a", "shown"))
    assert text_of(cell) == ""
    outputs.take(shown("execute_result", "a", "42", execution_count=3))
    assert (text_of(cell), cell[-1]["execution_count"]) == ("42", 3)


def test_an_error_is_one_line() -> None:
    outputs = Outputs()
    cell = outputs.expect("a")
    assert error_of(cell) == ""
    outputs.take(message("error", "a", ename="OSError", evalue="disk full\nreally", traceback=["…"]))
    assert error_of(cell) == "OSError: disk full"
