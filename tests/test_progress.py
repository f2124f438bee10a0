"""The progress bar draws on terminals only, at most once a percent, and cleans up."""

import io

import pytest

from roofline.view.progress import Bar


class Terminal(io.StringIO):
    """A stream that counts as a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_nothing_is_drawn_where_the_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    with Bar(stream) as bar:
        bar.show(1, 2, "fma")
    assert stream.getvalue() == ""


def test_the_bar_says_how_far_and_what() -> None:
    terminal = Terminal()
    Bar(terminal).show(1, 2, "triad")
    assert terminal.getvalue().startswith("\r")
    assert terminal.getvalue().count("━") == terminal.getvalue().count("╌") == 15
    assert " 50 %  triad" in terminal.getvalue()


def test_a_percent_is_drawn_once() -> None:
    terminal = Terminal()
    bar = Bar(terminal)
    for done in range(1000):
        bar.show(done, 1000, "read")
    assert terminal.getvalue().count("\r") == 100


def test_every_drawing_is_as_wide_as_the_one_it_replaces() -> None:
    terminal = Terminal()
    bar = Bar(terminal)
    bar.show(0, 3, "a name that is far too long for the bar")
    bar.show(3, 3, "x")
    first, second = terminal.getvalue().split("\r")[1:]
    assert len(first) == len(second)


def test_no_work_is_no_error() -> None:
    terminal = Terminal()
    Bar(terminal).show(0, 0, "nothing")
    assert "  0 %" in terminal.getvalue()


def test_the_line_is_wiped_at_the_end() -> None:
    terminal = Terminal()
    with Bar(terminal) as bar:
        bar.show(1, 2, "fma")
    assert terminal.getvalue().endswith("\r\x1b[K")


def interrupted(terminal: Terminal) -> None:
    with Bar(terminal) as bar:
        bar.show(1, 2, "fma")
        raise KeyboardInterrupt


def test_the_line_is_wiped_after_an_interrupt_which_goes_on() -> None:
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt):
        interrupted(terminal)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_what_was_never_drawn_is_not_wiped() -> None:
    terminal = Terminal()
    with Bar(terminal):
        pass
    assert terminal.getvalue() == ""
