"""Every exception that nbflow raises, in one tree.

::

    Exception
    └── NbflowError
        ├── DefinitionError              a function that can't become a workflow or activity
        ├── CodeNotRestoredError         stored code can't be made here
        ├── UnknownWorkflowError         no workflow of that name is registered
        ├── ArgumentsError               the arguments don't fit the signature
        ├── PayloadError                 a value that can't go through JSON unchanged
        ├── InvalidInstanceIdError
        ├── InstanceNotFoundError
        ├── InstanceExistsError          the ID belongs to an instance that is still active
        ├── InstanceStateError           the instance's status forbids the request
        ├── GoingBackError               a run can't be forked or rewound there
        ├── EventRejectedError           the payload doesn't fit what the workflow waits for
        ├── NotReplayableError           workflow code did what only an activity may do
        ├── TaskFailedError              an activity or a child failed; raised inside workflows
        │   └── ChildTerminatedError     a child was terminated
        ├── WorkflowFailedError          raised by ``await run`` and ``run.result()``
        ├── WorkflowTerminatedError      likewise
        ├── WorkflowStalledError         likewise: the run waits for its owner
        ├── ClockError                   the runtime's clock can't be moved
        ├── LookNotPossible              a view of a run can't be drawn, and the card says why
        ├── RuntimeClosedError
        └── StoreError
            ├── StoreLockedError         another process has the store open
            ├── StoreFormatError         the file is no nbflow store
            ├── StoreVersionError        written by a newer nbflow
            ├── StoreUnavailableError    the place can't be read or written
            ├── KeyFileError             the key that signs histories can't be used
            ├── UntrustedError           the history holds what its owner did not write
            └── UnknownHistoryKindError  a row of a kind that this nbflow doesn't know
    BaseException
    └── Evicted                          unwinds workflow code whose execution left memory

What a person types wrong has errors of its own beside this tree, since they are shown as one
line and never caught: `nbflow.jupyter.complaints` and `nbflow.cli.complaints`.

`Evicted` derives from BaseException so that an author's ``except Exception``
can't swallow it: it is control flow, not a failure.
"""

from __future__ import annotations

import msgspec


class SourceFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an author's traceback, as data."""

    file: str
    line: int
    function: str
    text: str = ""


class FailureDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a failure after it went through the store.

    Attributes:
        type: The exception's qualified class name, without the module.
        message: ``str(exception)``.
        stack_trace: The author's traceback as Python prints it, nbflow's own frames left out; that of the
            cause, and those of a group's parts, are theirs.
        frames: The same traceback as data, outermost frame first.
        cause: The exception that this one was raised from, if any, or that was being handled then.
        bases: Names of the exception's classes, own first; a retry policy matches against them.
        is_context: Whether the cause was only being handled, and not named with ``from``.
        notes: What ``add_note`` added to it.
        parts: The exceptions of an exception group.
    """

    type: str
    message: str
    stack_trace: str = ""
    frames: tuple[SourceFrame, ...] = ()
    cause: FailureDetails | None = None
    bases: tuple[str, ...] = ()
    is_context: bool = False
    notes: tuple[str, ...] = ()
    parts: tuple[FailureDetails, ...] = ()

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class Evicted(BaseException):
    """Unwinds the code of an execution that left memory: nothing it does now counts."""


class NbflowError(Exception):
    """Base of every error that nbflow raises."""


class DefinitionError(NbflowError):
    """A function can't become a workflow or an activity; the message says why."""


class CodeNotRestoredError(NbflowError):
    """Stored code can't be made here, such as for a module that isn't installed; says what to do."""


class UnknownWorkflowError(NbflowError):
    """No workflow of that name is registered."""


class ArgumentsError(NbflowError):
    """The arguments of a call don't fit the signature."""


class PayloadError(NbflowError):
    """A value can't be carried as JSON unchanged; names its type and the path to it."""


class InvalidInstanceIdError(NbflowError):
    """An instance ID holds other characters than letters, digits, ``_`` and ``-``, or is too long."""


class InstanceNotFoundError(NbflowError):
    """There is no instance of that ID."""


class InstanceExistsError(NbflowError):
    """The ID belongs to an instance that is still active."""


class InstanceStateError(NbflowError):
    """The instance's present status forbids the request."""


class InboxFullError(InstanceStateError):
    """A run that takes no messages at present has as many waiting as it may have; the one at hand was not taken in."""


class GoingBackError(NbflowError):
    """A run can't be forked or rewound as it was asked: says why, and what can be done."""


class EventRejectedError(NbflowError):
    """An event's payload doesn't fit the type that the workflow waits for."""


class NotReplayableError(NbflowError):
    """Workflow code did something that a replay can't repeat: it belongs in an activity."""


class TaskFailedError(NbflowError):
    """An activity or a child workflow failed; raised where the workflow awaits it.

    Attributes:
        details: Type, message, author's traceback and causes of the failure.
        task_name: Name of the activity or child workflow.
    """

    def __init__(self, task_name: str, details: FailureDetails) -> None:
        super().__init__(f"{task_name} failed: {details}")
        self.task_name = task_name
        self.details = details


class ChildTerminatedError(TaskFailedError):
    """A child workflow was terminated; raised where its parent awaits it."""


class WorkflowFailedError(NbflowError):
    """The workflow run failed; the details carry the author's traceback.

    Attributes:
        instance_id: The run that failed.
        details: Type, message, author's traceback and causes.
    """

    def __init__(self, instance_id: str, details: FailureDetails) -> None:
        super().__init__(f"{instance_id} failed with {details}")
        self.instance_id = instance_id
        self.details = details


class WorkflowTerminatedError(NbflowError):
    """The workflow run was terminated before it finished."""


class WorkflowStalledError(NbflowError):
    """The run can't go on until its owner does something; nothing of it is lost."""


class ClockError(NbflowError):
    """The runtime goes by a clock that can't be moved: the computer's own."""


class LookNotPossible(NbflowError):  # noqa: N818  # an answer, not an error: the card shows its sentence
    """A view of a run can't be drawn: the text is a sentence for the person who asked for it."""


class RuntimeClosedError(NbflowError):
    """The runtime is closed, or stopped because its store failed."""


class StoreError(NbflowError):
    """The history can't be read or written."""


class StoreLockedError(StoreError):
    """Another process has the store open.

    Attributes:
        path: The store's file.
        pid: The owner's process ID, where it is known.
    """

    def __init__(self, path: str, pid: int | None, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.pid = pid


class StoreFormatError(StoreError):
    """The file exists and is no nbflow store."""


class StoreVersionError(StoreError):
    """The store was written by a newer nbflow."""


class StoreUnavailableError(StoreError):
    """The store's place can't be read or written."""


class QuestionError(StoreError):
    """A question to the history's tables that isn't one, or can't be answered."""


class ExportError(NbflowError):
    """Something can't be exported as it was asked for; says what to type instead."""


class KeyFileError(StoreError):
    """The key that signs histories can't be used."""


class UntrustedError(StoreError):
    """The history holds what its owner did not write: nothing of it runs.

    Attributes:
        seq: The history position concerned, if there is one.
    """

    def __init__(self, message: str, seq: int | None = None) -> None:
        super().__init__(message)
        self.seq = seq


class UnknownHistoryKindError(StoreError):
    """A history row is of a kind, or a format, that this nbflow doesn't know."""
