"""What everything that keeps a SQLite file shares."""
