"""Prometheus metrics of this process, in a registry of our own; docs/monitoring.md has them all.

A file for each area; what the rest of GovBot calls stands here. Importing one defines its metrics.
"""

from __future__ import annotations

from govbot import __version__
from govbot.metrics.answers import (
    answer_running,
    observe_answer,
    observe_cache,
    observe_failure,
    observe_retrieval,
)
from govbot.metrics.audit import (
    audit_checkpoint_behind,
    audit_checkpoint_waiting_seconds,
    audit_failures_total,
    audit_forward_failing,
    audit_forward_position,
    audit_last_entry,
)
from govbot.metrics.documents import (
    observe_document,
    set_documents,
    set_folders,
    set_jobs,
    set_jobs_by_kind,
)
from govbot.metrics.engines import (
    observe_model_answer,
    observe_model_failure,
    observe_tokens,
    set_model,
)
from govbot.metrics.failures import observe_error
from govbot.metrics.registry import CONTENT_TYPE, gauge, names, registry, render
from govbot.metrics.requests import (
    http_running,
    observe_limited,
    observe_request,
    observe_sign_in,
)
from govbot.metrics.storage import (
    sampled,
    set_backup,
    set_certificate,
    set_database,
    set_disk,
    set_pool,
)

__all__ = [
    "CONTENT_TYPE",
    "answer_running",
    "audit_checkpoint_behind",
    "audit_checkpoint_waiting_seconds",
    "audit_failures_total",
    "audit_forward_failing",
    "audit_forward_position",
    "audit_last_entry",
    "http_running",
    "names",
    "observe_answer",
    "observe_cache",
    "observe_document",
    "observe_error",
    "observe_failure",
    "observe_limited",
    "observe_model_answer",
    "observe_model_failure",
    "observe_request",
    "observe_retrieval",
    "observe_sign_in",
    "observe_tokens",
    "registry",
    "render",
    "sampled",
    "set_backup",
    "set_certificate",
    "set_database",
    "set_disk",
    "set_documents",
    "set_folders",
    "set_jobs",
    "set_jobs_by_kind",
    "set_model",
    "set_pool",
]

gauge("govbot_build_info", "Version that runs.", ["version"]).labels(__version__).set(1)
