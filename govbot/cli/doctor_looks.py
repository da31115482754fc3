"""The looks of `govbot doctor`, in the order in which they are told."""

from __future__ import annotations

from typing import Final

from govbot.cli import (
    doctor_backup,
    doctor_machine,
    doctor_network,
    doctor_parts,
    doctor_service,
    doctor_stored,
)
from govbot.cli.doctor_finding import Look

# What works without the database.
MACHINE: Final = (
    Look("program", "Install GovBot again.", sync=doctor_machine.program),
    Look("configuration", "govbot config check", sync=doctor_machine.configuration),
    Look("named files", "govbot config check", sync=doctor_machine.files_named),
    Look(
        "data folder",
        "See that the disk answers: dmesg, ls.",
        sync=doctor_machine.data_folder,
    ),
    Look("disk", "See that the disk answers: dmesg, df.", sync=doctor_machine.disk),
    Look("model disk", "See that the disk answers.", sync=doctor_machine.spare),
    Look("memory", "cat /proc/meminfo", sync=doctor_machine.memory),
    Look("clock", "timedatectl set-ntp true", sync=doctor_machine.clock),
    Look("keys", "See that data_dir can be read.", sync=doctor_parts.keys),
    Look("address", "Check web.host and web.port.", sync=doctor_network.address),
    Look("way in", "Check web.base_url.", sync=doctor_network.reached),
    Look(
        "certificate",
        "Check the files that the settings name.",
        sync=doctor_network.certificates,
    ),
    Look(
        "watched folders",
        "The share does not answer: mount it again, or take it out of the settings.",
        sync=doctor_parts.folders,
        within_s=10,
    ),
    Look("service", "systemctl status govbot", sync=doctor_service.service),
    Look("service rights", "Run `govbot setup` as root again.", sync=doctor_service.drop_ins),
    Look("backup timer", "systemctl list-timers", sync=doctor_service.timer),
    Look("backup", "govbot backup list", sync=doctor_backup.backup),
    Look("backup check", "govbot backup verify", sync=doctor_backup.checked),
    Look("backup room", "See that the disk answers.", sync=doctor_backup.room),
)

DATABASE: Final = Look(
    "database",
    "Check database.url and that the server runs; the embedded one writes data_dir/postgres/log.",
    wait=doctor_stored.server,
)
SCHEMA: Final = Look("schema", "govbot migrate", wait=doctor_stored.schema)

# What stands in a database with the right schema.
STORED: Final = (
    Look("database extension", "See the server's log.", wait=doctor_stored.extension),
    Look("connections", "See the server's log.", wait=doctor_stored.connections),
    Look("database clock", "timedatectl set-ntp true", wait=doctor_stored.clock),
    Look("documents", "See the log of the database.", wait=doctor_stored.documents),
    Look(
        "originals",
        "Restore data_dir/files from a backup.",
        wait=doctor_stored.originals,
        within_s=60,
    ),
    Look("queue", "govbot jobs list", wait=doctor_stored.queue),
    Look("nodes", "govbot nodes list", wait=doctor_stored.nodes),
    Look("folder health", "govbot folder list", wait=doctor_stored.folders),
    Look("accounts", "govbot user list", wait=doctor_stored.accounts),
    Look("audit log", "govbot audit verify", wait=doctor_stored.audit, within_s=60),
    Look("vectors", "govbot reindex", wait=doctor_stored.vectors, within_s=60),
    Look("evaluation", "govbot eval sets", wait=doctor_stored.evaluation, within_s=60),
)

# What is asked with the settings as the database completes them: secrets, changes of the pages.
PARTS: Final = (
    Look("directory", "govbot ldap test", wait=doctor_network.directory, within_s=40),
    Look(
        "sign-in provider",
        "Check [oidc] issuer and that this machine reaches it.",
        wait=doctor_network.provider,
    ),
    Look("model hub", "Check models.hub.", sync=doctor_network.hub),
    Look(
        "embedder",
        "Check [embedder], see `govbot models list`, and docs/models.md.",
        wait=doctor_parts.embedder,
        within_s=90,
    ),
    Look("reranker", "Check [reranker]: docs/models.md.", wait=doctor_parts.reranker, within_s=90),
    Look("generator", "Check [generation]: docs/models.md.", wait=doctor_parts.models),
    Look("llama.cpp", "Install GovBot again.", sync=doctor_parts.llama, within_s=40),
    Look("GPU", "nvidia-smi", sync=doctor_parts.gpu, within_s=40),
    Look("models", "govbot models list", sync=doctor_parts.stored),
    Look("model checksums", "govbot models verify", sync=doctor_parts.checksums, within_s=60),
    Look("OCR", "tesseract --list-langs", sync=doctor_parts.ocr, within_s=45),
    Look("converter", "Install the Debian package antiword.", sync=doctor_parts.converter),
)
