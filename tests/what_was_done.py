"""What a picture and the log have to say where nothing was mixed: the same on a real WebUI and on the fake one."""

KEY, NOT_DONE = "Iterative Mixing: ", "Iterative Mixing not done: "
ON = {"enabled": True}
# (settings, whether there is a hires pass, the reason)
NOTHING_MIXED = [
    (ON, False, "txt2img's first pass has no reference"),
    ({**ON, "passes": "hires pass"}, False, "passes is set to hires pass"),
    ({**ON, "reference": "uploaded image"}, True, "reference is set to uploaded image"),
    ({**ON, "start": 0.0, "stop": 0.01}, True, "the weight is 0 at every step"),
]


def assert_said(made, reason):
    assert any(f"nothing mixed: {reason}" in line for line in made.log), made.log
    assert all(KEY not in text and NOT_DONE in text for text in made.infotexts)
    assert all(reason.partition(",")[0] in text for text in made.infotexts)
