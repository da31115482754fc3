"""Every route of the REST API in one table: the scope it needs, and which function answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

from govbot.auth.api_keys import Scope
from govbot.db.access import Role
from govbot.web import (
    api_audit,
    api_collections,
    api_conversations,
    api_documents,
    api_jobs,
    api_lifecycle,
    api_people,
    api_questions,
    api_status,
)
from govbot.web.api_route import Route
from govbot.web.api_types import Upload

COLLECTION = "/collections/{collection_id:uuid}"
DOCUMENT = "/documents/{document_id:uuid}"
CONVERSATION = "/conversations/{conversation_id:uuid}"
JOB = "/jobs/{version_id:uuid}"
USER = "/users/{user_id:uuid}"
GROUP = "/groups/{group_id:uuid}"
ADMINS = (Role.ADMIN,)
AUDITORS = (Role.ADMIN, Role.AUDITOR)


def routes(upload_bytes: int) -> list[HTTPRouteHandler]:
    """The routes; `upload_bytes` is the largest body of those that take files."""
    return [
        *_documents(upload_bytes),
        *_lifecycle(upload_bytes),
        *_collections(),
        *_questions(),
        *_person(),
        *_jobs(),
        *_people(),
        *_audit(),
    ]


def _documents(upload_bytes: int) -> list[HTTPRouteHandler]:
    def reads(name: str, **more: Any) -> Route:
        return Route(Scope.DOCUMENTS_READ, name, "documents", more=more)

    def writes(name: str, *problems: int, **more: Any) -> Route:
        return Route(Scope.DOCUMENTS_WRITE, name, "documents", (404, 409, *problems), more)

    duplicate = ResponseSpec(
        Upload, description="The collection has this content already.", generate_examples=False
    )
    sends: dict[str, Any] = {
        "request_max_body_size": upload_bytes,
        "status_code": 202,
        "responses": {200: duplicate},
    }
    return [
        reads("listCollections").get("/collections")(api_documents.list_collections),
        reads("getCollection").get(COLLECTION)(api_documents.get_collection),
        writes("uploadFile", 413, **sends, operation_class=_BinaryBody).post(
            COLLECTION + "/documents"
        )(api_documents.upload_raw),
        reads("listDocuments").get("/documents")(api_documents.list_documents),
        writes("uploadForm", 413, **sends).post("/documents")(api_documents.upload_form),
        reads("getDocument").get(DOCUMENT)(api_documents.get_document),
        writes("deleteDocument").delete(DOCUMENT)(api_documents.delete_document),
        reads("getOriginal", operation_class=_FileAnswer).get(DOCUMENT + "/original")(
            api_documents.original
        ),
        reads("getPageText").get(DOCUMENT + "/pages/{page:int}")(api_documents.page_text),
    ]


def _lifecycle(upload_bytes: int) -> list[HTTPRouteHandler]:
    def changes(name: str, **more: Any) -> Route:
        return Route(Scope.DOCUMENTS_MANAGE, name, "documents", (404, 409), more)

    duplicate = ResponseSpec(
        Upload, description="This content is there already.", generate_examples=False
    )
    revises = Route(
        Scope.DOCUMENTS_WRITE, "uploadVersion", "documents", (404, 409, 413),
        {
            "request_max_body_size": upload_bytes, "status_code": 202,
            "responses": {200: duplicate}, "operation_class": _BinaryBody,
        },
    )  # fmt: skip
    reviews = Route(Scope.DOCUMENTS_READ, "listReviews", "documents")
    return [
        revises.post(DOCUMENT + "/versions")(api_lifecycle.upload_version),
        changes("describeDocument").patch(DOCUMENT)(api_lifecycle.describe),
        changes("setValidity").put(DOCUMENT + "/validity")(api_lifecycle.set_validity),
        changes("revokeDocument").put(DOCUMENT + "/revocation")(api_lifecycle.revoke),
        changes("unrevokeDocument").delete(DOCUMENT + "/revocation")(api_lifecycle.unrevoke),
        changes("restoreDocument").post(DOCUMENT + "/restore")(api_lifecycle.restore),
        changes("decideVersion").post(DOCUMENT + "/versions/{number:int}/stage")(
            api_lifecycle.decide
        ),
        reviews.get("/reviews")(api_lifecycle.list_reviews),
    ]


def _collections() -> list[HTTPRouteHandler]:
    def writes(name: str, **more: Any) -> Route:
        return Route(Scope.COLLECTIONS_WRITE, name, "collections", (404, 409), more)

    grants = COLLECTION + "/grants"
    return [
        writes("createCollection", status_code=201).post("/collections")(
            api_collections.create_collection
        ),
        writes("changeCollection").patch(COLLECTION)(api_collections.change_collection),
        writes("deleteCollection").delete(COLLECTION)(api_collections.delete_collection),
        writes("listGrants").get(grants)(api_collections.list_grants),
        writes("setGrant").put(grants)(api_collections.set_grant),
        writes("removeGrant").delete(grants + "/{grant_id:uuid}")(api_collections.remove_grant),
    ]


def _jobs() -> list[HTTPRouteHandler]:
    def writes(name: str, *roles: Role, **more: Any) -> Route:
        return Route(Scope.JOBS_WRITE, name, "jobs", more=more, roles=roles)

    reads = Route(Scope.JOBS_READ, "listJobs", "jobs")
    return [
        reads.get("/jobs")(api_jobs.list_jobs),
        writes("cancelJob").post(JOB + "/cancel")(api_jobs.cancel_job),
        writes("retryJob").post(JOB + "/retry")(api_jobs.retry_job),
        writes("retryAllJobs").post("/jobs/retry")(api_jobs.retry_all),
        writes("pauseJobs", Role.ADMIN, status_code=204).post("/jobs/pause")(api_jobs.pause),
        writes("resumeJobs", Role.ADMIN, status_code=204).post("/jobs/resume")(api_jobs.resume),
    ]


def _people() -> list[HTTPRouteHandler]:
    def reads(name: str) -> Route:
        return Route(Scope.PEOPLE_READ, name, "people", roles=ADMINS)

    def writes(name: str, **more: Any) -> Route:
        return Route(Scope.PEOPLE_WRITE, name, "people", (404, 409), more, ADMINS)

    member = GROUP + "/members/{user_id:uuid}"
    return [
        reads("listUsers").get("/users")(api_people.list_users),
        reads("getUser").get(USER)(api_people.get_user),
        writes("createUser", status_code=201).post("/users")(api_people.create_user),
        writes("changeUser").patch(USER)(api_people.change_user),
        reads("listGroups").get("/groups")(api_people.list_groups),
        reads("getGroup").get(GROUP)(api_people.get_group),
        writes("createGroup", status_code=201).post("/groups")(api_people.create_group),
        writes("deleteGroup").delete(GROUP)(api_people.delete_group),
        writes("addMember").put(member)(api_people.add_member),
        writes("removeMember").delete(member)(api_people.remove_member),
    ]


def _audit() -> list[HTTPRouteHandler]:
    def reads(name: str) -> Route:
        return Route(Scope.AUDIT_READ, name, "audit", roles=AUDITORS)

    status = Route(Scope.STATUS_READ, "systemStatus", "status", roles=ADMINS)
    return [
        reads("listAudit").get("/audit")(api_audit.list_entries),
        reads("getAuditEntry").get("/audit/{seq:int}")(api_audit.get_entry),
        status.get("/status")(api_status.system_status),
    ]


def _questions() -> list[HTTPRouteHandler]:
    def asks(name: str, scope: Scope = Scope.ASK, **more: Any) -> Route:
        return Route(scope, name, "questions", more=more)

    return [
        asks("search", Scope.SEARCH).post("/search")(api_questions.search),
        asks("ask").post("/ask")(api_questions.ask),
        asks("askStream", media_type="text/event-stream").post("/ask/stream")(
            api_questions.ask_stream
        ),
    ]


def _person() -> list[HTTPRouteHandler]:
    def reads(name: str) -> Route:
        return Route(Scope.CONVERSATIONS_READ, name, "person")

    def writes(name: str, **more: Any) -> Route:
        return Route(Scope.CONVERSATIONS_WRITE, name, "person", more=more)

    return [
        # One's own account, which auditors see too.
        Route(None, "me", "person", roles=tuple(Role)).get("/me")(api_conversations.me),
        reads("listConversations").get("/conversations")(api_conversations.list_conversations),
        reads("getConversation").get(CONVERSATION)(api_conversations.get_conversation),
        Route(
            Scope.CONVERSATIONS_READ,
            "exportConversation",
            "person",
            (404, 409),
            {"operation_class": _FileAnswer},
        ).get(CONVERSATION + "/export")(api_conversations.export_conversation),
        writes("renameConversation").patch(CONVERSATION)(api_conversations.rename_conversation),
        writes("deleteConversation").delete(CONVERSATION)(api_conversations.delete_conversation),
        writes("rateAnswer", status_code=204).post(
            CONVERSATION + "/answers/{answer_id:uuid}/rating"
        )(api_conversations.rate_answer),
    ]


@dataclass
class _BinaryBody(Operation):
    """An operation whose body is a file as it is."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        self.request_body = RequestBody(
            content={"application/octet-stream": OpenAPIMediaType(schema=schema)},
            required=True,
        )


@dataclass
class _FileAnswer(Operation):
    """An operation that answers with a file of whatever kind it is."""

    def __post_init__(self) -> None:
        file = OpenAPIMediaType(schema=Schema(content_media_type="application/octet-stream"))
        answer = OpenAPIResponse(description="The file.", content={"*/*": file})
        self.responses = {**(self.responses or {}), "200": answer}
