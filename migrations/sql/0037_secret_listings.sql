-- Documents under secrecy are few; a list narrowed to them is found without reading the others.
CREATE INDEX document_listings_secret ON document_listings (secrecy, id) WHERE secrecy > 0;
