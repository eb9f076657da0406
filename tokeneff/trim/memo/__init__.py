"""Where decisions and originals are kept."""
