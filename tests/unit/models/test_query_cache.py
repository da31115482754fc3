from __future__ import annotations

import pytest

from govbot.models.query_cache import QueryCache


def test_exactly_the_same_words_by_the_same_model_are_found_again() -> None:
    cache = QueryCache(10)
    cache.put("a", "Qual o prazo?", [0.25, 0.5])
    assert cache.get("a", "Qual o prazo?") == [0.25, 0.5]
    assert cache.get("a", "qual o prazo?") is None
    assert cache.get("a", "Qual o prazo? ") is None
    assert cache.get("b", "Qual o prazo?") is None
    assert cache.get("a\0Qual o prazo?", "") is None
    found = cache.get("a", "Qual o prazo?")
    assert found is not None
    found[0] = 9.0  # what a caller does to its vector is its own affair
    assert cache.get("a", "Qual o prazo?") == [0.25, 0.5]
    cache.put("a", "\ud800", [1.0])
    assert cache.get("a", "\ud800") == [1.0]


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_least_used_goes_first_and_the_limit_holds(limit: int) -> None:
    cache = QueryCache(limit)
    for n in range(5):
        cache.put("a", str(n), [float(n)])
        cache.get("a", "0")
    assert len(cache) == limit
    assert (cache.get("a", "0") is not None) == (limit == 3)
    cache.clear()
    assert len(cache) == 0


def test_the_words_of_a_question_are_not_in_its_memory() -> None:
    cache = QueryCache(10)
    words = "palavra secreta"
    cache.put("a", words, [1.0])
    assert all(len(key) == 32 and b"secreta" not in key for key in cache._vectors)
