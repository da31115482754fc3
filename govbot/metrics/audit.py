"""The audit log: what is signed, what waits, what receivers have."""

from __future__ import annotations

from govbot.metrics.registry import counter, gauge

audit_last_entry = gauge("govbot_audit_last_entry", "Number of the newest entry of the audit log.")
audit_checkpoint_behind = gauge(
    "govbot_audit_checkpoint_behind",
    "Entries of the audit log that no signed checkpoint covers yet.",
)
audit_checkpoint_waiting_seconds = gauge(
    "govbot_audit_checkpoint_waiting_seconds", "How long the oldest of them has waited."
)
audit_failures_total = counter(
    "govbot_audit_failures_total",
    "Checkpoints and archives of the audit log that could not be written.",
)
audit_forward_position = gauge(
    "govbot_audit_forward_position",
    "Number of the last entry that a receiver of the audit log certainly has.",
    ["receiver"],
)
audit_forward_failing = gauge(
    "govbot_audit_forward_failing",
    "1 while a receiver of the audit log is out of reach.",
    ["receiver"],
)
