"""A stalled run whose code no longer matches its history: its picture has both sides."""

from nbflow.views.timeline.html import html_timeline
from nbflow.views.timeline.text import text_timeline
from tests.views.stories import Story
from tests.views.stories_replay import parted


def pictures(story: Story) -> tuple[str, str]:
    seen = story.timeline()
    return html_timeline(seen), text_timeline(seen)


def test_the_picture_of_the_run_has_both_sides() -> None:
    page, text = pictures(parted())
    for drawn in (page, text):
        assert "first mismatch: changed" in drawn
        assert "%wf resume order-42" in drawn
        assert "the input of the call of check_stock was changed" in drawn
    assert "call of activity check_stock(&quot;coffee&quot;)" in page
