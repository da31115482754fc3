"""The manifest agrees with the documents, and with itself."""

from collections.abc import Callable
from typing import Any

import docx
import pypdfium2

from tests.unit.demo.conftest import DEMO

Manifest = dict[str, Any]
Pages = Callable[[str], tuple[str, ...]]


def test_every_document_is_listed_and_every_listed_document_is_there(manifest: Manifest) -> None:
    listed = [document["file"] for document in manifest["documents"]]
    assert sorted(listed) == sorted(path.name for path in (DEMO / "documents").iterdir())


def test_there_are_enough_acts_in_both_formats_and_collections(manifest: Manifest) -> None:
    documents = manifest["documents"]
    assert len(documents) >= 14
    assert sum(document["file"].endswith(".docx") for document in documents) >= 5
    names = {collection["name"] for collection in manifest["collections"]}
    assert {document["collection"] for document in documents} == names


def test_six_documents_have_five_pages_or_more(manifest: Manifest, pages: Pages) -> None:
    files = [item["file"] for item in manifest["documents"] if item["file"].endswith(".pdf")]
    assert sum(len(pages(file)) >= 5 for file in files) >= 6


def test_the_metadata_title_is_that_of_the_manifest(manifest: Manifest) -> None:
    for document in manifest["documents"]:
        path = DEMO / "documents" / document["file"]
        if path.suffix == ".docx":
            title = docx.Document(str(path)).core_properties.title
        else:
            with pypdfium2.PdfDocument(path) as opened:
                title = opened.get_metadata_dict()["Title"]
        assert title == document["title"]


def test_every_page_after_the_first_has_header_and_numbered_footer(
    manifest: Manifest, pages: Pages
) -> None:
    for document in manifest["documents"]:
        if document["file"].endswith(".docx"):
            continue
        texts = pages(document["file"])
        for number, text in enumerate(texts, start=1):
            assert f"Página {number} de {len(texts)}" in text, document["file"]
        assert all("de Serra Clara" in text for text in texts[1:]), document["file"]


def test_docx_documents_have_header_footer_and_tables(manifest: Manifest) -> None:
    for file in (item["file"] for item in manifest["documents"]):
        if file.endswith(".docx"):
            opened = docx.Document(str(DEMO / "documents" / file))
            section = opened.sections[0]
            assert "de Serra Clara" in section.header.paragraphs[0].text
            assert "PAGE" in section.footer._element.xml
            assert opened.tables, file


def test_groups_collections_and_users_name_each_other_rightly(manifest: Manifest) -> None:
    users = {user["username"] for user in manifest["users"]}
    groups = {group["name"]: group["members"] for group in manifest["groups"]}
    assert users == {"admin", "ana.souza", "bruno.lima", "carla.dias"}
    assert all(set(members) <= users for members in groups.values())
    for collection in manifest["collections"]:
        assert set(collection["readers"]) <= set(groups)
        assert set(collection["managers"]) <= users


def test_ana_reads_the_first_collection_only_and_carla_both(manifest: Manifest) -> None:
    groups = {group["name"]: set(group["members"]) for group in manifest["groups"]}
    readers = [
        set().union(*(groups[name] for name in collection["readers"]))
        for collection in manifest["collections"]
    ]
    assert ["ana.souza" in readable for readable in readers] == [True, False]
    assert ["carla.dias" in readable for readable in readers] == [True, True]
