"""A real scan, recognised and cited: the passage is marked where it stands on the picture."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import hits
from govbot.documents.needle import Needle
from govbot.jobs.queue import Queue
from tests.scans import NORM, drawn, scan_pdf, scanned
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office
from tests.web.test_viewer import cite

TOP, STEP, HIGH = 740, 18, 842  # of the lines of a drawn norm, in points


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed")
    return await make_office(pool, queue, tmp_path)


async def test_a_passage_of_a_scan_is_marked_on_its_lines(
    signed_in: SignIn, scene: Office, tmp_path: Path
) -> None:
    scan = scan_pdf(tmp_path / "scan.pdf", [scanned(drawn(), skew=0.4, noise=6)])
    await scene.put("resolucao.pdf", scan.read_bytes())
    await scene.desk.work()
    found = await scene.document("resolucao.pdf")
    assert found.version.ocr_pages == [1]
    async with as_system(scene.app.pool) as conn:
        hit = await hits.find_hits(conn, found.version.id, Needle("As diárias serão concedidas"))
    [page] = hit.pages
    [(start, _end)] = page.spans
    end = page.text.index("locomoção urbana", start) + len("locomoção urbana")
    reader = await signed_in("reader")
    query = await cite(
        reader, scene, version_id=found.version.id, document_key=found.key,
        quote=page.text[start:end], start=start, end=end,
    )  # fmt: skip
    path = f"/documentos/{found.version.id}/pagina/1"
    shown = (await reader.get(path + query, headers=HTMX)).text
    marks = re.findall(r'<rect[^>]* y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', shown)
    middles = [float(y) + float(height) / 2 for y, height in marks]
    lines = [next(n for n, line in enumerate(NORM) if text in line)
             for text in ("As diárias", "a indenizar", "locomoção urbana")]  # fmt: skip
    expected = [1 - (TOP + 4 - STEP * line) / HIGH for line in lines]
    # Each mark lies on one of the three lines, and each line has one.
    near = [min(range(3), key=lambda n: abs(expected[n] - middle)) for middle in middles]
    assert set(near) == {0, 1, 2}
    assert all(abs(expected[n] - middle) < 0.012 for n, middle in zip(near, middles, strict=True))
    # The recognised words lie over the picture, and what is searched for is marked among them.
    layer = re.search(r'<svg class="words".*?</svg>', shown, re.DOTALL)
    assert layer
    assert "indenizar" in layer[0]
    searched = (await reader.get(path + "?busca=locomocao", headers=HTMX)).text
    assert searched.count("hit current") >= 1
