"""Collections, documents, their versions and text, and who may read them."""
