"""Finding the passages that answer a question, among those the actor may read."""
