"""Words of Brazilian administration that mean the same to those who ask.

Only what a reader would take for the other without a second thought: "demissão" and "exoneração",
"revogar" and "anular" differ in law and do not stand here.
"""

from __future__ import annotations

from typing import Final

GROUPS: Final = (
    ("servidor público", "funcionário público"),
    ("servidor", "funcionário"),
    ("remuneração", "salário", "vencimento"),
    ("edital", "chamamento público", "chamada pública"),
    ("licitação", "certame"),
    ("gestante", "grávida"),
    ("licença à gestante", "licença-maternidade"),
    ("idoso", "pessoa idosa"),
    ("deficiente", "pessoa com deficiência"),
    ("aluno", "estudante", "discente", "acadêmico"),
    ("professor", "docente"),
    ("disciplina", "componente curricular", "matéria"),
    ("carro", "veículo", "automóvel"),
    ("prédio", "edifício", "imóvel"),
    ("compra", "aquisição"),
    ("venda", "alienação"),
    ("requerimento", "pedido", "solicitação"),
    ("proibido", "vedado"),
    ("permitido", "facultado", "autorizado"),
    ("obrigatório", "compulsório"),
    ("punição", "penalidade", "sanção"),
    ("teletrabalho", "trabalho remoto", "home office"),
    ("jornada", "carga horária", "horário"),
    ("aumento", "reajuste"),
    ("redução", "diminuição"),
    ("morte", "falecimento", "óbito"),
    ("reembolso", "ressarcimento", "restituição"),
    ("viagem", "deslocamento"),
    ("começo", "início"),
    ("término", "fim", "encerramento"),
    ("falta", "ausência"),
    ("parcelar", "fracionar", "dividir"),
    ("gratuito", "grátis", "isento"),
    ("advogado", "procurador"),
    ("hospital", "unidade de saúde"),
    ("escola", "unidade escolar", "estabelecimento de ensino"),
    ("creche", "educação infantil"),
    ("prefeitura", "município", "poder executivo municipal"),
    ("xerox", "cópia", "reprografia"),
    ("prorrogação", "renovação"),
    ("dinheiro", "verba", "recursos financeiros"),
    ("moradia", "habitação", "residência"),
)
