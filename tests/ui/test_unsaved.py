"""Nothing of ours is among the first values that a WebUI keeps: by its own rule, on the real gradio if it is there."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In a process of its own: other tests put recorders in the place of gradio's components.
PROGRAM = """
import json, gradio as gr
from tests.webui import fake_modules
fake_modules.install()
from itermix.webui.mixing.script import IterativeMixing
from itermix.webui.sequence.script import LatentSequence

def kept(block):
    if getattr(block, "children", None):
        return [key for child in block.children for key in kept(child)]
    name = getattr(block, "label", None) or (block.value if isinstance(block, gr.Button) else None)
    return [] if name is None or getattr(block, "do_not_save_to_config", False) else [name]

with gr.Blocks() as page:
    gr.Slider(label="of the host")
    with gr.Group():
        for script in (IterativeMixing(), LatentSequence()):
            script.ui(False)
            script.ui(True)
    gr.Slider(label="after ours")
print(json.dumps(kept(page)))
"""


@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs gradio")
def test_only_what_is_not_ours_is_kept():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["of the host", "after ours"]
