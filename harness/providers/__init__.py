"""Models that answer prompts, one file each behind one small protocol."""
