"""What administrators see and set of the installation as a whole."""
