"""The web door: reads a request, calls one function, shows the result."""
