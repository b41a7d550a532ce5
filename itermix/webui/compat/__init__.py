"""Every difference between the hosts, and all that is asked of a host's insides.

| question | file |
|---|---|
| what pass is under way, on what, how large | `processing.py` |
| noise, noise conventions, schedules, sampler objects | `sampling.py` |
| pictures to latents and back | `latents.py` |
| conditionings and extra networks | `conditionings.py` |
| the pictures that a prompt edits | `edited.py` |
| random numbers that are nobody's | `randomness.py` |
| how pictures are saved, arranged and shown | `pictures.py` |
| progress, interrupts, the batch tab | `progress.py` |
| the host's settings | `options.py` |
| its page: the accordion, the X/Y/Z plot | `page.py` |
| who is called when | `callbacks.py` |
| methods that are others for a while | `methods.py` |

The rest of `webui/` is handed the host's objects and asks here; the scripts and options, which register with the host,
import it themselves.
"""
