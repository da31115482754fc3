"""The settings that change while the service runs, in the words of the page."""

from __future__ import annotations

from typing import Final

from govbot.web.i18n import _

GROUPS: Final = {
    "organisation": (_("Organisation"), _("How this installation introduces itself.")),
    "answers": (_("Answers"), _("How questions are answered, and when GovBot rather says no.")),
    "documents": (_("Documents"), _("What may be sent, and how long the trash is kept.")),
    "privacy": (_("Personal data and retention"), _("How long what people write is kept.")),
    "people": (_("Sign-in"), _("How long a session lasts, and what a password must be.")),
    "limits": (
        _("Limits of use"),
        _("How much one person may ask for; beyond it the page asks to wait. 0: no limit."),
    ),
    "api": (_("Programs (API)"), _("Keys with which other systems use GovBot.")),
    "logging": (_("Log of the service"), _("How much is written; for those who run the server.")),
}

# Of each setting: its name, and what it does.
SETTINGS: Final = {
    "organisation": (
        _("Name of the organisation"),
        _("Shown at the top of every page and in the title of the window."),
    ),
    "answers.unsupported": (
        _("Sentences that the documents do not support"),
        _("What happens to a sentence of an answer when the passages it cites do not say it."),
    ),
    "retrieval.min_confidence": (
        _("Confidence needed to answer"),
        _(
            "From 0 to 1. Below it the answer is “not found in the documents”. Higher: fewer wrong "
            "answers, more questions without one. Empty: the measured value. A change is measured "
            "by the evaluation at the next start of the service."
        ),
    ),
    "retrieval.model_variants": (
        _("Try other wordings of the question"),
        _("The model proposes them and they are searched too. Each question takes longer."),
    ),
    "answers.cache": (
        _("Reuse of answers"),
        _("Whether a question is answered with what was written for the same passages before."),
    ),
    "answers.cache_hours": (
        _("Hours that an answer can be reused"),
        _("0: answers are not reused."),
    ),
    "answers.cache_similarity": (
        _("Likeness of questions for reuse"),
        _("From 0 to 1. 0: only the very same question; 0.97: other words with the same meaning."),
    ),
    "ingest.max_file_mb": (
        _("Largest file, in MB"),
        _("Never more than web.max_upload_mb, which is set in the configuration of the server."),
    ),
    "ingest.max_pages": (_("Most pages of one document"), _("Longer documents are refused.")),
    "ingest.extract_timeout_s": (
        _("Longest time to read one document, in seconds"),
        _("After it the document fails, and can be tried again."),
    ),
    "documents.trash_days": (
        _("Days in the trash"),
        _(
            "After them a document is deleted for good, unless it is under legal hold. 0: "
            "documents stay in the trash."
        ),
    ),
    "privacy.conversation_days": (
        _("Days that conversations are kept"),
        _("Counted from the last question; then the conversation is deleted. 0: never."),
    ),
    "feedback.gaps": (
        _("Keep questions without answer"),
        _("For the page of curation, without the person who asked."),
    ),
    "feedback.gap_days": (
        _("Days that questions without answer are kept"),
        _("0: they are kept."),
    ),
    "auth.session_idle_minutes": (
        _("Minutes without use until a session ends"),
        _("The person signs in again."),
    ),
    "auth.session_absolute_hours": (
        _("Longest session, in hours"),
        _("Even one that is in use ends after it."),
    ),
    "auth.privileged_idle_minutes": (
        _("Minutes without use, for administrators, curators and auditors"),
        _("Shorter, because these accounts can do more."),
    ),
    "auth.privileged_absolute_hours": (
        _("Longest session of administrators, curators and auditors, in hours"),
        _("Even one that is in use ends after it."),
    ),
    "auth.min_password_length": (
        _("Fewest characters of a password"),
        _("Counts for new passwords."),
    ),
    "auth.first_password_days": (
        _("Days that a first password works"),
        _("The one that an administrator hands over."),
    ),
    "limits.questions_per_minute": (
        _("Questions in a minute"),
        _("Of one person, on the pages and through programs together."),
    ),
    "limits.uploads_per_hour": (_("Files sent in an hour"), _("Of one person.")),
    "limits.pictures_per_minute": (
        _("Pages of documents drawn in a minute"),
        _("For one person who looks at documents."),
    ),
    "limits.anonymous_per_minute": (
        _("Requests in a minute without being signed in"),
        _("From one address of the network. Offices behind one address share it."),
    ),
    "api.enabled": (_("Programs may use GovBot"), _("No: no key opens anything.")),
    "api.key_days": (_("Days that a new key lives"), _("What is proposed when a key is made.")),
    "api.max_key_days": (_("Longest life of a key, in days"), _("Counts for new keys.")),
    "api.keys_without_end": (
        _("Keys that never expire"),
        _("Nobody notices such a key that is forgotten: better not."),
    ),
    "api.max_keys": (_("Keys of one person"), _("In force at the same time.")),
    "limits.api_key_per_minute": (
        _("Requests of one key in a minute"),
        _("Unless the key has a limit of its own. 0: no limit."),
    ),
    "limits.api_user_per_minute": (
        _("Requests of all keys of one person in a minute"),
        _("0: no limit."),
    ),
    "logging.level": (
        _("What is written to the log"),
        _("The least severe messages. All nodes follow within seconds."),
    ),
    "logging.loggers": (
        _("Other levels for parts"),
        _("Such as govbot.ingest=DEBUG govbot.chat=WARNING, parted by spaces."),
    ),
}

# What stands for a value.
VALUES: Final = {
    "true": _("Yes"),
    "false": _("No"),
    "mark": _("Show it with a warning"),
    "drop": _("Leave it out"),
    "shared": _("Among people who may read the same passages"),
    "own": _("For the same person only"),
    "off": _("Never: write every answer anew"),
    "DEBUG": _("Everything (DEBUG)"),
    "INFO": _("What happens (INFO)"),
    "WARNING": _("Warnings and errors (WARNING)"),
    "ERROR": _("Errors only (ERROR)"),
}
UNSET: Final = _("measured value")
