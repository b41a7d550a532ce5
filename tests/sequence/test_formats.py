"""Prompt schedules as people publish them, written anew in those formats, and what their own programs read in them."""

import pytest

import itermix
from itermix.sequence.formats import read, recognised
from itermix.sequence.plan import overview, plan
from itermix.settings import SettingsError

Settings = itermix.SequenceSettings
FRAMES = 120
# format, text, keyframes of the positive prompts, of the negative ones.
SCHEDULES = {
    "Deforum: the plain form": (
        "Deforum",
        '{\n    "0": "a small garden, morning",\n    "40": "a garden at noon",\n    "80": "a garden by night"\n}',
        {0: "a small garden, morning", 40: "a garden at noon", 80: "a garden by night"},
        {},
    ),
    "Deforum: --neg in some": (
        "Deforum",
        '{"0": "a lake", "30": "a lake in fog --neg people, boats", "60": "a lake again"}',
        {0: "a lake", 30: "a lake in fog", 60: "a lake again"},
        {0: "", 30: "people, boats", 60: ""},
    ),
    "Deforum: max_f": (
        "Deforum",
        '{"0": "seed", "max_f/4": "sprout", "max_f/2-10": "bush", "3*max_f/4": "tree", "max_f-1": "wood"}',
        {0: "seed", 30: "sprout", 50: "bush", 90: "tree", 119: "wood"},
        {},
    ),
    "Deforum: a broken part of a frame is left out": (
        "Deforum", '{"0": "a", "max_f/7": "b", "max_f/3.5": "c"}', {0: "a", 17: "b", 34: "c"}, {},
    ),
    "Deforum: before the first keyframe it holds": ("Deforum", '{"20": "late"}', {0: "late", 20: "late"}, {}),
    "Deforum: out of order": ("Deforum", '{"60": "two", "0": "one"}', {0: "one", 60: "two"}, {}),
    "Deforum: past the end": ("Deforum", '{"0": "a", "500": "b"}', {0: "a", 500: "b"}, {}),
    "Deforum: escapes": (
        "Deforum",
        r'{"0": "a \"neon\" sign, caf\u00e9, \ud83c\udf19", "5": "a (cat\\:1.2) \(hat\)"}',
        {0: 'a "neon" sign, café, 🌙', 5: r"a (cat\:1.2) \(hat\)"},
        {},
    ),
    "Deforum: CRLF": ("Deforum", '{\r\n"0": "a",\r\n"10": "b"\r\n}\r\n', {0: "a", 10: "b"}, {}),
    "Deforum: a byte order mark": ("Deforum", '\ufeff{"0": "a", "10": "b"}', {0: "a", 10: "b"}, {}),
    "Deforum: a Python dictionary": (
        "Deforum", "{\n  0: 'a ship, \"Argo\"',\n  50: \"a harbour\",\n}", {0: 'a ship, "Argo"', 50: "a harbour"}, {},
    ),
    "Deforum: full-width punctuation": (
        "Deforum", "｛“0”：“猫，窓辺”，“10”：“犬”｝", {0: "猫，窓辺", 10: "犬"}, {},
    ),
    "Deforum: weights and LoRAs": (
        "Deforum",
        '{"0": "(masterpiece:1.2), {fox|wolf} <lora:ink:0.6> --neg (blurry:1.3)", "9": "[deer:elk:0.5]"}',
        {0: "(masterpiece:1.2), {fox|wolf} <lora:ink:0.6>", 9: "[deer:elk:0.5]"},
        {0: "(blurry:1.3)", 9: ""},
    ),
    "FizzNodes: the plain form": ("FizzNodes", '"0" :"a cat",\n"30" :"a dog"', {0: "a cat", 30: "a dog"}, {}),
    "FizzNodes: a comma after the last": ("FizzNodes", '"0": "a",\n"30": "b",\n', {0: "a", 30: "b"}, {}),
    "FizzNodes: on one line": ("FizzNodes", '"0":"a","12":"b","24":"c"', {0: "a", 12: "b", 24: "c"}, {}),
    "FizzNodes: line breaks within a prompt are left out": (
        "FizzNodes", '"0": "a castle,\nfog,\nravens",\n"60": "ruins"', {0: "a castle,fog,ravens", 60: "ruins"}, {},
    ),
    "FizzNodes: --neg": (
        "FizzNodes", '"0": "spring --neg snow", "60": "winter --neg leaves"', {0: "spring", 60: "winter"},
        {0: "snow", 60: "leaves"},
    ),
    "FizzNodes: max_f": ("FizzNodes", '"0": "a", "max_f/2": "b", "max_f": "c"', {0: "a", 60: "b", 120: "c"}, {}),
    "FizzNodes: CRLF and a byte order mark": ("FizzNodes", '\ufeff"0": "a",\r\n"9": "b",\r\n', {0: "a", 9: "b"}, {}),
    "FizzNodes: typographic quotes": ("FizzNodes", "“0”: “a kite”, “12”: “a swift”", {0: "a kite", 12: "a swift"}, {}),
    "FizzNodes: full-width colon and comma": ("FizzNodes", '"0"："a"，\n"4"："b"，', {0: "a", 4: "b"}, {}),
    "AnimateDiff: head and tail": (
        "AnimateDiff",
        "best quality, 1girl\n0: spring, cherry trees\n40: summer, a beach\n80: snow\nlooking at viewer",
        {
            0: "best quality, 1girl, spring, cherry trees, looking at viewer",
            40: "best quality, 1girl, summer, a beach, looking at viewer",
            80: "best quality, 1girl, snow, looking at viewer",
        },
        {},
    ),
    "AnimateDiff: lines of both": (
        "AnimateDiff", "one\ntwo\n0: a\n8: b\nthree\nfour",
        {0: "one, two, a, three, four", 8: "one, two, b, three, four"}, {},
    ),
    "AnimateDiff: no tail": ("AnimateDiff", "x\n0: a cat\n8: a dog", {0: "x, a cat", 8: "x, a dog"}, {}),
    "AnimateDiff: holds before the first": ("AnimateDiff", "head\n8: a", {0: "head, a", 8: "head, a"}, {}),
    "AnimateDiff: CRLF, full-width colon": (
        "AnimateDiff", "風景\r\n0：春\r\n60：秋\r\n", {0: "風景, 春", 60: "風景, 秋"}, {},
    ),
    "prompt travel: three stages": (
        "prompt travel", "a seed\na sprout\na tree", {0: "a seed", 60: "a sprout", 119: "a tree"}, {},
    ),
    "prompt travel: blank lines, CRLF": ("prompt travel", "\r\na\r\n\r\n b \r\n", {0: "a", 119: "b"}, {}),
    "prompt travel: lines that begin with digits or ratios": (
        "prompt travel", "1girl, garden\n16:9 picture, lake", {0: "1girl, garden", 119: "16:9 picture, lake"}, {},
    ),
    "itermix: lines below go on": ("itermix", "0: a cat\n8: a dog\nin snow", {0: "a cat", 8: "a dog\nin snow"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("format, text, positive, negative", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_is_read_as_its_program_reads_it(format, text, positive, negative):
    found = read(text, "", "numbered", FRAMES)
    assert (found.format, found.positive, found.negative) == (format, positive, negative)
    assert read(text, "", "numbered", FRAMES, format).positive == positive, "also where the format is given"
    messages = overview(Settings(frames=FRAMES, prompts=text))["messages"]
    assert messages[:1] == ([] if format == "itermix" else [f"Prompts are read as those of {format}"])


BROKEN = {
    "no closing brace": ('{"0": "a",\n"8": "b"', "line 2: the closing brace is missing"),
    "no opening brace": ('"0": "a",\n"8": "b"}', "line 2: a closing brace has none that opens"),
    "text behind the end": ('{"0": "a"}\nbe nice', "line 2: 'be nice' stands behind the closing brace"),
    "no keyframes": ("{}", "line 1: there is no keyframe"),
    "a comma missing": ('{"0": "a"\n"8": "b"}', "line 1: behind the prompt of '0' a comma is missing"),
    "a quotation mark missing at the end": ('{"0": "a",\n"8": "b}', "line 2: the quotation mark .* is not closed"),
    "a quotation mark missing between": ('"0": "a,\n"8": "b"', "line 1: behind the prompt of '0' a comma is missing"),
    "a quotation mark too much": ('"0": "a "big" cat"', "line 1: behind the prompt of '0' a comma"),
    "no colon": ('{"0": "a",\n"8" "b"}', "line 2: behind '8' a colon and the prompt in quotes are missing"),
    "no prompt": ('{"0": "a",\n"8": }', "line 2: the prompt of '8' is not in quotes"),
    "a number for a prompt": ('{"0": "a",\n"8": 3}', "line 2: the prompt of '8' is not in quotes, but '3}'"),
    "a list for a prompt": ('{"0": ["a", "b"]}', "line 1: the prompt of '0' is not in quotes"),
    "two commas": ('"0": "a",,\n"8": "b"', "line 1: a frame in quotes is missing before ',,?'"),
    "an empty prompt": ('{"0": "a",\n"8": ""}', "line 2: frame 8 has no prompt"),
    "nothing but a negative part": ('"0": "a",\n"8": "--neg b"', "line 2: frame 8 has no prompt"),
    "--neg twice": ('{"0": "a --neg b --neg c"}', "line 1: --neg is not allowed twice"),
    "a frame twice": ('{"0": "a",\n"8": "b",\n"8": "c"}', "line 3: '8' .* frame 8 has its prompt in line 2"),
    "a frame twice, by arithmetic": ('{"60": "a",\n"max_f/2": "b"}', "line 2: .* frame 60 has its prompt in line 1"),
    "a frame below 0": ('{"0": "a",\n"-5": "b"}', "line 2: '-5' is no frame number"),
    "half a frame": ('{"0": "a",\n"7.5": "b"}', "line 2: '7.5' is no frame number; it takes a whole number"),
    "a word for a frame": ('{"0": "a",\n"end": "b"}', 'line 2: \'end\' is no frame number; it has "end"'),
    "a frame before the first": ('{"0": "a",\n"max_f-200": "b"}', "line 2: 'max_f-200' is no frame number"),
    "a frame of no arithmetic": ('{"0": "a",\n"max_f/": "b"}', "line 2: 'max_f/' .* is no arithmetic"),
    "a frame that is a program": ('{"__import__(1)": "a"}', "line 1: '__import__\\(1\\)' is no frame number"),
    "a weight that divides by 0": ('"0": "(a:`1/(t-3)`)"', "line 1: the arithmetic of frame 0 divides by 0 at t = 3"),
    "a weight of a variable that there is not": ('"0": "a",\n"8": "(b:`pw_a`)"', 'line 2: .* has "pw_a"'),
    "an open backtick": ('{"0": "(a:`t)"}', "line 1: the arithmetic of frame 0 ends without a backtick"),
    "half a character": (r'{"0": "\ud83c"}', "line 1: the prompt of '0' has half a character"),
    "AnimateDiff: a frame after the tail": ("head\n0: a\ntail\n8: b", "line 4: .* after the first line of the tail"),
    "AnimateDiff: a frame twice": ("head\n0: a\n0: b", "line 3: .* frame 0 has its prompt in line 2"),
    "AnimateDiff: past the end": ("head\n0: a\n120: b", "line 3: .* the last of 120 frames is 119"),
    "AnimateDiff: no prompt": ("head\n0: a\n8:", "line 3: .* frame 8 has no prompt"),
    "frames without colons": ("0 a cat\n8 a dog", "line 1: '0 a cat' .* begins with its frame number, a colon"),
    "one line": ("a cat", "line 1: 'a cat' .* begins with its frame number, a colon"),
}  # fmt: skip


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_schedule_is_refused_by_its_line(text, message):
    with pytest.raises(SettingsError, match=f"^prompts, {message}"):
        Settings(frames=FRAMES, prompts=text)


@pytest.mark.parametrize(
    "text, weights",
    [
        ('{"0": "a", "4": "b"}', [1.0] * 6),  # Deforum holds
        ('"0": "a", "4": "b"', [1.0, 0.25, 0.5, 0.75, 1.0, 1.0]),
        ("x\n0: a\n4: b", [1.0, 0.25, 0.5, 0.75, 1.0, 1.0]),
        ("a\nb", [1.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_between_keyframes_it_does_as_the_program_does(text, weights):
    frames = plan(Settings(frames=6, prompts=text))
    assert [frame.positive.weight for frame in frames] == pytest.approx(weights)
    methods = {frame.positive.method for frame in frames if frame.positive.weight < 1.0}
    assert methods <= {"linear"} if text.startswith('"') else methods <= {"slerp"}
    asked = plan(Settings(frames=6, prompts=text, travel="slerp"))
    assert asked[2].positive.weight < 1.0, "a travel that is asked for is made"


def test_it_travels_towards_a_keyframe_past_the_end():
    frames = plan(Settings(frames=6, prompts='"0": "a", "10": "b"'))
    assert [frame.positive.weight for frame in frames[1:]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    messages = overview(Settings(frames=6, prompts='"0": "a", "10": "b"'))["messages"]
    assert messages[1] == "past the last frame, 5: keyframe 10; 11 frames have all"


def test_arithmetic_between_backticks_is_worked_out_for_each_frame():
    frames = plan(Settings(frames=5, prompts='"0": "(a:`1+t/4`) --neg `t*2`", "4": "(b:`max_f`)"', travel="off"))
    assert [frame.positive.prompt for frame in frames] == ["(a:1.0)", "(a:1.25)", "(a:1.5)", "(a:1.75)", "(b:4)"]
    assert [frame.negative.prompt for frame in frames] == ["0", "2", "4", "6", ""]
    towards = plan(Settings(frames=5, prompts='"0": "(a:`t`)", "4": "(b:`t`)"'))[2].positive
    assert (towards.start, towards.goal) == ("(a:2)", "(b:2)")


def test_backticks_of_our_own_format_and_of_the_hosts_prompt_stay():
    assert plan(Settings(prompts="0: a `t`"))[3].positive.prompt == "a `t`"
    assert plan(Settings(prompts='"0": "a `t`"'), 0, "", "`x`")[3].negative.prompt == "`x`"


def test_pre_and_append_text_go_around_every_keyframe_with_their_negative_parts():
    settings = Settings(
        prompts='"0": "a cat --neg dog", "6": "a fox"',
        pre_text="photo of --neg blurry",
        append_text="at dusk",
        travel="off",
    )
    frames = plan(settings)
    assert (
        frames[0].positive.prompt == "photo of a cat at dusk" and frames[6].positive.prompt == "photo of a fox at dusk"
    )
    assert frames[0].negative.prompt == "blurry dog" and frames[6].negative.prompt == "blurry"
    own = plan(Settings(prompts="6: a fox", pre_text="photo of", travel="off"), 0, "own")
    assert own[0].positive.prompt == "own" and own[6].positive.prompt == "photo of a fox"


def test_the_field_of_negative_prompts_joins_those_of_a_schedule():
    prompts = '{"0": "a --neg b", "6": "c"}'
    assert [frame.negative.prompt for frame in plan(Settings(prompts=prompts, negative_prompts="ugly,\nold"))][::6] == [
        "b ugly, old", "ugly, old",
    ]  # fmt: skip
    assert plan(Settings(prompts="x\n0: a", negative_prompts="ugly"), 0, "", "host")[5].negative.prompt == "ugly"
    with pytest.raises(SettingsError, match="negative_prompts: the prompts have --neg already"):
        Settings(prompts=prompts, negative_prompts="0: x")
    keyed = plan(Settings(prompts='{"0": "a"}', negative_prompts='{"0": "x", "6": "y"}', travel="off"))
    assert [frame.negative.prompt for frame in keyed][5:7] == ["x", "y"]


def test_stages_of_negative_prompts_go_together_with_the_positive_ones():
    frames = plan(Settings(frames=5, prompts="a\nb", negative_prompts="m\nn\no", travel="off"))
    assert [frame.positive.prompt for frame in frames] == ["a", "a", "b", "b", "b"]
    assert [frame.negative.prompt for frame in frames] == ["m", "m", "n", "n", "o"]
    with pytest.raises(SettingsError, match="7 stages are not allowed in 5 frames"):
        Settings(frames=5, prompts="\n".join("abcdefg"))


def test_a_given_format_is_held_to():
    text = "0: a\n8: b\nthe tail"
    assert read(text, "", "numbered", 12).positive == {0: "a", 8: "b\nthe tail"}
    assert read(text, "", "numbered", 12, "AnimateDiff").positive == {0: "a, the tail", 8: "b, the tail"}
    with pytest.raises(SettingsError, match="prompts, line 1: "):
        Settings(prompts=text, prompt_format="Deforum")
    with pytest.raises(SettingsError, match='keyframes: "linear" is for a plain list'):
        Settings(prompts=text, prompt_format="Deforum", keyframes="linear")


def test_an_empty_field_leaves_the_hosts_prompt_whatever_the_format():
    for format in ("automatic", "Deforum", "AnimateDiff", "prompt travel"):
        assert plan(Settings(prompt_format=format, pre_text="x"), 0, "own")[0].positive.prompt == "own"


@pytest.mark.parametrize("text", ['0: {"0": "a"}', "0: a\nx\n5: b", '0: "a"\n4: "b"'])
def test_what_was_itermixs_own_stays_so(text):
    assert recognised(text) == "itermix"


def test_a_plain_list_stays_one():
    assert read("{a|b}\nc", "", "linear", 4).positive == {0: "{a|b}", 2: "c"}


def test_the_settings_with_a_schedule_go_through_a_picture_and_back():
    settings = Settings(prompts='"0": "a\nb", "max_f/2": "c",', pre_text="x --neg y", prompt_format="FizzNodes")
    assert Settings.from_infotext(settings.to_infotext()) == settings
