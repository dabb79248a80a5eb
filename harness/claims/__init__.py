"""Claims over a whole study, judged by its cases: each holds, fails, or cannot be told and says what it would need."""
