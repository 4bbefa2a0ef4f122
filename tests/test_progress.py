"""One display for a whole run, in a terminal; bars of their own elsewhere."""

from __future__ import annotations

import contextlib
import io

from symdfi import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_it_is_at_is_shown_at_once():
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), progress.display("chain"):
        assert "chain: loading" in terminal.getvalue()
        progress.phase("compiling")
        assert "chain: compiling" in terminal.getvalue()


def test_bars_count_together_and_never_begin_anew():
    terminal = Terminal()
    with contextlib.redirect_stderr(terminal), progress.display("chain"):
        progress.phase("evolving")
        seen = []
        with progress.together(30):
            for begun in (0, 5):
                with progress.bar(total=15, initial=begun, desc="evolve") as bar:
                    for _ in range(15 - begun):
                        bar.update()
                        seen.append(bar.n)
        assert seen == sorted(seen) and seen[-1] == 30
        with progress.bar(total=3, initial=1, desc="train") as bar:
            bar.update()
            bar.set_postfix_str("loss 1", refresh=False)
            assert (bar.n, bar.total) == (2, 3)
        progress.phase("measuring")
    assert terminal.getvalue().count("evolve") == 0


def test_nothing_in_a_pipe():
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream), progress.display("chain"), progress.together(3):
        progress.phase("evolving")
        with progress.bar(total=3, desc="evolve") as bar:
            bar.update()
    assert stream.getvalue() == ""
