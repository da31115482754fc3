import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.generate.sentences import UNLABELLED, split


def _texts(text: str) -> list[str]:
    return [text[each.start : each.end] for each in split(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Nos termos do art. 5º, inc. II, da Lei n. 10.520, cabe recurso.",
        "O Dr. Silva e a Sra. Souza pagaram R$ 1.000,00 à Cia. Vale.",
        "Conforme fls. 10 a 12 do proc. 23.001, foi indeferido.",
        "O Sr. J. A. Pereira assinou a ata.",
        "Art. 1. O prazo é de dez dias.",
        "Parágrafo único. É vedada a recusa imotivada.",
        "Iniciou às 8h30min. do dia 3.5.2020 na cidade, etc. e terminou depois.",
    ],
)
def test_an_abbreviation_or_label_does_not_end_a_sentence(sentence: str) -> None:
    assert _texts(sentence) == [sentence]


def test_full_stops_questions_and_quotes_end_sentences() -> None:
    text = 'Pode? Sim. Ele disse "não vou." A lei manda. em minúsculas também.'
    assert _texts(text) == [
        "Pode?",
        "Sim.",
        'Ele disse "não vou."',
        "A lei manda.",
        "em minúsculas também.",
    ]


def test_a_wrapped_line_does_not_end_a_sentence() -> None:
    text = "O servidor apresentará o requerimento\nna unidade de lotação.\nO prazo é de dez dias."
    assert len(_texts(text)) == 2


def test_items_know_their_lead_in() -> None:
    text = (
        "Art. 3º São direitos do usuário:\nI - acesso;\nII - tratamento:\na) digno;\n"
        "b) igual.\n§ 1º Não há taxa.\nIII - outro."
    )
    leads = {
        text[each.start : each.end]: [text[start:end] for start, end in each.leads]
        for each in split(text)
    }
    caput = "Art. 3º São direitos do usuário:"
    assert leads["I - acesso;"] == [caput]
    assert leads["b) igual."] == [caput, "II - tratamento:"]
    assert leads["§ 1º Não há taxa."] == []
    assert leads["III - outro."] == []


def test_items_on_one_line_are_told_apart() -> None:
    text = "São deveres: I - lealdade; II - urbanidade; e III - boa-fé."
    assert _texts(text) == ["São deveres:", "I - lealdade;", "II - urbanidade; e", "III - boa-fé."]


def test_a_long_enumeration_without_labels_is_read_item_by_item() -> None:
    items = "; ".join(f"item de número {'x' * 100} {n}" for n in range(5))
    sentences = split(f"Considera-se: {items}.")
    assert [each.level for each in sentences] == [0] + [UNLABELLED] * 5
    assert all(each.leads == ((0, 13),) for each in sentences[1:])


def test_headings_stand_alone() -> None:
    text = (
        "REGIMENTO INTERNO\nCAPÍTULO II\nDas competências do conselho\nCompete ao conselho decidir."
    )
    assert [each.level for each in split(text)][:2] == [-1, -1]


@given(st.text(alphabet='aB. \n;:§I-)1º"“', max_size=120))
def test_sentences_hold_all_text_in_order_and_never_overlap(text: str) -> None:
    sentences = split(text)
    position = 0
    for each in sentences:
        assert not text[position : each.start].strip()
        assert each.start < each.end
        assert all(end <= each.start for _, end in each.leads)
        position = each.end
    assert not text[position:].strip()
