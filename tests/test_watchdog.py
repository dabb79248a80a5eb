"""The watchdog, in processes of its own: it ends them."""

import subprocess
import sys
import textwrap
import time

from harness.watchdog import EXIT_CODE, Watchdog

HANGS = textwrap.dedent("""
    import sys, time
    from harness.watchdog import Watchdog
    def words(text):
        print(text, flush=True)
        if "{fail}":
            raise RuntimeError("nobody listens")
    with Watchdog(limit_s=0.2, last_words=words).watch("a question"):
        time.sleep(60)
""")


def test_what_takes_too_long_is_ended_with_a_reason():
    for fail in ("", "yes"):
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", HANGS.replace("{fail}", fail)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (EXIT_CODE, "no answer to a question within 0.2 s\n")
        assert time.monotonic() - started < 30


def test_what_ends_in_time_is_left_alone():
    told = []
    with Watchdog(limit_s=60, last_words=told.append).watch("a question"):
        pass
    assert told == []
