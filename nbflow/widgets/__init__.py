"""What is live in a notebook: the card of a run and the dashboard of all runs, each an anywidget with a static twin.

Neither sees an engine. A card follows its run through the port in `source`, and `card` (the widget) goes by way of
`exchange` (the cards of several runs on one wire) to `conversation` (one run's). That has `feed` (which of the
`messages` goes when; `rowlist`: many rows as one text), `answers` and `commanding` (a click becomes an event or a command, and `acks` what became of
it), and, by way of `asking`, who answers the views' questions from a `runlog`: `details`, `replaying`, and `graphing` over `drawing`. The
dashboard follows all runs through `instances`: `dashboard` (the widget), `dashfeed` (which of the `dashmessages` goes
when) over `dashreading` and `dashrows` (what is loaded), and `doing` (commands to many runs). `page` makes one ES module of the parts
in ``static/``; `twins`, `still` and `export` are for where no kernel is.
"""
