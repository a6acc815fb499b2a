"""What a workflow asks for, one line an action: short enough to stand in an assertion."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from nbflow.core import actions as a


def action_line(action: a.WorkflowAction, start: datetime) -> str:
    """One action in a line; times count from ``start``."""
    match action:
        case a.ScheduleTask(id=i, task_id=task, name=name, input=data, attempt=n, timeout=timeout):
            again = f" attempt {n} of #{task}" if n > 1 else ""
            return f"#{i} {name}({data}){again}" + (f" within {timeout:g}s" if timeout is not None else "")
        case a.CancelTask(id=i):
            return f"cancel activity #{i}"
        case a.CreateTimer(id=i, fire_at=fire_at, purpose=purpose, for_id=for_id):
            whose = f" of #{for_id}" if for_id is not None else ""
            return f"#{i} {purpose}{whose} at {_offset(fire_at - start)}"
        case a.CancelTimer(id=i):
            return f"cancel timer #{i}"
        case a.CreateChildWorkflow(id=i, name=name, input=data):
            return f"#{i} child {name}({data})"
        case a.WaitForEvent(id=i, name=name):
            return f"#{i} wait for {name!r}"
        case a.CancelEventWait(id=i):
            return f"cancel wait #{i}"
        case a.RejectEvent(id=i, name=name):
            return f"reject {name!r} for #{i}"
        case a.SendEvent(instance_id=target, name=name, payload=payload):
            return f"send {name!r} {payload} to {target}"
        case a.SetCustomStatus(value=value):
            return f"status {value}"
        case a.AddMarker(name=name, value=value):
            return f"marker {name} {value}"
        case a.ContinueAsNew(new_input=data):
            return f"continue as new({data})"
        case a.CompleteWorkflow(status="FAILED", failure=failure):
            return f"fail {failure}"
        case a.CompleteWorkflow(output=output):
            return f"return {output}"
        case _:
            assert_never(action)


def _offset(span: timedelta) -> str:
    return f"{span.total_seconds():+.15g}s"
