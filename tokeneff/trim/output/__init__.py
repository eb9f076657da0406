"""What is asked of replies, and where their streams are cut."""
