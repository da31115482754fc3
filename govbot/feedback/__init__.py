"""What people think of answers, what they asked in vain, and what curators make of it."""
