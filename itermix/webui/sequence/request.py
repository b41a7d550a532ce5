"""All sequences of one request: a batch count makes one after the other, a resumed request those that are left."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itermix.sequence.plan import plan
from itermix.sequence.seeds import SEEDS
from itermix.sequence.settings import SequenceSettings
from itermix.settings import SettingsError
from itermix.webui.compat import processing, progress
from itermix.webui.sequence.results import DATA_KEY, MESSAGES_KEY, VIDEO_KEY, say
from itermix.webui.sequence.run import LONGEST_ERROR, Sequence, find_first_frame

FOLDER = "itermix-sequences"
FINISHED = "all {} frames of the last sequence are finished already"


@dataclass
class Made:
    """The host's Processed of a sequence or of several: grid, frames, masks and films; and how many are frames."""

    processed: Any
    frames: int

    def join(self, other: Made) -> None:
        """Adds another sequence's results; each keeps its grid before its frames. An unfinished picture is left out."""
        first, second = self.processed, other.processed
        first.comments += second.comments
        if not other.frames:
            return
        first.images += second.images
        first.infotexts += second.infotexts
        for key in (VIDEO_KEY, DATA_KEY, MESSAGES_KEY):
            if key in second.extra_generation_params:
                files = [*first.extra_generation_params.get(key, []), *second.extra_generation_params[key]]
                first.extra_generation_params[key] = files
        for name in ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds"):
            setattr(first, name, [*getattr(first, name), *getattr(second, name)])


def run(p: Any, settings: SequenceSettings, return_video: bool = False, cells: int = 0) -> Made:
    """All frames, grid first; the paths of the videos in the generation parameters.

    return_video: puts the files there too. cells: of a plot, to come with this one; 0 where there is none. Raises
    SettingsError for what cannot be done.
    """
    p = copy.copy(p)  # the caller, such as img2img's batch tab, goes on with its own
    processing.fix_seed(p)
    p.batch_size, p.subseed_strength = processing.images_of_batch(p), p.subseed_strength or 0
    picture = None if cells else progress.picture_of_batch_tab(p)  # a plot counts its cells as the tab its pictures
    folder = f"{FOLDER}/{picture}" if picture else FOLDER
    sequences = []
    for number in range(p.n_iter):
        own, before = copy.copy(p), number * settings.frames * p.batch_size
        if p.subseed_strength:  # then it is the variation seed that counts up, as in the host
            own.subseed = int(p.subseed) + before
        first = int(p.seed) if p.subseed_strength else (int(p.seed) + before) % SEEDS
        frames = plan(settings, first, p.prompt, p.negative_prompt)
        if frames[0].cfg is not None:  # until a frame has its own, the largest: at 1 some hosts leave out what the
            own.cfg_scale = max(frame.cfg for frame in frames)  # negative prompts of other frames need
        sequences.append(Sequence(own, settings, frames, number, Path(p.outpath_samples).absolute() / folder))
        sequences[-1].results.return_video = return_video
    sequences = _unfinished(sequences, settings, is_of_many=picture is not None)
    if not sequences:
        return _nothing(p, FINISHED.format(settings.frames))
    _count_jobs(sequences, cells or progress.pictures_left_in_batch_tab(p))
    return _all_of(sequences) or _nothing(p, "stopped before its first frame was finished")


def plain(p: Any) -> Any:
    """The host's Processed of the request without a sequence."""
    return processing.process_images(p)


def _nothing(p: Any, why: str) -> Made:
    """What is handed out where no sequence was begun."""
    made = Made(processing.no_pictures(p), 0)
    say(made.processed, why)
    return made


def _all_of(sequences: list[Sequence]) -> Made | None:
    """The results of all sequences, up to the first one that is stopped before its first frame."""
    made = None
    for sequence in sequences:
        if progress.is_stopping():
            break
        try:
            own = Made(*sequence.run())
        except Exception as error:  # of its first frame: the sequences before it are there
            if made is None:
                raise
            say(made.processed, f"the next sequence was stopped by {type(error).__name__}: {error}"[:LONGEST_ERROR])
            break
        if made is None:
            made = own
        else:
            made.join(own)
    return made


def _unfinished(sequences: list[Sequence], settings: SequenceSettings, is_of_many: bool) -> list[Sequence]:
    """Those to be made. With resume the finished ones are left out, and one that never began is made from its start.

    is_of_many: they are of one of the batch tab's pictures, of which all or none may be finished; there may be none
    left then. Raises SettingsError.
    """
    if not settings.resume:
        for sequence in sequences:  # a later resume is not to find the state of an older run
            with suppress(OSError):
                sequence.state.unlink(missing_ok=True)
        return sequences
    for sequence in sequences:
        find_first_frame(sequence, may_be_new=is_of_many or sequence.number > 0)
    left = [sequence for sequence in sequences if sequence.skips < len(sequence.frames)]
    if not left and not is_of_many:
        raise SettingsError(f"resume: {FINISHED.format(settings.frames)}")
    return left


def _count_jobs(sequences: list[Sequence], cells: int) -> None:
    """So that the host's progress goes from 0 to 1 over all of them, and never back. A plot's cells count as alike."""
    progress.expect_passes(cells * sum(map(_jobs, sequences)))


def _jobs(sequence: Sequence) -> int:
    """How many sampling passes are to come."""
    p, left = sequence.p, sequence.frames[sequence.skips :]
    is_image = processing.is_img2img(p)
    backwards = [
        frame for frame in left if frame.unsample_steps is not None and frame.denoise and (frame.index or is_image)
    ]
    return len(left) + len(backwards) + (not sequence.skips and bool(getattr(p, "enable_hr", False)))
