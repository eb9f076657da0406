"""What stands for what was left out together."""
