"""The choice of a preset, and the user's own presets: save, rename, delete.

Choosing one, and telling which one the fields are at, happens in the browser (javascript/itermix_presets.js): a moved
slider asks the server nothing. The server is asked when the page is loaded, and to write.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable
from typing import Any

import gradio as gr

from itermix.presets import CUSTOM, Offer, Presets, PresetsError
from itermix.settings import SettingsError
from itermix.ui.events import in_browser, on_server
from itermix.ui.fields import build_help

HELP = (
    "<b>Save</b> keeps all fields of this script but pictures and texts under that name, in place of an older one. "
    "<b>Rename</b> gives the preset chosen here that name. "
    "<b>Delete</b> removes the preset chosen here from the file."
)


class PresetControls:
    """The controls of one page's presets. prefix: of the element ids; label: of the choice; values: the fields'
    first ones, by name; without: the fields that this page does not have, which its presets leave alone."""

    def __init__(
        self, prefix: str, label: str, presets: Presets, values: dict[str, Any], without: tuple[str, ...] = ()
    ):
        self.prefix, self.label, self.presets = prefix, label, presets
        self.names = [field.name for field in presets.fields() if field.name not in without]
        self.offer = self._offered()
        self.first = self.offer.name_of({name: values[name] for name in self.names})

    def build_choice(self) -> None:
        """The list of presets; its first value is the one that the fields are at."""
        self.choice = gr.Dropdown(
            label=self.label,
            choices=choices(self.offer),
            value=self.first,
            elem_id=f"{self.prefix}_preset",
            info="Sets the fields below to values that are known to work.",
        )

    def build_trouble(self) -> None:
        """A line that is there only where the file of presets cannot be used."""
        text = self.offer.trouble
        self.trouble = gr.HTML(unusable(text), visible=bool(text), elem_id=f"{self.prefix}_preset_trouble")
        self.stored = gr.Textbox(self.offer.stored(), visible=False, elem_id=f"{self.prefix}_preset_stored")

    def build_own(self) -> None:
        """A folded group to save the fields, and to rename and delete what was saved."""
        with gr.Accordion("Your presets", open=False, elem_id=f"{self.prefix}_presets_group"):
            with gr.Row():
                self.own = gr.Dropdown(
                    label="Saved preset",
                    choices=self.offer.own,
                    value=None,
                    elem_id=f"{self.prefix}_preset_own",
                    info="The one to rename or to delete.",
                )
                self.name = gr.Textbox(
                    label="Name",
                    max_lines=1,
                    elem_id=f"{self.prefix}_preset_name",
                    info="The name to save the fields under, or the new name.",
                )
            with gr.Row():
                self.save, self.rename, self.delete = (
                    gr.Button(title, size="sm", min_width=60, elem_id=f"{self.prefix}_preset_{title.lower()}")
                    for title in ("Save", "Rename", "Delete")
                )
            build_help(HELP)
            self.answer = gr.HTML(elem_id=f"{self.prefix}_preset_answer")

    def connect(self, components: dict[str, Any]) -> None:
        """Ties the controls to the fields' components."""
        fields = [components[name] for name in self.names]
        known = [self.stored, self.choice, *fields]
        in_browser(self.choice.input, "(...all) => itermix.presetValues(...all)", known, fields)
        for field in fields:
            in_browser(field.change, "(...all) => itermix.presetOf(...all)", known, [self.choice])
        shown = [self.choice, self.stored, self.trouble, self.own]
        changed = [*shown, self.name, self.answer]
        on_server(self.save.click, self._save, [self.name, *fields], changed)
        on_server(self.rename.click, self._rename, [self.own, self.name, *fields], changed)
        on_server(self.delete.click, self._delete, [self.own, *fields], changed)
        gr.context.Context.root_block.load(self._refresh, fields, shown, show_progress="hidden", queue=False)

    def _offered(self) -> Offer:
        """What there is, as far as this page has the fields."""
        offer = self.presets.offer()
        values = {name: {field: of[field] for field in self.names} for name, of in offer.values.items()}
        return dataclasses.replace(offer, values=values)

    def _save(self, name: str, *values: Any) -> list[Any]:
        def write() -> tuple[str, str]:
            kept = self.presets.offer().values.get(str(name).strip(), {})  # of the fields that this page has not
            saved = self.presets.save(name, {**kept, **dict(zip(self.names, values))})
            return saved, f'Saved "{saved}".'

        return self._changed(write, name, values)

    def _rename(self, own: str | None, name: str, *values: Any) -> list[Any]:
        def write() -> tuple[str, str]:
            new = self.presets.rename(_chosen(own), name)
            return new, f'Renamed "{own}" to "{new}".'

        return self._changed(write, name, values)

    def _delete(self, own: str | None, *values: Any) -> list[Any]:
        def write() -> tuple[None, str]:
            self.presets.delete(_chosen(own))
            return None, f'Deleted "{own}".'

        return self._changed(write, "", values)

    def _changed(self, write: Callable, name: str, values: tuple[Any, ...]) -> list[Any]:
        """Updates of all controls after a change of the file, or with the reason why there was none."""
        try:
            own, answer = write()
        except (PresetsError, SettingsError) as error:
            return [*self._refresh(*values), name, message(str(error))]
        choice, kept, trouble, _ = self._refresh(*values, prefer=own)
        return [choice, kept, trouble, gr.update(choices=self.presets.offer().own, value=own), "", message(answer)]

    def _refresh(self, *values: Any, prefer: str | None = None) -> list[Any]:
        """Updates of the choice, of what the browser knows, of the trouble and of the list of own presets."""
        offer = self._offered()
        name = offer.name_of(dict(zip(self.names, values)), prefer)
        return [
            gr.update(choices=choices(offer), value=name),
            offer.stored(),
            gr.update(value=unusable(offer.trouble), visible=bool(offer.trouble)),
            gr.update(choices=offer.own),
        ]


def choices(offer: Offer) -> list[str]:
    """What the list shows: the presets' names, after the name of what is no preset."""
    return [CUSTOM, *offer.values]


def unusable(trouble: str) -> str:
    """HTML that says why the file of presets cannot be used; "" where it can."""
    return message(f"Your own presets: {trouble}.") if trouble else ""


def message(text: str) -> str:
    """A line of text as HTML."""
    return f'<p class="itermix-message">{html.escape(text)}</p>' if text else ""


def _chosen(own: str | None) -> str:
    if not own:
        raise PresetsError("choose one of your saved presets first")
    return own
