"""Why a document could not be read, and what its curator can do: sentences for stored codes."""

from __future__ import annotations

from typing import Final

from govbot.web.i18n import _
from govbot.web.visit import Visit

_REASONS: Final = {
    "E-FORMATO": (
        _("This kind of file cannot be read."),
        _("Save it as PDF, DOCX, ODT, PPTX, XLSX, ODS, CSV, HTML or TXT and send it again."),
    ),
    "E-CONVERSOR": (
        _("Reading .doc files needs a program that is missing on the server."),
        _("Save the document as DOCX and send it, or ask your support team to install antiword."),
    ),
    "E-SENHA": (
        _("The file is protected by a password."),
        _("Remove the password and send it again."),
    ),
    "E-CORROMPIDO": (
        _("The file is damaged and cannot be opened."),
        _("Open it in the program that made it, save it again and send the new file."),
    ),
    "E-TEMPO": (
        _("Reading the file took too long."),
        _("Split it into smaller files, or save it again as PDF, and send it."),
    ),
    "E-MEMORIA": (
        _("Reading the file needs more memory than is allowed."),
        _("Split it into smaller files and send them."),
    ),
    "E-PAGINAS": (
        _("The document has more pages than are accepted."),
        _("Split it into smaller files and send them."),
    ),
    "E-VAZIO": (
        _("There is no text in this file."),
        _("Check that it is the right file."),
    ),
    "E-DIGITALIZADO": (
        _("The document is scanned: its pages are pictures, and their text was not recognised."),
        _(
            "Ask your support team to install the Debian packages tesseract-ocr and"
            " tesseract-ocr-por: the document is then read by itself. If they are there, scan it"
            " again with a higher resolution, or send a version with text."
        ),
    ),
    "E-TAMANHO": (
        _("The document is larger than the limit."),
        _("Split it into smaller files and send them."),
    ),
    "E-TENTATIVAS": (
        _("The processing stopped several times without an end."),
        _("Try again. If it happens again, tell your support team."),
    ),
    "E-DISK": (
        _("There was no room left on the server's disk."),
        _("Ask your support team to make room, then try again."),
    ),
    "E-DATABASE-FULL": (
        _("There was no room left on the database's disk."),
        _("Ask your support team to make room. The work goes on by itself."),
    ),
    "E-ORIGINAL": (
        _("The original file is missing on the server."),
        _("Send the file again."),
    ),
    "E-READ": (
        _("The original file cannot be read on the server."),
        _("Tell your support team, then try again."),
    ),
    "E-LINK": (
        _("It is a link that leads out of the watched folder."),
        _("Put the file itself there, or watch the other folder too."),
    ),
    "E-LEGAL-HOLD": (
        _("Its file is gone, but the document is under legal hold."),
        _("It goes to the trash when the hold is lifted."),
    ),
    "E-MODEL": (
        _("The model that indexes texts is not available."),
        _("Tell your support team, then try again."),
    ),
}
_OTHER: Final = (
    _("The processing failed."),
    _("Try again. If it happens again, tell your support team."),
)


def reason(visit: Visit, code: str | None) -> str:
    """What went wrong, in one sentence."""
    return visit.translate(_REASONS.get(code or "", _OTHER)[0])


def advice(visit: Visit, code: str | None) -> str:
    """What can be done about it, in one sentence."""
    return visit.translate(_REASONS.get(code or "", _OTHER)[1])
