import json
import math

from tui.json_output import print_json


def test_json_is_one_line_and_has_words_for_what_is_not_finite(capsys):
    print_json({"a": [1.5, math.nan], "b": {"c": math.inf}, "d": (-math.inf, None, "x\ny", True)})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out, parse_constant=None) == {
        "a": [1.5, "NaN"],
        "b": {"c": "Infinity"},
        "d": ["-Infinity", None, "x\ny", True],
    }
