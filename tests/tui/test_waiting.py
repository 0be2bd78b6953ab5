from core.events import Notice, Progress
from tui.waiting import wait_for


def work():
    print("a user's network prints")
    yield Notice("found \x1b[2J something")
    yield Progress("decoding", 1, 2, "images")
    yield Progress("counting", 1, None)
    return 42


def test_the_result_is_returned_and_all_news_go_to_the_standard_error(capsys):
    assert wait_for(work()) == 42
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "a user's network prints\nfound �[2J something\n"  # no bar: it is no terminal


def test_a_terminal_sees_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert wait_for(work()) == 42
    out, err = capsys.readouterr()
    assert out == ""
    assert "counting" in err


def test_nothing_to_wait_for_is_no_news(capsys):
    def nothing():
        yield from ()
        return "done"

    assert wait_for(nothing()) == "done"
    assert capsys.readouterr() == ("", "")
