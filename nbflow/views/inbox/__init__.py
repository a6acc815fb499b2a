"""What a run waits for from outside, and how a person answers it."""
