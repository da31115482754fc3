from __future__ import annotations

from dataclasses import replace

from govbot.ids import VersionId, new_id
from govbot.retrieval.passages import MAX_OF_REGION, REGION_CHUNKS, Passage, diverse
from tests.unit.retrieval.cases import passage


def chunks(count: int, **fields: object) -> list[Passage]:
    first = passage("texto")
    return [replace(first, chunk_id=n, ord=n, text=f"texto {n}", **fields) for n in range(count)]  # type: ignore[arg-type]


def ids(passages: list[Passage]) -> list[int]:
    return [p.chunk_id for p in passages]


def test_the_order_is_kept_where_nothing_crowds() -> None:
    found = chunks(MAX_OF_REGION)
    assert diverse(found, 8) == found


def test_a_crowded_region_lets_others_go_before() -> None:
    crowd = chunks(6)
    other = replace(passage("outro"), chunk_id=99)
    assert ids(diverse([*crowd, other], 5)) == [0, 1, 2, 99, 3]


def test_a_crowd_still_fills_the_places_that_are_left() -> None:
    assert ids(diverse(chunks(6), 5)) == [0, 1, 2, 3, 4]


def test_far_chunks_of_a_document_without_pages_are_different_regions() -> None:
    far = chunks(3 * REGION_CHUNKS)[:: REGION_CHUNKS // 2]
    assert diverse(far, 6) == far


def test_other_versions_and_pages_are_different_regions() -> None:
    crowd = chunks(MAX_OF_REGION)
    page = replace(crowd[0], chunk_id=50, page_from=2, page_to=2)
    version = replace(crowd[0], chunk_id=51, version_id=VersionId(new_id()))
    assert ids(diverse([*crowd, page, version, *chunks(1)], 5)) == [0, 1, 2, 50, 51]
