"""The dashboard in a blank page: what it shows, and what a person does with it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from playwright.sync_api import Page, expect

from nbflow.core.state import RuntimeStatus
from nbflow.views.instances import InstanceRow
from nbflow.views.instances.choice import Column, arranged, forest, passes
from nbflow.widgets.instances import Scope
from tests.browser.dash_page import DashPage
from tests.views.stories import T0, at, waiting
from tests.views.stories_instances import asking, hostile_run, row_of, run, shop
from tests.widgets.instances_sources import FakeInstances
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser


@pytest.fixture
def dash(page: Page) -> Iterator[DashPage]:
    page.set_viewport_size({"width": 1100, "height": 1200})
    page.clock.install(time=T0)
    dash = DashPage(page)
    yield dash
    assert dash.errors == []


def commit(dash: DashPage, source: FakeInstances, instance_id: str, created: float) -> None:
    record, history = run(asking(), instance_id, created)
    source.put(record, history)
    source.advance(1.0)


def twin(text: str = "", statuses: tuple[RuntimeStatus, ...] = ()) -> list[InstanceRow]:
    return [row for row in map(row_of, shop()) if passes(row, statuses=statuses, text=text)]


def names(rows: list[InstanceRow]) -> list[str]:
    return [row.instance_id for row in rows]


def test_what_is_to_be_known_of_the_history_stands_at_the_foot(dash: DashPage) -> None:
    source = FakeInstances(shop())
    source.said_of_it = "relaxed durability: …"
    dash.show(source)
    expect(dash.root.locator(".nbf-db-foot")).to_have_text("11 runs · relaxed durability: …")


def test_every_run_has_a_line_and_every_status_a_count(dash: DashPage) -> None:
    dash.show(FakeInstances(shop()))
    assert dash.ids == names(arranged(twin(), now=at(130)))
    expect(dash.row("order-42")).to_contain_text("event 'approval', times out in 23 h 57 min")
    expect(dash.row("season-3")).to_contain_text("child survey …:9f3c2a7b:0001")
    expect(dash.row("order-37")).to_contain_text("TaskFailedError: print_label failed")
    expect(dash.page.get_by_role("button", name="5 running")).to_be_visible()
    expect(dash.root.locator(".nbf-db-foot")).to_have_text("11 runs")


def test_an_empty_history_says_what_to_type(dash: DashPage) -> None:
    dash.show(FakeInstances())
    expect(dash.root).to_contain_text("No runs yet: type %wf run NAME(…) to start one")


def test_news_come_in_without_taking_the_focus(dash: DashPage) -> None:
    source = dash.show(FakeInstances(shop()))
    dash.row("order-42").focus()
    for number in range(3):
        commit(dash, source, f"new-{number}", 200.0 + number)
    assert dash.ids[:4] == ["new-2", "new-1", "new-0", "remind-10"]
    assert dash.focused == "order-42"
    expect(dash.page.get_by_role("button", name="8 running")).to_be_visible()
    source.purge("order-40")
    source.advance(1.0)
    assert "order-40" not in dash.ids


def test_a_row_that_moves_takes_the_focus_along(dash: DashPage) -> None:
    source = dash.show(FakeInstances(shop()))
    dash.page.get_by_role("columnheader", name="Updated").get_by_role("button").click()
    dash.row("refund-7").focus()
    record = source.store.get_instance("refund-7")
    assert record is not None
    source.put(msgspec.structs.replace(record, last_updated_at=at(500)))
    source.advance(1.0)
    assert dash.ids[0] == "refund-7"
    assert dash.focused == "refund-7"
    in_page = dash.rows.evaluate_all("rows => [...rows].map((row) => row.dataset.run)")
    assert in_page == dash.ids, "who listens to the page hears the rows in the order that others see"


@pytest.mark.parametrize("column", ["status", "id", "name", "waits", "created", "updated", "took"])
def test_sorting_is_the_same_as_in_python(dash: DashPage, column: Column) -> None:
    titles = {"id": "ID", "name": "Workflow", "waits": "Waits for"}
    dash.show(FakeInstances(shop()))
    button = dash.page.get_by_role("columnheader", name=titles.get(column, column.capitalize())).get_by_role(
        "button"
    )
    head = dash.page.locator(f".nbf-db-c-{column}[role=columnheader]")
    for _ in range(2):
        button.click()
        descending = head.get_attribute("aria-sort") == "descending"
        assert dash.ids == names(arranged(twin(), column, descending=descending, now=at(130)))
    assert dash.page.locator("[aria-sort]").count() == 1


def test_filters_are_the_same_as_in_python(dash: DashPage) -> None:
    dash.show(FakeInstances(shop()))
    field = dash.page.get_by_role("searchbox")
    for text in ("refund", "APPROVAL", "activity map", "order 3", "nothing like it", ""):
        field.fill(text)
        assert sorted(dash.ids) == sorted(names(twin(text)))
    chip = dash.page.get_by_role("button", name="1 failed")
    chip.click()
    dash.page.get_by_role("button", name="5 running").click()
    chosen = (RuntimeStatus.FAILED, RuntimeStatus.RUNNING)
    assert sorted(dash.ids) == sorted(names(twin(statuses=chosen)))
    expect(chip).to_have_attribute("aria-pressed", "true")
    field.fill("printer")
    assert dash.ids == ["order-37"]
    chip.click()
    expect(dash.root).to_contain_text("No such runs")


def test_children_stand_below_their_parents(dash: DashPage) -> None:
    dash.show(FakeInstances(shop()))
    dash.page.get_by_role("button", name="As a tree").click()
    found = forest(arranged(twin(), now=at(130)))
    assert dash.ids == [row.instance_id for row, _ in found]
    levels = [int(dash.row(row.instance_id).get_attribute("aria-level") or 0) for row, _ in found]
    assert levels == [depth + 1 for _, depth in found]


def test_everything_by_keyboard(dash: DashPage) -> None:
    source = FakeInstances(shop())
    source.sources["order-42"] = FakeSource(waiting())
    dash.show(source)
    dash.page.get_by_role("searchbox").press("ArrowDown")
    assert dash.focused == "remind-10"
    dash.page.keyboard.press("ArrowDown")
    assert dash.focused == "order-42"
    assert dash.page.locator(".nbf-db-lines [tabindex='0']").count() == 1
    dash.page.keyboard.press("Enter")
    card = dash.page.get_by_role("group", name="Run order-42 of fulfil")
    expect(card).to_be_visible()
    assert dash.focused is None
    dash.page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    assert dash.focused == "order-42"
    dash.page.keyboard.press("End")
    assert dash.focused == "order-36"
    dash.page.keyboard.press("Home")
    dash.page.keyboard.press(" ")
    expect(dash.row("remind-10")).to_have_attribute("aria-selected", "true")


def test_a_card_is_opened_below_and_answered_there(dash: DashPage) -> None:
    source = FakeInstances(shop())
    asked = source.sources["order-42"] = FakeSource(waiting())
    dash.show(source)
    dash.row("order-42").click()
    card = dash.page.get_by_role("group", name="Run order-42 of fulfil")
    card.get_by_role("button", name="Approve").click()
    expect(card).to_contain_text("delivered")
    ((name, payload, future),) = asked.raised
    assert name == "approval"
    assert '"approved":true' in payload.replace(" ", "")
    future.set_result(None)
    expect(card).to_contain_text("recorded")
    card.get_by_role("button", name="Close this card").click()
    assert dash.focused == "order-42"
    assert dash.sent("shut") == [{"type": "shut", "to": "order-42"}]


def test_many_runs_are_purged_once_that_is_confirmed(dash: DashPage) -> None:
    source = FakeInstances(shop())
    for name in ("order-36", "order-37"):
        source.sources[name] = FakeSource(waiting())
    dash.show(source)
    bar = dash.root.locator(".nbf-db-bar")
    for name in ("order-36", "order-37"):
        dash.page.get_by_role("checkbox", name=f"Choose {name}").click()
    expect(bar).to_contain_text("2 runs chosen")
    bar.get_by_role("button", name="Purge…").click()
    expect(bar).to_contain_text("Erase 2 runs, and those below? This can't be undone.")
    expect(bar.get_by_role("button", name="Cancel")).to_be_focused()
    assert dash.sent("do") == []
    bar.get_by_role("button", name="Purge").click()
    expect(bar).to_be_hidden()
    expect(dash.page.get_by_text("purged 0 of 2 runs")).to_be_visible()
    for name in ("order-36", "order-37"):
        ((command, future),) = source.sources[name].commanded
        assert command == "purge"
        future.set_result("done")
    expect(dash.page.get_by_text("purged 2 of 2 runs")).to_be_visible()


def test_all_that_are_shown_can_be_chosen(dash: DashPage) -> None:
    dash.show(FakeInstances(shop()))
    dash.page.get_by_role("searchbox").fill("order")
    everyone = dash.page.get_by_role("checkbox", name="Choose all that are shown")
    everyone.click()
    expect(dash.root.locator(".nbf-db-bar")).to_contain_text("5 runs chosen")
    dash.page.get_by_role("button", name="Choose none").click()
    expect(everyone).not_to_be_checked()


def test_a_preset_is_shown_and_taken_away(dash: DashPage) -> None:
    source = FakeInstances(shop())
    dash.show(source, scope=Scope(name="fulfil"), statuses=(RuntimeStatus.FAILED,))
    assert dash.ids == ["order-37"]
    dash.page.get_by_role("button", name="1 failed").click()
    dash.page.clock.run_for(500)
    expect(dash.rows).to_have_count(5)
    dash.page.get_by_role("button", name="of fulfil").click()
    expect(dash.rows).to_have_count(11)


def test_a_closed_history_and_a_kernel_that_is_gone_are_told(dash: DashPage) -> None:
    source = dash.show(FakeInstances(shop()))
    source.close()
    expect(
        dash.page.get_by_text("its history is closed: `%wf db shop.duckdb` opens it again")
    ).to_be_visible()
    assert len(dash.ids) == 11


def test_without_a_kernel_the_kept_picture_is_shown_with_what_to_do(dash: DashPage) -> None:
    dash.show(FakeInstances(shop()), answer=False)
    assert len(dash.ids) == 11
    dash.page.clock.run_for(2100)
    expect(dash.page.get_by_text("no kernel answers: re-run this cell")).to_be_visible()


def test_a_kernel_that_is_busy_is_waited_for(dash: DashPage) -> None:
    dash.page.evaluate("model.widget_manager = { kernel: { status: 'busy' } }")
    dash.show(FakeInstances(shop()), answer=False)
    dash.page.clock.run_for(10_000)
    expect(dash.page.get_by_text("no kernel answers")).to_have_count(0)
    dash.page.evaluate("model.widget_manager.kernel.status = 'idle'")
    dash.page.clock.run_for(2100)
    expect(dash.page.get_by_text("no kernel answers: re-run this cell")).to_be_visible()


def test_hostile_names_are_text(dash: DashPage) -> None:
    dash.show(FakeInstances([*shop(), hostile_run()]))
    expect(dash.row("order-66")).to_contain_text("<script>window.pwned = 1</script>")
    assert dash.page.evaluate("window.pwned") is None
    assert dash.page.locator(".nbf-dash :is(script, img)").count() == 0


def test_a_redrawn_dashboard_goes_on_where_it_was_and_a_disposed_one_leaves_nothing(dash: DashPage) -> None:
    dash.show(FakeInstances(shop()))
    dash.page.get_by_role("searchbox").fill("order")
    dash.page.evaluate("() => { dispose(); mount(); }")
    expect(dash.page.get_by_role("searchbox")).to_have_value("order")
    assert len(dash.ids) == 5
    dash.page.evaluate("dispose()")
    assert dash.page.evaluate("model.listening()") == 0
    assert dash.feed is not None
