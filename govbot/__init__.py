"""GovBot: an on-premise assistant for the documents of an organisation, with citations."""

__version__ = "0.1.0"
