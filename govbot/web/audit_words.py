"""The audit log in words: what its actions and details are called on the page."""

from __future__ import annotations

from typing import Final

from govbot.web.i18n import _

ACTIONS: Final = {
    "sign-in.ok": _("Signed in"),
    "sign-in.failed": _("Sign-in refused"),
    "sign-out": _("Signed out"),
    "question.asked": _("Asked a question"),
    "document.opened": _("Opened a document"),
    "document.uploaded": _("Sent a document"),
    "document.deleted": _("Moved a document to the trash"),
    "document.restored": _("Took a document out of the trash"),
    "document.retried": _("Processed a document again"),
    "document.cancelled": _("Cancelled the work on a document"),
    "queue.paused": _("Paused the queue"),
    "queue.resumed": _("Resumed the queue"),
    "queue.cancelled": _("Cancelled all work in the queue"),
    "queue.retried": _("Processed all that failed again"),
    "collection.created": _("Created a collection"),
    "collection.changed": _("Changed a collection"),
    "collection.deleted": _("Deleted a collection"),
    "grant.changed": _("Changed who has access"),
    "user.created": _("Created an account"),
    "user.disabled": _("Disabled an account"),
    "user.enabled": _("Enabled an account"),
    "user.role-changed": _("Changed a role"),
    "user.password-changed": _("Changed a password"),
    "group.created": _("Created a group"),
    "group.deleted": _("Deleted a group"),
    "group.members-changed": _("Changed the members of a group"),
    "audit.exported": _("Downloaded the audit log"),
    "schema.migrated": _("Updated the database"),
    "service.started": _("Service started"),
}

# Names of details and of kinds of objects.
DETAILS: Final = {
    "actor": _("person"),
    "action": _("action"),
    "after": _("after"),
    "answer": _("answer"),
    "before": _("before"),
    "change": _("change"),
    "chunks": _("passages"),
    "collection": _("collection"),
    "document": _("document"),
    "documents": _("documents"),
    "effect": _("effect"),
    "file": _("original file"),
    "filename": _("file"),
    "group": _("group"),
    "name": _("name"),
    "page": _("page"),
    "question": _("question"),
    "reason": _("reason"),
    "role": _("role"),
    "since": _("from"),
    "sufficient": _("evidence found"),
    "source": _("came by"),
    "until": _("until"),
    "user": _("person"),
    "username": _("user name"),
    "version": _("version"),
    "versions": _("versions"),
}

# Values that are words of GovBot itself.
WORDS: Final = {
    "read": _("reads"),
    "write": _("writes"),
    "manage": _("manages"),
    "allow": _("allowed"),
    "deny": _("denied"),
    "admin": _("Administrator"),
    "curator": _("Curator"),
    "auditor": _("Auditor"),
    "added": _("added"),
    "removed": _("removed"),
}
