"""What the page of the system calls its parts, says about them and advises."""

from __future__ import annotations

from typing import Final

from govbot.web.i18n import _

PARTS: Final = {
    "version": _("Version"),
    "database": _("Database"),
    "disk": _("Disk"),
    "queue": _("Queue of documents"),
    "models": _("Models that answer"),
    "embedder": _("Search by meaning"),
    "vectors": _("Vectors of the passages"),
    "quality": _("Quality of the answers"),
    "ocr": _("Reading of scanned pages (OCR)"),
    "folders": _("Watched folders"),
    "audit": _("Audit log"),
    "backups": _("Backups"),
    "keys": _("Keys and secrets"),
    "accounts": _("Accounts"),
    "directory": _("Directory of people"),
    "nodes": _("Nodes"),
}
# Where more can be seen or done.
LINKS: Final = {
    "queue": "/admin/fila",
    "models": "/admin/modelos/respostas",
    "embedder": "/admin/modelos",
    "quality": "/avaliacao",
    "folders": "/admin/pastas",
    "audit": "/admin/auditoria",
    "backups": "/admin/copias",
    "accounts": "/admin/usuarios",
    "directory": "/admin/diretorio",
}
SENTENCES: Final = {
    "slow": _("It did not answer within %(seconds)s seconds."),
    "version": _("GovBot %(version)s, schema %(schema)s, Python %(python)s."),
    "database.embedded": _(
        "PostgreSQL %(server)s of GovBot itself, pgvector %(vector)s, %(megabytes)s MB of data."
    ),
    "database.external": _(
        "PostgreSQL %(server)s of your own, pgvector %(vector)s, %(megabytes)s MB of data."
    ),
    "disk": _("%(free)s GB free of %(total)s GB."),
    "disk.full": _("Only %(free)s GB free of %(total)s GB."),
    "queue": _("%(running)s being read, %(waiting)s waiting."),
    "queue.stopped": _("Nobody works on the documents: they stay waiting."),
    "queue.paused": _("The queue is paused (by %(by)s)."),
    "queue.failed": _("%(failed)s documents could not be read."),
    "models.none": _("No model is set: answers are literal excerpts of the documents."),
    "models.failed": _("%(name)s does not work."),
    "models.out": _("%(name)s was taken out of use."),
    "models.loaded": _("%(name)s is in memory, about %(megabytes)s MB."),
    "models.unloaded": _("%(name)s is not in memory: the next question loads it."),
    "models.remote": _("%(name)s answers at %(where)s."),
    "models.file": _("Files of models cannot be read: %(files)s"),
    "embedder": _("%(name)s answers, %(dimensions)s dimensions."),
    "embedder.none": _("There is none: documents are found by their words alone."),
    "vectors": _("All %(passages)s passages can be found by meaning as far as there is a model."),
    "quality": _("No change has made the answers worse."),
    "quality.unwatched": _("No set of questions watches over changes."),
    "quality.fell": _("Since the last change of models, passages or prompt the answers are worse."),
    "ocr": _("%(name)s works, languages %(languages)s."),
    "ocr.off": _("It is switched off: scanned pages stay unread."),
    "ocr.missing": _("Tesseract is missing, or its data for %(languages)s: scanned pages wait."),
    "folders": _("%(folders)s folders are watched, %(refused)s of their files were refused."),
    "folders.none": _("No folder is watched."),
    "folders.failed": _("These cannot be read: %(folders)s"),
    "audit": _(
        "%(entries)s entries, %(behind)s of them since the last signed checkpoint. Checked: %(at)s."
    ),
    "audit.checkpoints": _("No checkpoint since entry %(entry)s. %(reason)s"),
    "audit.receiver": _("The receiver %(name)s has nothing after entry %(entry)s."),
    "audit.broken": _("The last check found the chain of entries broken."),
    "backups": _("The newest one is of %(at)s; the last check found %(name)s good."),
    "backups.none": _("There is no backup in %(folder)s."),
    "backups.old": _("The newest one is of %(at)s."),
    "backups.unchecked": _("The newest one is of %(at)s; none was checked yet."),
    "backups.failed": _("The last attempt failed: %(error)s."),
    "backups.damaged": _("The last check found %(name)s damaged."),
    "keys": _("Secrets can be opened, and no other account of the server reads the keys."),
    "keys.sealing": _("Stored secrets cannot be opened: %(reason)s"),
    "keys.open": _("Other accounts of the server may read: %(files)s"),
    "accounts": _("%(people)s active accounts, %(admins)s of them administrators."),
    "accounts.one": _("%(people)s active accounts, but only one administrator."),
    "directory": _("%(accounts)s accounts, compared on %(at)s."),
    "directory.none": _("None is set: accounts are made here."),
    "directory.never": _("It was never compared with the accounts."),
    "directory.failed": _("The last comparison failed: %(reason)s"),
    "nodes": _("Processes that serve now: %(nodes)s."),
    "nodes.gone": _("Without a sign of life: %(names)s"),
    "nodes.problem": _("%(name)s cannot serve everything: %(code)s"),
    "nodes.versions": _("They are of different versions: %(versions)s"),
}
REMEDIES: Final = {
    "slow": _("Look at the load of the server, and try again."),
    "error": _("Look at the log of the service, and run govbot doctor on the server."),
    "disk": _("Plan more room, or empty the trash of the documents."),
    "disk.full": _(
        "Make room on %(folder)s at once: without room nothing can be taken in or saved."
    ),
    "queue.stopped": _("Start the service again (systemctl restart govbot), and look at its log."),
    "queue.paused": _("Resume it on the page of the queue."),
    "queue.failed": _("See the reason of each on the page of the queue, and try again."),
    "models.none": _(
        "Take in a model on the page of the models, and name it in the configuration."
    ),
    "models.failed": _("Try it on the page of the models that answer."),
    "models.out": _("Load it again on the page of the models that answer."),
    "models.file": _("Fetch the model again, or restore its file."),
    "embedder.none": _("Set [embedder] in the configuration of the server, and start it again."),
    "quality.fell": _("Compare the two evaluations, and take the change back or accept it."),
    "ocr.off": _("Set ocr.enabled to auto in the configuration of the server."),
    "ocr.missing": _(
        "Install the Debian packages %(packages)s; waiting pages are then read by themselves."
    ),
    "folders": _("See the refused files on the page of the folders."),
    "folders.failed": _("See whether the folder is mounted and may be read by the service."),
    "audit.checkpoints": _(
        "See whether the file of checkpoints can be written, and start the service again."
    ),
    "audit.receiver": _("See whether the receiver runs and can be reached."),
    "backups.none": _("Make one on the page of the backups, and see that the timer runs."),
    "backups.old": _("See why the timer makes none: journalctl -u govbot-backup."),
    "backups.unchecked": _("Check one on the page of the backups."),
    "backups.failed": _("Look up the code in the documentation, and make one again."),
    "backups.damaged": _("Do not rely on it: make another, and look at the disk."),
    "audit.broken": _(
        "Keep everything as it is and call who looks after security: entries were changed."
    ),
    "keys.sealing": _("Restore secret.key of the data folder from a backup."),
    "keys.open": _("On the server: chmod o-rwx for these files."),
    "accounts.one": _("Make a second one: nobody could help if that person loses the password."),
    "directory.never": _("Compare now, on the page of the directory."),
    "directory.failed": _("Test the connection on the page of the directory."),
    "nodes.gone": _("Start them again. What they were writing, another node has taken up."),
    "nodes.problem": _("Look at the log of that node; the code stands in the list of error codes."),
    "nodes.versions": _("Bring all nodes to the same version."),
}
