"""Identifiers that leave the system: UUIDv7, unguessable and sortable by time (RFC 9562)."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

UserId = NewType("UserId", UUID)
GroupId = NewType("GroupId", UUID)
CollectionId = NewType("CollectionId", UUID)
DocumentId = NewType("DocumentId", UUID)
VersionId = NewType("VersionId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
NodeId = NewType("NodeId", UUID)


def new_id() -> UUID:
    """A new random identifier."""
    return uuid7()
