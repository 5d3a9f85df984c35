"""Who did what, and when: `log` writes it down and reads it back."""
