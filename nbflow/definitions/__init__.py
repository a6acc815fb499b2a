"""Workflows and activities by name: definitions, the registry, and the hash of their code."""

from nbflow.definitions.compatibility import breaking_changes
from nbflow.definitions.definition import (
    STARTER_NAME,
    ActivityDefinition,
    Definition,
    Starter,
    WorkflowDefinition,
    activity,
    running_execution,
    workflow,
)
from nbflow.definitions.evidence import evidence_of
from nbflow.definitions.registry import Registry, definitions_in
from nbflow.definitions.source import Listing

__all__ = [
    "STARTER_NAME",
    "ActivityDefinition",
    "Definition",
    "Listing",
    "Registry",
    "Starter",
    "WorkflowDefinition",
    "activity",
    "breaking_changes",
    "definitions_in",
    "evidence_of",
    "running_execution",
    "workflow",
]
