"""The loop of fine-tuning as an operator runs it: from own questions to an embedder in use."""

from __future__ import annotations

import json
from pathlib import Path

from govbot.db.dsns import Dsns
from tests.system.installation import Installation, through

THINGS = (
    "férias", "licença-prêmio", "diárias", "uniforme", "adicional noturno", "vale-transporte",
    "auxílio-creche", "estágio probatório", "teletrabalho", "ponto eletrônico", "banco de horas",
    "insalubridade",
)  # fmt: skip
OFFICES = ("Fazenda", "Saúde", "Educação", "Obras")


def test_an_embedder_learns_from_questions_and_takes_its_place(tmp_path: Path, dsns: Dsns) -> None:
    house = Installation(tmp_path, through(dsns))
    house.ok("collection", "add", "Normas")
    files, questions = [], []
    for office in OFFICES:
        for at, thing in enumerate(THINGS, 2):
            answer = f"{at} dias úteis contados do pedido feito à secretaria de {office}"
            text = f"{thing.capitalize()} na secretaria de {office}.\n\nO prazo é de {answer}.\n"
            files.append(house.write(f"{office} {thing}.txt", text))
            question = {
                "id": f"{office}-{at}",
                "question": f"Em quanto tempo a {office} decide sobre {thing}?",
                "answers": [answer],
                "doc": files[-1].name,
            }
            questions.append(json.dumps(question, ensure_ascii=False) + "\n")
    taken = house.lines("ingest", *files, "--collection", "Normas", "--wait")
    assert {each["state"] for each in taken} == {"ready"}
    file = house.write("perguntas.jsonl", "".join(questions))
    learn = ("finetune", "embedder", "do-orgao", "--file", file, "--held", "0.45", "--epochs", "1")
    learn = (*learn, "--negatives", "1", "--collection", "Normas", "--force", "--json")

    *steps, done = map(json.loads, house.ok(*learn).splitlines())
    assert [each["step"] for each in steps] == [1, 2]
    assert done["finished"]
    assert done["examples"] + done["held"] == len(questions)
    assert {each["measure"] for each in done["differences"]} >= {"mrr@10"}
    placed = house.data / "models" / "do-orgao"
    assert Path(done["placed"]) == placed
    [entry] = house.json("audit", "list", "--action", "finetune.embedder-placed")
    assert entry["resource"] == "model:do-orgao"
    taken_name = house.govbot(*learn)
    assert taken_name.returncode != 0
    assert "do-orgao" in taken_name.stderr

    house.settings["GOVBOT_EMBEDDER__MODEL"] = "do-orgao"
    assert house.json("reindex")["made"] == len(files)
    found = house.json("search", "Em quanto tempo a Saúde decide sobre diárias?")
    assert "Diárias na secretaria de Saúde" in found[0]["text"]
