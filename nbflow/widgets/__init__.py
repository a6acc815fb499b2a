"""What is seen of a run in a notebook: the card, an anywidget, and its static twin.

The card follows a run through the `CardSource` port and never sees an engine:
`source` (what a card needs), `messages` (the JSON that the front end draws),
`feed` (which message goes when), `answers` (a click becomes an event), `page` (the ES
module from its parts in ``static/``), and `card` (the widget itself).
"""
