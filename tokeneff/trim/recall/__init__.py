"""What was left out, had back."""
