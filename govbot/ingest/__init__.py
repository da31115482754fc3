"""The path of a document: received, extracted, cut into chunks, indexed."""
