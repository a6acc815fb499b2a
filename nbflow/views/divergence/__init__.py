"""Where code and history part, drawn from both sides: `words` says it, `text`, `html` and `messages` draw it."""
