"""The always-on script "Iterative Mixing", as the host calls it. What it does to a pass is in `passes.py`."""

from __future__ import annotations

from modules import scripts

from itermix.mixing.settings import MixingSettings
from itermix.settings import SettingsError
from itermix.ui.accordion import build_mixing_accordion, pasted, plain_switch
from itermix.ui.unsaved import unsaved
from itermix.webui import api, infotext, options, presets, refusals, run_state, xyz
from itermix.webui.compat import callbacks, page
from itermix.webui.compat import options as host_options
from itermix.webui.log import log
from itermix.webui.mixing import arguments

# In the infotext, where a client of the API finds them; nothing reads them back.
KEY = MixingSettings.infotext_key
# Why the settings, and why no pass, could be used.
REFUSED_KEY, NOT_DONE_KEY = refusals.key_of(MixingSettings), f"{KEY} not done"


def register() -> None:
    """At each load of the scripts: a host that reloads its page forgets all callbacks."""
    options.register()
    presets.register()
    xyz.register()
    api.register()
    callbacks.on_image_saved(_image_saved)


class IterativeMixing(scripts.Script):
    """Stateless but for the pictures that were decoded and encoded for the run under way: another extension may make
    pictures of its own in the middle of it, with the same scripts."""

    def __init__(self):
        super().__init__()
        self.handed, self.encoded = arguments.Handed(), {}

    def title(self):
        return MixingSettings.title

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        tab = "img2img" if is_img2img else "txt2img"
        switch = page.input_accordion() or plain_switch
        with unsaved():
            components = build_mixing_accordion(tab, presets.MIXING, options.first_mixing_settings(), switch)
        self.infotext_fields = infotext.fields(pasted(tab, components))
        self.paste_field_names = [KEY]
        return list(components.values())

    def before_process(self, p, *args):
        """Before an extension that shares a batch among machines writes the arguments down: a picture is no JSON."""
        from itermix.webui.compat import processing  # late: a host's start waits for every import

        if processing.shares_batches(p):
            start, end = self.args_from, self.args_to
            p.script_args = [*p.script_args[:start], *arguments.written_down(args), *p.script_args[end:]]

    def process(self, p, *args):
        from itermix.webui.compat import processing

        self.encoded.clear()
        self.handed.begin(host_options.background())
        run_state.change(p, settings_text=None)
        for key in (KEY, REFUSED_KEY, NOT_DONE_KEY):  # of an earlier run: the cells of a plot share them
            p.extra_generation_params.pop(key, None)
        try:
            request = self._request(p, args)
            has_own = processing.is_img2img(p) and not processing.masked_content_is_noise(p)
            if request is not None and request.uses_upload(has_own):
                request.upload.picture()  # damaged data are refused now, not in the middle of the run
            if request is not None and request.uses_mask:
                request.mask.mask()
        except SettingsError as error:
            refusals.say(p, MixingSettings, error)
            return
        if request is not None and arguments.is_enabled(args, xyz.values_of(p)):
            text = request.settings.to_infotext()
            run_state.change(p, settings_text=text)
            p.extra_generation_params[KEY] = text

    def process_batch(self, p, *args, **kwargs):
        """The infotext of a batch says that it is mixed until it is known what has come of it."""
        run_state.change(p, outcome=run_state.Outcome())
        self._replace_hires(p, args)

    def postprocess_batch(self, p, *args, **kwargs):
        """Now it is known, and the host has written no infotext yet."""
        state, params = run_state.of(p), p.extra_generation_params
        if state.hires is not None:
            state.hires.close()
            run_state.change(p, hires=None)
        if state.outcome is None:
            return
        params.pop(NOT_DONE_KEY, None)
        if state.settings_text is None:
            return
        if state.sequence is not None and state.sequence.frame is not None:
            state.sequence.has_mixed |= state.outcome.is_mixed
        if state.outcome.is_mixed or _is_claimed_by(state.sequence, state.outcome, state.settings_text):
            params[KEY] = state.settings_text
        else:
            params.pop(KEY, None)
            params[NOT_DONE_KEY] = _why_not(state)

    def process_before_every_sampling(self, p, *args, **kwargs):
        from itermix.webui.mixing import passes

        passes.begin(p)
        state = run_state.of(p)
        if state.hires is not None:
            state.hires.prepare()
        if state.sequence is not None:
            state.sequence.host.capture()
        try:
            request = self._request(p, args)
        except SettingsError:
            return  # said in process
        if request is not None:
            passes.attach(p, request, kwargs["x"], kwargs["noise"], self.encoded)

    def _request(self, p, args):
        """What is asked for; None where mixing is not. Raises SettingsError."""
        request = arguments.read(args, xyz.values_of(p), self.handed)
        if request is None and run_state.of(p).upscaling is not None:  # which mixes by itself, with the defaults
            request = arguments.MixingRequest(MixingSettings(enabled=True), None)
        if request is not None:
            from itermix.webui.upscale import hires

            hires.check(p, request.settings)
        return request

    def _replace_hires(self, p, args):
        """Before a batch with hires fix: its second pass may be ours."""
        from itermix.webui.compat import processing

        if run_state.of(p).settings_text is None or not processing.has_hires(p):
            return
        from itermix.webui.upscale import hires

        hires.replace(p, self._request(p, args).settings)

    def postprocess_image(self, p, picture, *args):
        if not hasattr(scripts.Script, "postprocess_image_after_composite"):  # an older host
            self.postprocess_image_after_composite(p, picture)

    def postprocess_image_after_composite(self, p, picture, *args):
        """The last look at a finished picture: a frame of a sequence goes to the disk."""
        from itermix.webui.mixing import trace

        trace.begin_image(p)
        sequence = run_state.of(p).sequence
        if sequence is not None:
            picture.image = sequence.keep(picture.image)

    def postprocess(self, p, processed, *args):
        from itermix.webui.mixing import passes

        sequence = run_state.of(p).sequence
        if sequence is not None:
            sequence.finish(processed)
        self.encoded.clear()
        self.handed.clear()
        passes.detach(p)
        run_state.change(p, outcome=None, settings_text=None)


def _image_saved(saved):
    from itermix.webui.mixing import trace

    trace.save_beside(saved)


def _why_not(state):
    """Why nothing was mixed into a batch, by the run's state."""
    if state.outcome.reasons:
        return "; ".join(dict.fromkeys(state.outcome.reasons))
    from itermix.webui.compat import progress  # late: a host's start waits for every import

    if progress.is_interrupted():
        reason = "the run was interrupted before the pass that was to be mixed"
    elif state.attachment is not None and not state.attachment.is_spent:
        reason = "the sampler that was to be mixed was not used; another extension has put its own in its place"
    elif state.sequence is not None:
        reason = "the frame's denoise is 0: it is not sampled"
    else:
        reason = "no pass was expected to be mixed"
    log.info(f"nothing mixed: {reason}")  # no pass has said it
    return reason


def _is_claimed_by(sequence, outcome, settings_text):
    """Whether a frame into which nothing was mixed is one of a sequence that is mixed."""
    if sequence is None:
        return False
    from itermix.webui.sequence.run import mixes_frames

    is_tried = sequence.frame is not None and bool(outcome.reasons)
    if is_tried and not sequence.has_mixed:
        return False
    return mixes_frames(sequence, MixingSettings.from_infotext(settings_text))
