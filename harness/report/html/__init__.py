"""The page that people open: one file that holds the report, its figures and every case."""
