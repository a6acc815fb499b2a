"""What the scripts prove themselves with: lines in files that outlive a kill, outside nbflow's own history."""

import os
import sys
from pathlib import Path

from nbflow.errors import InstanceNotFoundError
from nbflow.runtime import WorkflowHandle, WorkflowRuntime

STORE, FOLDER = sys.argv[1], Path(sys.argv[2])


def note(file: str, text: str) -> None:
    """Append a line and this process's ID; one write, so that a kill can't leave half of it."""
    handle = os.open(FOLDER / file, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(handle, f"{text} {os.getpid()}\n".encode())
    os.close(handle)


def note_commits(runtime: WorkflowRuntime) -> None:
    """Note every event as soon as it is durable."""
    runtime.subscribe(
        None, lambda record, events: [note("commits", type(event).__name__) for event in events]
    )


def start_or_go_on(runtime: WorkflowRuntime, name: str) -> WorkflowHandle:
    """The one run of the script, whether this process is the first or not."""
    note_commits(runtime)
    try:
        return runtime.client.handle("order-42")
    except InstanceNotFoundError:
        return runtime.client.schedule_new_workflow(name, instance_id="order-42")
