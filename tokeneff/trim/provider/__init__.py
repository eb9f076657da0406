"""What a provider leaves out itself."""
