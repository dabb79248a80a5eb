"""Questions and passages made into prompts, and answers read back."""
