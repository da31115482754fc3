"""Who the people are: accounts, groups, passwords and sessions."""
