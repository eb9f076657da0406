"""What is left out of histories: when that pays, how much, and what a window forces."""
