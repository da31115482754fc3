"""What exports and reports say, in the two languages; they leave GovBot, so no page words them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PORTUGUESE: Final = {
    "export": "Dados pessoais de {name}",
    "made": "Gerado em {moment}.",
    "empty": "Nada.",
    "account": "Conta",
    "groups": "Grupos",
    "grants": "Acessos dados a esta pessoa",
    "sessions": "Sessões abertas",
    "second_factor": "Segundo fator",
    "api_keys": "Chaves de programas",
    "conversations": "Conversas, com perguntas, respostas e citações",
    "uploads": "Documentos e versões que enviou",
    "reviews": "Versões que aprovou ou devolveu",
    "audit": "Registros de auditoria dos seus atos e sobre a sua conta",
    "notes": "Observações",
    "note.hidden": "Respostas feitas de documentos que a pessoa não pode ler agora não são "
    "incluídas.",
    "note.left_out": "As conversas não foram incluídas: são {count}. A própria pessoa as obtém na "
    "sua conta, e o operador pela linha de comando.",
    "note.documents": "Dados da pessoa dentro de documentos do órgão se procuram com "
    "`govbot person find`.",
    "erased_name": "Pessoa apagada",
    "report": "Relatório de eliminação",
    "planned": "Simulação: nada foi apagado.",
    "removed": "Removido",
    "kept": "Mantido",
    "users": "Conta: nome, usuário, e-mail, senha e ligação com o diretório",
    "share_readers": "Nome em conversas que outros compartilharam",
    "incoming_files": "Arquivos cujo envio não terminou",
    "cached_answers": "Respostas guardadas para reutilização",
    "totp": "Segundo fator",
    "recovery_codes": "Códigos de recuperação",
    "memberships": "Participações em grupos",
    "queue_control": "Nome de quem pausou a fila",
    "answer_reports": "Nome em decisões sobre respostas mal avaliadas",
    "model_transfers": "Nome em modelos que pediu",
    "announcement_dismissals": "Avisos dispensados",
    "announcements": "Nome em avisos que publicou",
    "setting_changes": "Nome em configurações que mudou",
    "gap_topics": "Nome em decisões sobre temas sem resposta",
    "gap_questions": "Perguntas sem resposta deste mês",
    "documents": "Documentos que enviou ou moveu para a lixeira",
    "document_versions": "Versões que enviou, aprovou ou devolveu",
    "gold_sets": "Conjuntos de perguntas de referência que criou",
    "gold_questions": "Perguntas de referência que escreveu",
    "eval_runs": "Avaliações que pediu",
    "eval_acceptances": "Configurações que aceitou",
    "audit_log": "Registros de auditoria",
    "why.documents": "São do órgão; ligam-se só ao número da conta anônima (LGPD, art. 16, I).",
    "why.audit_log": "Registro imutável exigido para apurar responsabilidades (LGPD, art. 7º, II "
    "e VI, e art. 16, I); sai pela retenção de auditoria.",
}  # fmt: skip
_ENGLISH: Final = {
    "export": "Personal data of {name}",
    "made": "Made on {moment}.",
    "empty": "Nothing.",
    "account": "Account",
    "groups": "Groups",
    "grants": "Access given to this person",
    "sessions": "Open sessions",
    "second_factor": "Second factor",
    "api_keys": "Keys of programs",
    "conversations": "Conversations, with questions, answers and citations",
    "uploads": "Documents and versions that they sent",
    "reviews": "Versions that they approved or sent back",
    "audit": "Audit entries of their acts and about their account",
    "notes": "Notes",
    "note.hidden": "Answers made from documents that the person may not read now are left out.",
    "note.left_out": "The conversations are not included: there are {count}. The person gets them "
    "from their own account, and the operator at the command line.",
    "note.documents": "Data of the person inside documents is looked for with "
    "`govbot person find`.",
    "erased_name": "Erased person",
    "report": "Report of an erasure",
    "planned": "Rehearsal: nothing was erased.",
    "removed": "Removed",
    "kept": "Kept",
    "users": "Account: name, user name, e-mail, password and link to the directory",
    "share_readers": "Name in conversations that others shared",
    "incoming_files": "Files whose sending had not ended",
    "cached_answers": "Answers kept to be used again",
    "totp": "Second factor",
    "recovery_codes": "Recovery codes",
    "memberships": "Memberships of groups",
    "queue_control": "Name of who paused the queue",
    "answer_reports": "Name in decisions about answers rated down",
    "model_transfers": "Name in models that they asked for",
    "announcement_dismissals": "Announcements put away",
    "announcements": "Name in announcements that they published",
    "setting_changes": "Name in settings that they changed",
    "gap_topics": "Name in decisions about topics without answer",
    "gap_questions": "This month's questions without answer",
    "documents": "Documents that they sent or moved to the trash",
    "document_versions": "Versions that they sent, approved or sent back",
    "gold_sets": "Sets of gold questions that they made",
    "gold_questions": "Gold questions that they wrote",
    "eval_runs": "Evaluations that they asked for",
    "eval_acceptances": "Configurations that they accepted",
    "audit_log": "Audit entries",
    "why.documents": "They are the organisation's, tied only to the number of the anonymous "
    "account (LGPD, art. 16, I).",
    "why.audit_log": "Unchangeable record needed to establish who was responsible (LGPD, art. 7, "
    "II and VI, and art. 16, I); it leaves by the retention of the audit log.",
}  # fmt: skip


def words(language: str) -> Mapping[str, str]:
    """The words of a language; "en..." gives English, all else Portuguese."""
    return _ENGLISH if language.lower().startswith("en") else _PORTUGUESE
