"""What a run waits for from outside, and how a person answers it.

`schemas` reads the JSON schema that a wait was recorded with · `controls` are what a person gets for it ·
`forms` makes the one from the other · `words` says in words what is expected, and what to type ·
`refusals` finds the place in a payload that was refused · `text` and `html` are the inbox without a kernel.
"""
